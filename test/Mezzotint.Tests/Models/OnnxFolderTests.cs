using System.Runtime.InteropServices;
using System.Text.Json;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Models.Onnx;
using Mezzotint.Networks;
using Mezzotint.Tests.Formats;
using Mezzotint.Tests.Networks;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace Mezzotint.Tests.Models;

/// <summary>A Stable Diffusion as a folder of ONNX files, by ONNX Runtime.</summary>
public class OnnxFolderTests
{
    private const double Tolerance = 1e-4;

    /// <summary>The golden numbers are those of the original packages: see the README of tiny-stable-diffusion.</summary>
    [Fact]
    public void Onnx_runtime_gives_the_originals_numbers_of_a_published_folder()
    {
        using var temporary = new TemporaryFolder();
        using var scope = NewDisposeScope();
        string folder = temporary.File("onnx");
        using (var model = ModelFolder.Read(TinyStableDiffusion.PathOf("pipeline")))
            OnnxFolder.Write(folder, model);

        var text = TinyStableDiffusion.Golden("text_encoder");
        var states = Run(folder, "text_encoder", ("input_ids", text["input_ids"].to(int64)));
        TensorAssert.Close(text["last_hidden_state"], states["last_hidden_state"], Tolerance);
        TensorAssert.Close(text["pooler_output"], states["pooler_output"], Tolerance);

        foreach (string golden in new[] { "unet", "unet_wide" }) // 16 x 16 and 16 x 8 latents, by one file
        {
            var arrays = TinyStableDiffusion.Golden(golden);
            foreach (var (name, times) in new[] { ("t1", new[] { 1f }), ("t500", [500, 500]), ("tmixed", [21, 781]) })
                TensorAssert.Close(arrays[$"{name}.out"],
                    Run(folder, "unet", ("sample", arrays["input.sample"]), ("timestep", tensor(times)),
                        ("encoder_hidden_states", arrays["input.encoder_hidden_states"]))["out_sample"],
                    Tolerance, $"{golden} {name}");
        }

        var vae = TinyStableDiffusion.Golden("vae");
        TensorAssert.Close(
            vae["decoded_latent"], Run(folder, "vae_decoder", ("latent_sample", vae["latent"]))["sample"], Tolerance);
        TensorAssert.Close(cat([vae["mean"], vae["logvar"]], 1),
            Run(folder, "vae_encoder", ("sample", vae["pixels"]))["latent_parameters"], Tolerance);
    }

    [Fact]
    public void The_folder_has_what_other_programs_look_for()
    {
        using var temporary = new TemporaryFolder();
        string folder = temporary.File("onnx");
        using (var model = ModelFolder.Read(TinyStableDiffusion.PathOf("pipeline")))
            OnnxFolder.Write(folder, model);
        foreach (string part in new[] { "text_encoder", "unet", "vae_decoder", "vae_encoder" })
            foreach (string file in new[] { "model.onnx", "model.onnx_data", "config.json" })
                Assert.True(File.Exists(Path.Combine(folder, part, file)), $"{part}/{file}");
        foreach (string file in new[] { "tokenizer/vocab.json", "tokenizer/merges.txt", "scheduler/scheduler_config.json" })
            Assert.True(File.Exists(Path.Combine(folder, file)), file);
        using var index = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "model_index.json")));
        Assert.Equal("PNDMScheduler", index.RootElement.GetProperty("scheduler")[1].GetString());
        string refused = Assert.Throws<MezzotintException>(() => ModelFolder.Read(folder)).Message;
        Assert.Contains("'OnnxStableDiffusionPipeline'", refused, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused);
    }

    /// <summary>Odd sizes too, and a network that is told the weight of guidance.</summary>
    [Fact]
    public void One_file_is_of_any_size_and_number_of_images()
    {
        using var temporary = new TemporaryFolder();
        using var network = (ConditionalUNetTests.Small with { TimeCondProjDim = 6 }).Build(seed: 5);
        string path = temporary.File("unet.onnx");
        new OnnxPart("unet", "") { Beside = true }.Write(path, network, network.Description);
        foreach (var (batch, height, width) in new[] { (1, 8, 6), (3, 5, 7), (2, 1, 16) })
        {
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            random.manual_seed(batch);
            var (x, t, context, told) = (randn(batch, 4, height, width), rand(batch) * 999, randn(batch, 4, 12), randn(batch, 6));
            var expected = network.call(x, t, Condition.OfContext(context, pooled: told));
            var results = Run(temporary.Name, "", ("x", x), ("t", t), ("context", context), ("pooled", told));
            TensorAssert.Close(expected, results["output"], Tolerance, $"{batch} of {height} x {width}");
        }
    }

    [Fact]
    public void Weights_beside_the_graph_begin_at_pages_and_are_the_networks()
    {
        using var temporary = new TemporaryFolder();
        using var network = ConditionalUNetTests.Small.Build(seed: 5);
        string path = temporary.File("unet.onnx");
        new OnnxPart("unet", "") { Beside = true }.Write(path, network, network.Description);
        byte[] data = File.ReadAllBytes(path + OnnxPart.BesideEnding);
        var written = NetworkWeights.Save(network).Values.Select(weight => weight.Bytes.ToArray()).ToList();
        long weights = written.Sum(bytes => (long)bytes.Length);
        Assert.InRange(data.Length, weights, weights + (4096L * written.Count));
        const int page = 4096;
        var found = written.Where(bytes => Enumerable.Range(0, (data.Length + page - 1) / page)
            .Any(at => data.AsSpan(at * page).StartsWith(bytes)));
        Assert.Equal(written.Count, found.Count());
        Assert.True(new FileInfo(path).Length < weights / 2);
    }

    [Fact]
    public void The_published_unet_has_its_weights_beside_it()
    {
        Assert.True(OnnxPart.IsLarge(new ConditionalUNetConfig { CrossAttentionDim = 768 }.Describe()));
        Assert.False(OnnxPart.IsLarge(ConditionalUNetTests.Small.Describe()));
    }

    [Fact]
    public void A_model_of_other_parts_is_refused_in_one_line_and_nothing_is_written()
    {
        using var temporary = new TemporaryFolder();
        using var network = SmallNetwork.Config.Build();
        using var model = new LoadedModel(network, SmallNetwork.Info);
        string refused = Assert.Throws<MezzotintException>(() => OnnxFolder.Write(temporary.File("onnx"), model)).Message;
        Assert.Contains("is no Stable Diffusion", refused, StringComparison.Ordinal);
        Assert.False(Directory.Exists(temporary.File("onnx")));
    }

    [Fact]
    public void A_model_is_not_replaced_by_its_export_and_an_export_is()
    {
        using var temporary = new TemporaryFolder();
        string folder = TinyStableDiffusion.CopyTo(temporary.File("model")), export = temporary.File("onnx");
        using var model = ModelFolder.Read(folder);
        string refused = Assert.Throws<MezzotintException>(() => OnnxFolder.Write(folder, model)).Message;
        Assert.Contains("would lose it", refused, StringComparison.Ordinal);
        using (var again = ModelFolder.Read(folder))
            Assert.Equal(model.Info.Name, again.Info.Name);
        for (int times = 0; times < 2; times++)
            OnnxFolder.Write(export, model);
        Assert.Equal(4, Directory.GetFiles(export, "model.onnx", SearchOption.AllDirectories).Length);
    }

    /// <summary>What ONNX Runtime makes of inputs, by the names of the results.</summary>
    private static Dictionary<string, Tensor> Run(string folder, string part, params (string Name, Tensor Numbers)[] inputs)
    {
        string path = part.Length == 0 ? Directory.GetFiles(folder, "*.onnx").Single()
            : Path.Combine(folder, part, OnnxFolder.PartFile);
        using var session = new InferenceSession(path);
        using var results = session.Run([.. inputs.Select(input => Named(input.Name, input.Numbers))]);
        return results.ToDictionary(result => result.Name, result => tensor(
            result.AsTensor<float>().ToArray(), [.. result.AsTensor<float>().Dimensions.ToArray().Select(side => (long)side)]));
    }

    private static NamedOnnxValue Named(string name, Tensor numbers)
    {
        int[] shape = [.. numbers.shape.Select(length => (int)length)];
        byte[] bytes = numbers.ToData().Bytes.ToArray();
        DenseTensor<T> Dense<T>() where T : struct => new(MemoryMarshal.Cast<byte, T>(bytes).ToArray(), shape);
        return numbers.dtype == int64 ? NamedOnnxValue.CreateFromTensor(name, Dense<long>())
            : NamedOnnxValue.CreateFromTensor(name, Dense<float>());
    }
}
