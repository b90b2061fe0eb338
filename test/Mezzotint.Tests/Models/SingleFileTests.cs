using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Models.SingleFiles;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Tests.Formats;
using Mezzotint.Text;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Models;

/// <summary>Single files of Stable Diffusion: the published layout of small random weights, and files of the real shapes without
/// numbers.</summary>
public class SingleFileTests
{
    internal static ModelOpening Tokenizer => new() { Tokenizer = TinyStableDiffusion.PathOf("pipeline", "tokenizer") };

    internal static string Published(string name) => TinyStableDiffusion.PathOf("single-file", name);

    [Theory]
    [InlineData("model.safetensors", 0)]
    [InlineData("model.ckpt", 1.0 / 2048)] // in half precision, with leftovers of the optimiser
    public void A_single_file_is_the_folders_model(string file, double rounding)
    {
        using var scope = NewDisposeScope();
        using var single = ModelPath.Read(Published(file), Tokenizer);
        using var folder = ModelPath.Read(TinyStableDiffusion.PathOf("pipeline"));
        foreach (var (network, other) in new (nn.Module, nn.Module)[]
        {
            (folder.Network, single.Network), (folder.Autoencoder!.Network, single.Autoencoder!.Network),
            (Encoder(folder), Encoder(single)),
        })
            foreach (var (wanted, read) in network.parameters().Zip(other.parameters()))
                TensorAssert.Close(wanted, read, rounding);
        Assert.Equal(folder.Info.Model, single.Info.Model);
        Assert.Equal(folder.Autoencoder.Network.Config.BlockOutChannels, single.Autoencoder.Network.Config.BlockOutChannels);
        Assert.Equal(Encoder(folder).Config, Encoder(single).Config);
        Assert.Equal((folder.Info.Process, folder.Info.Parameterisation, folder.Info.Sampling, folder.Info.Numbers),
            (single.Info.Process, single.Info.Parameterisation, single.Info.Sampling, single.Info.Numbers));
    }

    [Fact]
    public void A_single_file_draws_the_originals_numbers()
    {
        using var scope = NewDisposeScope();
        using var model = ModelPath.Read(Published("model.safetensors"), Tokenizer).With(ComputePrecision.Float32);
        var arrays = TinyStableDiffusion.Golden("text2image_pndm");
        var request = (model.Info.Sampling with { Steps = 5 }).Of(new()
        {
            Condition = model.Info.Prompts!.Read(["a photo of a red cat sitting on a wooden table"], []),
            Negative = model.Info.Prompts.Read([""], []),
        }, model.Info.Process);
        double level = request.Levels![0], end = request.Levels[^1];
        var numbers = model.CreateSampler().Sample(
            request with { Start = arrays["initial_latents"] * Math.Sqrt(1 + level * level) });
        TensorAssert.Close(arrays["final_latents"], numbers / Math.Sqrt(1 + end * end), 5e-4);
    }

    /// <summary>The real shapes in a file of holes, which takes no room.</summary>
    [Theory]
    [InlineData("unet sd-1.x", false, null, 512, "PNDM")]
    [InlineData("unet sd-2.x", true, "v", 768, "DDIM")]
    [InlineData("unet sd-2.x", true, "epsilon", 512, "DDIM")]
    public void The_published_shapes_say_which_model_it_is(string unet, bool openClip, string? prediction, int side, string how)
    {
        using var temporary = new TemporaryFolder();
        string file = temporary.File("model.safetensors");
        var names = TensorNames();
        var shapes = names[$"{unet} (single-file, prefix model.diffusion_model.)"]
            .Select(tensor => ("model.diffusion_model." + tensor.Name, tensor.Shape))
            .Concat(names["vae (single-file, prefix first_stage_model.)"]
                .Select(tensor => ("first_stage_model." + tensor.Name, tensor.Shape)))
            .Concat(openClip ? OpenClipShapes() : names["text encoder sd-1.x (openai/clip-vit-large-patch14)"]
                .Select(tensor => ("cond_stage_model.transformer." + tensor.Name, tensor.Shape)));
        WriteHoles(file, shapes);
        var info = ModelPath.ReadInfo(file, new() { Prediction = prediction });
        var config = Assert.IsType<ConditionalUNetConfig>(info.Model);
        Assert.Equal(names[unet].Count, config.Describe().Nodes.Sum(node => node.Parameters.Count()));
        Assert.Equal(new ConditionalUNetConfig
        {
            InChannels = 4, OutChannels = 4, CrossAttentionDim = openClip ? 1024 : 768, UseLinearProjection = openClip,
            AttentionHeadDim = openClip ? [5, 10, 20, 20] : [8],
        }, config);
        Assert.Equal((side, side, how == "PNDM" ? "plms" : "ddim"), (info.Height, info.Width, info.Sampling.Sampler));
        Assert.Equal(prediction == "v", info.Parameterisation is VelocityParameterisation);
        Assert.Equal((77, openClip ? 1024 : 768), (((TextPrompts)info.Prompts!).Length, ((TextPrompts)info.Prompts).Width));
        if (openClip)
            Assert.Contains("add --prediction v",
                Assert.Throws<MezzotintException>(() => ModelPath.ReadInfo(file)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("unet sd-1.x")]
    [InlineData("unet sd-1.x-inpaint")]
    [InlineData("unet sd-2.x")]
    public void Every_weight_of_the_published_unet_has_its_name_in_the_file(string unet)
    {
        var names = TensorNames();
        var config = new ConditionalUNetConfig { InChannels = unet.EndsWith("paint", StringComparison.Ordinal) ? 9 : 4 };
        AssertNames(names[unet].Select(tensor => (SingleFileNames.OfUNet(tensor.Name, config), tensor.Shape)),
            names[$"{unet} (single-file, prefix model.diffusion_model.)"], SingleFileNames.UNet);
    }

    [Fact]
    public void Every_weight_of_the_published_autoencoder_has_its_name_in_the_file()
    {
        var names = TensorNames();
        var config = new AutoencoderConfig { BlockOutChannels = [128, 256, 512, 512], LayersPerBlock = 2 };
        AssertNames(names["vae"].Select(tensor => (SingleFileNames.OfAutoencoder(tensor.Name, config),
                SingleFileNames.IsConvolution(tensor.Name) ? tensor.Shape.Append(1).Append(1).ToArray() : tensor.Shape)),
            names["vae (single-file, prefix first_stage_model.)"], SingleFileNames.Autoencoder);
    }

    [Theory]
    [InlineData(ElementType.Float32)]
    [InlineData(ElementType.Float16)]
    public void A_folder_and_its_single_file_are_the_same_bytes_there_and_back(ElementType precision)
    {
        using var temporary = new TemporaryFolder();
        string first = temporary.File("first"), file = temporary.File("one.safetensors");
        string again = temporary.File("two.safetensors");
        using (var model = ModelPath.Read(Published("model.safetensors"), Tokenizer))
            ModelFolder.Write(first, model.Network, model.Info, precision);
        using (var model = ModelPath.Read(first))
            SingleFile.Write(file, model, precision);
        Assert.Equal(precision, ModelPath.PrecisionOf(file));
        using (var model = ModelPath.Read(file, new() { Tokenizer = first }))
        {
            ModelFolder.Write(temporary.File("second"), model.Network, model.Info, precision);
            SingleFile.Write(again, model, precision);
        }
        Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(again));
        foreach (string weights in new[] { "vae/diffusion_pytorch_model", "text_encoder/model" })
            Assert.Equal(File.ReadAllBytes(Path.Combine(first, $"{weights}.safetensors")),
                File.ReadAllBytes(Path.Combine(temporary.File("second"), $"{weights}.safetensors")));
        AssertSame(SafetensorsFile.Read(Path.Combine(first, "unet/diffusion_pytorch_model.safetensors")).Tensors,
            SafetensorsFile.Read(temporary.File("second/unet/diffusion_pytorch_model.safetensors")).Tensors);
        if (precision == ElementType.Float32) // the original's own, but for buffers that nobody reads
            AssertSame(SafetensorsFile.Read(file).Tensors, SafetensorsFile.Read(Published("model.safetensors")).Tensors
                .Where(pair => pair.Key.StartsWith("model.", StringComparison.Ordinal)
                    || pair.Key.Contains("_stage_model.", StringComparison.Ordinal))
                .Where(pair => !pair.Key.EndsWith("position_ids", StringComparison.Ordinal)).ToDictionary());
    }

    [Fact]
    public void A_model_of_the_second_kind_comes_back_from_its_single_file()
    {
        using var temporary = new TemporaryFolder();
        using var scope = NewDisposeScope();
        string folder = temporary.File("second"), file = temporary.File("second.safetensors");
        WriteSecond(folder);
        using var model = ModelPath.Read(folder);
        SingleFile.Write(file, model);
        using var read = ModelPath.Read(file, new() { Tokenizer = folder });
        Assert.IsType<VelocityParameterisation>(read.Info.Parameterisation);
        Assert.Equal(Encoder(model).Config, Encoder(read).Config);
        Assert.Equal(model.Info.Model, read.Info.Model);
        foreach (var (wanted, got) in Encoder(model).parameters().Zip(Encoder(read).parameters()))
            Assert.True(wanted.equal(got).all().item<bool>());
        var prompts = (TextPrompts)read.Info.Prompts!;
        Assert.Equal("!", prompts.Coder!.Tokenizer.Texts[prompts.Coder.Tokenizer.Pad]);
        File.Delete(temporary.File("second.yaml"));
        Assert.Contains("so its weights do not say how many heads it has",
            Assert.Throws<MezzotintException>(() => ModelPath.ReadInfo(file)).Message, StringComparison.Ordinal);
    }

    /// <summary>Attention of the autoencoder as matrices; a text encoder whose names lack a part; a weight of guidance.</summary>
    [Fact]
    public void Other_ways_to_write_the_same_are_read()
    {
        using var temporary = new TemporaryFolder();
        using var scope = NewDisposeScope();
        string file = Changed(temporary, tensors =>
        {
            foreach (var (name, tensor) in tensors.ToList())
                if (name.Contains(".mid.attn_1.", StringComparison.Ordinal) && tensor.Shape.Length == 4)
                    tensors[name] = tensor with { Shape = tensor.Shape[..2] };
                else if (name.Contains(".text_model.", StringComparison.Ordinal) && tensors.Remove(name))
                    tensors[name.Replace(".text_model.", ".", StringComparison.Ordinal)] = tensor;
            tensors["model.diffusion_model.time_embed.cond_proj.weight"] =
                new(ElementType.Float32, [64, 16], new byte[4 * 64 * 16]);
        });
        using var read = ModelPath.Read(file, Tokenizer);
        using var folder = ModelPath.Read(TinyStableDiffusion.PathOf("pipeline"));
        foreach (var (network, other) in new (nn.Module, nn.Module)[]
        {
            (folder.Autoencoder!.Network, read.Autoencoder!.Network), (Encoder(folder), Encoder(read)),
        })
            foreach (var (wanted, got) in network.parameters().Zip(other.parameters()))
                Assert.True(wanted.equal(got).all().item<bool>());
        Assert.Equal((16, "lcm"), (((ConditionalUNetConfig)read.Info.Model).TimeCondProjDim, read.Info.Sampling.Sampler));
    }

    [Fact]
    public void Its_parts_are_counted_without_their_numbers()
    {
        var single = ModelPath.PartsOf(Published("model.ckpt"));
        Assert.Equal(
            ModelPath.PartsOf(TinyStableDiffusion.PathOf("pipeline")).Select(part => (part.Name, part.Parameters)),
            single.Select(part => (part.Name, part.Parameters)));
        Assert.All(single, part => Assert.Equal([ElementType.Float16], part.Types));
        Assert.Equal(ElementType.Float16, ModelPath.PrecisionOf(Published("model.ckpt")));
    }

    private static TextEncoder Encoder(LoadedModel model) => ((TextPrompts)model.Info.Prompts!).Coder!.Network;

    /// <summary>The published file with some tensors changed, beside its configuration.</summary>
    internal static string Changed(TemporaryFolder temporary, Action<Dictionary<string, TensorData>> change)
    {
        var tensors = SafetensorsFile.Read(Published("model.safetensors")).Tensors.ToDictionary();
        change(tensors);
        string file = temporary.File("changed.safetensors");
        SafetensorsFile.Write(file, tensors);
        File.WriteAllBytes(temporary.File("changed.yaml"), File.ReadAllBytes(Published("inference.yaml")));
        return file;
    }

    /// <summary>A small model of Stable Diffusion 2's parts.</summary>
    private static void WriteSecond(string folder)
    {
        var unet = new ConditionalUNetConfig
        {
            InChannels = 4, OutChannels = 4, BlockOutChannels = [32, 64], LayersPerBlock = [1], CrossAttentionDim = 64,
            AttentionHeadDim = [2, 4], UseLinearProjection = true,
            DownBlockTypes = ["CrossAttnDownBlock2D", "DownBlock2D"], UpBlockTypes = ["UpBlock2D", "CrossAttnUpBlock2D"],
        };
        using var network = unet.Build();
        using var vae = new Autoencoder(new AutoencoderConfig { BlockOutChannels = [32, 32] });
        using var loaded = new LoadedAutoencoder(vae, new());
        var tokenizer = ClipTokenizer.Read(TinyStableDiffusion.PathOf("pipeline", "tokenizer")).PaddedWith("!");
        var (prompts, encoder) = TextFolder.With(new(), tokenizer, TextEncoder.Create(new()
        {
            VocabSize = tokenizer.Count, HiddenSize = 64, IntermediateSize = 96, ProjectionDim = 64, NumHiddenLayers = 3,
            NumAttentionHeads = 1, HiddenAct = TextEncoderConfig.Gelu, BosTokenId = 0, EosTokenId = 2, PadTokenId = 1,
        }, seed: 3), "second");
        using var owned = encoder;
        ModelFolder.Write(folder, network, new()
        {
            Name = "second", Model = unet, ImageChannels = 3, Height = 16, Width = 16, ClassNames = [],
            Process = new VariancePreserving
                { Schedule = TableSchedule.ScaledLinear(0.00085, 0.012, 1000), Timesteps = true },
            Parameterisation = new VelocityParameterisation(), Prompts = prompts,
            Pixels = LatentFolder.With(new LatentCodec(), loaded, hash: null),
        });
    }

    private static Dictionary<string, List<(string Name, long[] Shape)>> TensorNames()
    {
        using var list = JsonDocument.Parse(File.ReadAllBytes(TinyStableDiffusion.PathOf("tensor-names.json")));
        return list.RootElement.GetProperty("tensors").EnumerateObject().ToDictionary(part => part.Name, part =>
            part.Value.EnumerateObject().Select(tensor => (tensor.Name,
                tensor.Value.EnumerateArray().Select(length => length.GetInt64()).ToArray())).ToList());
    }

    private static IEnumerable<(string, long[])> OpenClipShapes()
    {
        yield return ("cond_stage_model.model.token_embedding.weight", [49408, 1024]);
        yield return ("cond_stage_model.model.positional_embedding", [77, 1024]);
        for (int i = 0; i < 24; i++)
            yield return ($"cond_stage_model.model.transformer.resblocks.{i}.mlp.c_fc.weight", [4096, 1024]);
    }

    private static void AssertNames(
        IEnumerable<(string Name, long[] Shape)> ours, List<(string Name, long[] Shape)> file, string prefix)
    {
        static string Line((string Name, long[] Shape) tensor) => $"{tensor.Name} [{string.Join(",", tensor.Shape)}]";
        Assert.Equal(file.Select(tensor => Line((prefix + tensor.Name, tensor.Shape))).Order(StringComparer.Ordinal),
            ours.Select(Line).Order(StringComparer.Ordinal));
    }

    private static void AssertSame(
        IReadOnlyDictionary<string, TensorData> wanted, IReadOnlyDictionary<string, TensorData> given)
    {
        Assert.Equal(wanted.Keys.Order(StringComparer.Ordinal), given.Keys.Order(StringComparer.Ordinal));
        foreach (var (name, tensor) in wanted)
        {
            Assert.Equal(tensor.Shape, given[name].Shape);
            Assert.True(tensor.Bytes.Span.SequenceEqual(given[name].Bytes.Span), name);
        }
    }

    /// <summary>A file of safetensors whose numbers are all zero and lie nowhere.</summary>
    private static void WriteHoles(string file, IEnumerable<(string Name, long[] Shape)> tensors)
    {
        var header = new StringBuilder("{");
        long end = 0;
        foreach (var (name, shape) in tensors)
        {
            long begin = end;
            end += 2 * shape.Aggregate(1L, (a, b) => a * b);
            header.Append(FormattableString.Invariant(
                $"{(header.Length > 1 ? "," : "")}\"{name}\":{{\"dtype\":\"F16\",\"shape\":[{string.Join(",", shape)}],"))
                .Append(FormattableString.Invariant($"\"data_offsets\":[{begin},{end}]}}"));
        }
        byte[] json = Encoding.UTF8.GetBytes(header.Append('}').ToString());
        byte[] length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
        using var stream = File.Create(file);
        stream.Write(length);
        stream.Write(json);
        stream.SetLength(8 + json.Length + end);
    }
}
