using System.Text.Json;
using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Models.Diffusers;
using Mezzotint.Models.Onnx;
using Mezzotint.Networks;
using Mezzotint.Tests.Formats;
using Mezzotint.Text;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Models;

/// <summary>Whole models in the layout of diffusers: a published one of small random weights, and ours.</summary>
public class DiffusersFolderTests
{
    private static readonly string[] Weights =
        ["unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model"];

    private static string Published => TinyStableDiffusion.PathOf("pipeline");

    [Fact]
    public void A_published_folder_says_what_its_parts_say()
    {
        var info = ModelFolder.ReadInfo(Published);
        Assert.True(ModelFolder.Exists(Published));
        Assert.Equal((64, 64, 3, false), (info.Height, info.Width, info.Channels, info.Model.HasClasses));
        Assert.Equal((4, 16, 16), info.Numbers);
        Assert.Equal(("plms", "leading-plus-one", true, 7.5),
            (info.Sampling.Sampler, info.Sampling.Levels, info.Sampling.LeavesNoise, info.Sampling.Guidance));
        Assert.Empty(info.ClassNames);
    }

    [Fact]
    public void A_published_model_is_written_with_the_tensors_that_it_had()
    {
        using var temporary = new TemporaryFolder();
        string folder = temporary.File("model");
        using (var model = ModelFolder.Read(Published))
            ModelFolder.Write(folder, model.Network, model.Info);
        foreach (string weights in Weights)
            AssertSameTensors(
                SafetensorsFile.Read(Path.Combine(Published, $"{weights}.safetensors")).Tensors,
                SafetensorsFile.Read(Path.Combine(folder, $"{weights}.safetensors")).Tensors);
        using var again = ModelFolder.Read(folder);
        using var first = ModelFolder.Read(Published);
        Assert.Equal(first.Info.Model, again.Info.Model);
        Assert.Equal(first.Info.Process, again.Info.Process);
        Assert.Equal(first.Info.Sampling, again.Info.Sampling);
        Assert.Equal((first.Info.Provenance, first.Info.Numbers), (again.Info.Provenance, again.Info.Numbers));
        Assert.Equal(ModelFolder.Hash(folder), ModelFolder.Hash(folder));
        Assert.NotEqual(ModelFolder.Hash(Published), ModelFolder.Hash(folder)); // other bytes: names of the attention, metadata
    }

    /// <summary>Every key that the original wrote is there, with its value; it may have more, as newer versions do.</summary>
    [Theory]
    [InlineData("model_index.json")]
    [InlineData("unet/config.json")]
    [InlineData("vae/config.json")]
    [InlineData("scheduler/scheduler_config.json")]
    public void The_originals_keys_are_written_with_their_values(string file)
    {
        using var temporary = new TemporaryFolder();
        string folder = temporary.File("model");
        using (var model = ModelFolder.Read(Published))
            ModelFolder.Write(folder, model.Network, model.Info);
        using var original = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Published, file)));
        using var written = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, file)));
        foreach (var key in original.RootElement.EnumerateObject().Where(key => key.Name != "_diffusers_version"))
        {
            Assert.True(written.RootElement.TryGetProperty(key.Name, out var value), key.Name);
            Assert.True(JsonElement.DeepEquals(key.Value, value), $"{key.Name}: {value} instead of {key.Value}");
        }
    }

    [Fact]
    public void A_model_of_half_the_bytes_keeps_its_weights_to_a_rounding()
    {
        using var temporary = new TemporaryFolder();
        using var scope = NewDisposeScope();
        string folder = temporary.File("model");
        using var model = ModelFolder.Read(Published);
        foreach (var precision in new[] { ElementType.Float16, ElementType.BFloat16 })
        {
            ModelFolder.Write(folder, model.Network, model.Info, precision);
            foreach (string weights in Weights)
                Assert.All(SafetensorsFile.Read(Path.Combine(folder, $"{weights}.safetensors")).Tensors.Values,
                    tensor => Assert.Equal(precision, tensor.Type));
            using var again = ModelFolder.Read(folder);
            foreach (var (wanted, read) in model.Network.parameters().Zip(again.Network.parameters()))
                TensorAssert.Close(wanted, read, precision == ElementType.Float16 ? 1.0 / 2048 : 1.0 / 256);
        }
    }

    [Fact]
    public void All_parts_become_files_of_onnx()
    {
        using var temporary = new TemporaryFolder();
        using var model = ModelFolder.Read(Published);
        string path = temporary.File("tiny.onnx");
        OnnxFile.Write(path, model.Network, model.Info);
        string[] parts = ["tiny.decoder.onnx", "tiny.encoder.onnx", "tiny.text.onnx"];
        Assert.Equal(parts, OnnxFile.WriteParts(path, model).Select(Path.GetFileName));
        Assert.All(parts.Prepend("tiny.onnx"), part => Assert.True(new FileInfo(temporary.File(part)).Length > 10_000, part));
    }

    [Fact]
    public void A_variant_alone_is_taken()
    {
        using var temporary = new TemporaryFolder();
        string folder = Copied(temporary);
        foreach (string weights in Weights)
            File.Delete(Path.Combine(folder, $"{weights}.safetensors"));
        using var model = ModelFolder.Read(folder);
        Assert.Equal(ElementType.Float16,
            SafetensorsFile.Read(Path.Combine(folder, $"{Weights[0]}.fp16.safetensors")).Tensors.Values.First().Type);
    }

    [Fact]
    public void A_variant_is_read_where_it_is_asked_for()
    {
        using var scope = NewDisposeScope();
        var half = new ModelOpening { Variant = "fp16" };
        using var plain = ModelPath.Read(Published);
        using var read = ModelPath.Read(Published, half);
        foreach (var (wanted, got) in plain.Network.parameters().Zip(read.Network.parameters()))
            Assert.True(wanted.to(float16).to(float32).equal(got).all().item<bool>());
        Assert.All(ModelPath.PartsOf(Published, half), part => Assert.Equal([ElementType.Float16], part.Types));
        Assert.Equal((ElementType.Float16, ElementType.Float32),
            (ModelPath.PrecisionOf(Published, half), ModelPath.PrecisionOf(Published)));
        Assert.NotEqual(ModelPath.Hash(Published), ModelPath.Hash(Published, half));
        Assert.Empty(ModelPath.NotesOf(Published, half));
    }

    [Fact]
    public void A_part_without_the_variant_is_read_as_it_is_and_told()
    {
        using var temporary = new TemporaryFolder();
        string folder = Copied(temporary);
        File.Delete(Path.Combine(folder, "vae", "diffusion_pytorch_model.fp16.safetensors"));
        var half = new ModelOpening { Variant = "fp16" };
        using (ModelPath.Read(folder, half))
            Assert.Equal("vae has no variant fp16, and is read without one.", Assert.Single(ModelPath.NotesOf(folder, half)));
    }

    [Theory]
    [InlineData("bf16", "has no weights in the variant bf16, such as unet/diffusion_pytorch_model.bf16.safetensors")]
    [InlineData("../x", "variant = '../x': must be letters and digits")]
    public void A_variant_that_is_not_there_is_refused_in_one_line(string variant, string fault)
    {
        var problem = Assert.Throws<MezzotintException>(() => ModelPath.ReadInfo(Published, new() { Variant = variant }));
        Assert.Contains(fault, problem.Message, StringComparison.Ordinal);
        Assert.Equal("variant", problem.Key);
        Assert.Contains("is no folder of diffusers", Assert.Throws<MezzotintException>(() => ModelPath.ReadInfo(
            TinyStableDiffusion.PathOf("single-file", "model.safetensors"), new() { Variant = "fp16" })).Message,
            StringComparison.Ordinal);
    }

    /// <summary>Older folders: PyTorch's archives, of which transformers' have another name.</summary>
    [Theory]
    [InlineData("diffusion_pytorch_model.bin", "pytorch_model.bin")]
    [InlineData("diffusion_pytorch_model.fp16.bin", "pytorch_model.fp16.bin")]
    public void Archives_of_PyTorch_are_read_where_there_is_nothing_else(string network, string encoder)
    {
        using var temporary = new TemporaryFolder();
        string folder = Copied(temporary);
        foreach (string weights in Weights)
        {
            string path = Path.Combine(folder, $"{weights}.safetensors"), part = Path.GetDirectoryName(path)!;
            var tensors = SafetensorsFile.Read(path).Tensors;
            foreach (string old in Directory.GetFiles(part, "*.safetensors"))
                File.Delete(old);
            string name = weights.EndsWith("/model", StringComparison.Ordinal) ? encoder : network;
            TorchArchive.Write(Path.Combine(part, name), tensors);
        }
        using var read = ModelFolder.Read(folder);
        using var published = ModelFolder.Read(Published);
        foreach (var (wanted, got) in published.Network.parameters().Zip(read.Network.parameters()))
            Assert.True(wanted.equal(got).all().item<bool>());
        Assert.Equal(network.Contains("fp16", StringComparison.Ordinal) ? 3 : 0, ModelPath.NotesOf(folder).Count);
    }

    /// <summary>Names of shards with a variant, of older and newer versions: the index says which files there are.</summary>
    [Theory]
    [InlineData("model.fp16-00001-of-00002.safetensors", "model.fp16-00002-of-00002.safetensors",
        "model.safetensors.index.fp16.json")]
    [InlineData("model-00001-of-00002.fp16.safetensors", "model-00002-of-00002.fp16.safetensors",
        "model.fp16.safetensors.index.json")]
    [InlineData("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json")]
    public void Shards_are_found_by_their_index(string first, string second, string index)
    {
        using var temporary = new TemporaryFolder();
        string folder = Copied(temporary), part = Path.Combine(folder, "text_encoder");
        var tensors = SafetensorsFile.Read(Path.Combine(part, "model.safetensors")).Tensors.ToList();
        foreach (string old in Directory.GetFiles(part, "*.safetensors"))
            File.Delete(old);
        int half = tensors.Count / 2;
        SafetensorsFile.Write(Path.Combine(part, first), tensors[..half]);
        SafetensorsFile.Write(Path.Combine(part, second), tensors[half..]);
        File.WriteAllText(Path.Combine(part, index), JsonSerializer.Serialize(new
        {
            weight_map = tensors.Index().ToDictionary(each => each.Item.Key, each => each.Index < half ? first : second),
        }));
        bool isVariant = index.Contains("fp16", StringComparison.Ordinal);
        using (var read = ModelFolder.Read(folder))
            Assert.Equal(32, ((TextPrompts)read.Info.Prompts!).Width);
        Assert.Equal(isVariant ? 1 : 0, ModelPath.NotesOf(folder).Count);
        var asked = new ModelOpening { Variant = "fp16" };
        using (ModelPath.Read(folder, asked))
            Assert.Equal(isVariant ? 0 : 1, ModelPath.NotesOf(folder, asked).Count);
    }

    [Fact]
    public void A_safety_checker_without_its_folder_is_told_and_not_asked_for()
    {
        using var temporary = new TemporaryFolder();
        string folder = Copied(temporary), path = Path.Combine(folder, "model_index.json");
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"safety_checker\": [\n    null,\n    null",
            "\"safety_checker\": [\"stable_diffusion\", \"StableDiffusionSafetyChecker\"", StringComparison.Ordinal));
        using (ModelFolder.Read(folder))
            Assert.Contains("names a safety_checker, whose folder is not there",
                Assert.Single(ModelPath.NotesOf(folder)), StringComparison.Ordinal);
        Assert.Empty(ModelPath.NotesOf(Published));
    }

    [Theory]
    [InlineData("scheduler/scheduler_config.json", "it lacks scheduler/scheduler_config.json")]
    [InlineData("unet/config.json", "it lacks unet/config.json")]
    [InlineData("unet/diffusion_pytorch_model.safetensors", "has no weights: it lacks diffusion_pytorch_model.safetensors")]
    [InlineData("text_encoder/config.json", "text_encoder/config.json")]
    [InlineData("tokenizer/merges.txt", "merges.txt")]
    public void A_missing_file_is_named_in_one_line(string file, string fault)
    {
        using var temporary = new TemporaryFolder();
        string folder = Copied(temporary);
        foreach (string path in Directory.GetFiles(Path.GetDirectoryName(Path.Combine(folder, file))!,
            $"{Path.GetFileName(file).Split('.')[0]}*"))
            File.Delete(path);
        string message = Assert.Throws<MezzotintException>(() => ModelFolder.Read(folder).Dispose()).Message;
        Assert.Contains(fault, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void A_tensor_that_does_not_fit_is_named_in_one_line()
    {
        using var temporary = new TemporaryFolder();
        string folder = Copied(temporary);
        string path = Path.Combine(folder, "unet", "config.json");
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"cross_attention_dim\": 32", "\"cross_attention_dim\": 24",
            StringComparison.Ordinal));
        Assert.Contains("gives 32 numbers a token, and the U-Net takes 24",
            Assert.Throws<MezzotintException>(() => ModelFolder.Read(folder).Dispose()).Message, StringComparison.Ordinal);
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"cross_attention_dim\": 24", "\"cross_attention_dim\": 32",
            StringComparison.Ordinal).Replace("\"layers_per_block\": 1", "\"layers_per_block\": 2", StringComparison.Ordinal));
        Assert.Contains("lacks the weights 'down_blocks.0.",
            Assert.Throws<MezzotintException>(() => ModelFolder.Read(folder).Dispose()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_pipeline_is_refused_by_its_name()
    {
        using var temporary = new TemporaryFolder();
        string folder = Copied(temporary);
        string path = Path.Combine(folder, "model_index.json");
        File.WriteAllText(path, File.ReadAllText(path).Replace("StableDiffusionPipeline", "StableDiffusionXLPipeline",
            StringComparison.Ordinal));
        Assert.Contains("'_class_name' is the text 'StableDiffusionXLPipeline'",
            Assert.Throws<MezzotintException>(() => ModelFolder.ReadInfo(folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_two_descriptions_say_differently_is_named()
    {
        using var temporary = new TemporaryFolder();
        string folder = temporary.File("model");
        using (var model = ModelFolder.Read(Published))
            ModelFolder.Write(folder, model.Network, model.Info);
        string path = Path.Combine(folder, "scheduler", "scheduler_config.json");
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"epsilon\"", "\"v_prediction\"", StringComparison.Ordinal));
        Assert.Contains("scheduler/scheduler_config.json and mezzotint.json say different things",
            Assert.Throws<MezzotintException>(() => ModelFolder.ReadInfo(folder)).Message, StringComparison.Ordinal);
        File.Delete(Path.Combine(folder, "mezzotint.json"));
        Assert.Equal("VelocityParameterisation", ModelFolder.ReadInfo(folder).Parameterisation.GetType().Name);
    }

    [Fact]
    public void Killed_before_any_step_a_folder_of_parts_is_the_old_model_or_the_new_one()
    {
        using var temporary = new TemporaryFolder();
        using var model = ModelFolder.Read(Published);
        var steps = new List<string>();
        AtomicFile.BeforeStep = (step, path) => steps.Add($"{step} {Path.GetFileName(path)}");
        try
        {
            ModelFolder.Write(temporary.File("first"), model.Network, model.Info with { Steps = 1 });
        }
        finally
        {
            AtomicFile.BeforeStep = null;
        }
        int renamed = steps.LastIndexOf("rename .mezzotint-next");
        var seen = new HashSet<long>();
        foreach (int kill in Enumerable.Range(renamed - 2, steps.Count - renamed + 2)) // before that nothing is in its place
        {
            int left = kill;
            AtomicFile.BeforeStep = (_, _) =>
            {
                if (left-- == 0)
                    throw new KilledException();
            };
            try
            {
                Assert.Throws<KilledException>(() =>
                    ModelFolder.Write(temporary.File("first"), model.Network, model.Info with { Steps = 2 }));
            }
            finally
            {
                AtomicFile.BeforeStep = null;
            }
            using (var read = ModelFolder.Read(temporary.File("first")))
                seen.Add(read.Info.Steps);
            ModelFolder.Write(temporary.File("first"), model.Network, model.Info with { Steps = 1 });
        }
        Assert.Equal([1, 2], seen.Order());
    }

    private static string Copied(TemporaryFolder temporary) =>
        TinyStableDiffusion.CopyTo(temporary.File("copy"), variants: true);

    /// <summary>The same names and bytes; attention of the autoencoder by its newer names, and no numbers of positions.</summary>
    private static void AssertSameTensors(
        IReadOnlyDictionary<string, TensorData> published, IReadOnlyDictionary<string, TensorData> written)
    {
        var expected = published.Where(pair => !pair.Key.EndsWith("position_ids", StringComparison.Ordinal)).ToDictionary(
            pair => pair.Key.Replace(".query.", ".to_q.", StringComparison.Ordinal)
                .Replace(".key.", ".to_k.", StringComparison.Ordinal).Replace(".value.", ".to_v.", StringComparison.Ordinal)
                .Replace(".proj_attn.", ".to_out.0.", StringComparison.Ordinal),
            pair => pair.Value);
        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), written.Keys.Order(StringComparer.Ordinal));
        foreach (var (name, tensor) in expected)
        {
            Assert.Equal(tensor.Shape, written[name].Shape);
            Assert.True(tensor.Bytes.Span.SequenceEqual(written[name].Bytes.Span), name);
        }
    }

    private sealed class KilledException : Exception;
}
