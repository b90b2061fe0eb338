using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Models;

/// <summary>Autoencoders on disk, and what they compute beside the original: diffusers 0.27.2, torch 1.13, by the README of
/// <c>tiny-stable-diffusion</c>.</summary>
public sealed class AutoencoderFolderTests : IDisposable
{
    private const string Tiny = "tiny-stable-diffusion";

    private static readonly AutoencoderConfig Small = new()
    {
        InChannels = 1, OutChannels = 1, LatentChannels = 2, BlockOutChannels = [8, 16], NormNumGroups = 4, SampleSize = 8,
        ScalingFactor = 0.7,
    };

    private readonly string _folder = Directory.CreateTempSubdirectory("mezzotint-autoencoder-").FullName;

    [Fact]
    public void The_published_layout_is_read_and_computes_what_the_original_does()
    {
        string? root = TestData.Folder(Tiny);
        Assert.SkipWhen(root is null, TestData.Missing(Tiny));
        using var scope = NewDisposeScope();
        using var loaded = AutoencoderFolder.Read(Path.Combine(root, "pipeline", "vae"));
        Assert.Equal(0.18215, loaded.Network.Config.ScalingFactor); // the file names none
        var golden = SafetensorsFile.Read(Path.Combine(root, "golden", "vae.safetensors")).Tensors;
        Tensor Golden(string name) =>
            tensor(System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(golden[name].Bytes.Span).ToArray(),
                golden[name].Shape.ToArray());
        var moments = loaded.Network.Encode(Golden("pixels"));
        TensorAssert.Close(Golden("mean"), moments.Mean, 1e-4);
        TensorAssert.Close(Golden("logvar"), moments.LogVariance, 1e-4);
        TensorAssert.Close(Golden("sample"), moments.Sample(Golden("noise")), 1e-4);
        TensorAssert.Close(Golden("decoded_sample"), loaded.Network.Decode(Golden("sample")), 1e-4);
        TensorAssert.Close(Golden("decoded_latent"), loaded.Network.Decode(Golden("latent")), 1e-4);
    }

    [Fact]
    public void Its_names_and_shapes_are_those_of_stable_diffusions_at_real_size()
    {
        string? root = TestData.Folder(Tiny);
        Assert.SkipWhen(root is null, TestData.Missing(Tiny));
        using var names = System.Text.Json.JsonDocument.Parse(File.ReadAllBytes(Path.Combine(root, "tensor-names.json")));
        var config = new AutoencoderConfig { BlockOutChannels = [128, 256, 512, 512], LayersPerBlock = 2 };
        var ours = config.DescribeEncoder().Nodes.Concat(config.DescribeDecoder().Nodes)
            .SelectMany(node => node.Parameters.Select(parameter => (Name: $"{node.Name}.{parameter.Name}", parameter.Shape)))
            .ToDictionary(parameter => parameter.Name, parameter => string.Join(", ", parameter.Shape));
        Assert.Equal(248, ours.Count);
        Assert.Equal(83_653_863, config.DescribeEncoder().ParameterCount + config.DescribeDecoder().ParameterCount);
        Assert.Equal(49_490_179 + 20, config.DescribeDecoder().ParameterCount); // with the convolution before the decoder
        var theirs = names.RootElement.GetProperty("tensors").GetProperty("vae").EnumerateObject().ToDictionary(
            tensor => tensor.Name, tensor => string.Join(", ", tensor.Value.EnumerateArray().Select(side => side.GetInt64())));
        Assert.Equal(
            theirs.OrderBy(pair => pair.Key, StringComparer.Ordinal), ours.OrderBy(pair => pair.Key, StringComparer.Ordinal));
    }

    [Fact]
    public void What_is_written_is_read_again_to_the_bit()
    {
        using var network = new Autoencoder(Small, seed: 4);
        var info = new AutoencoderInfo { Name = "small", Dataset = "strokes", Epochs = 2, Psnr = 21.5, Preview = [1, 0, 0.5] };
        AutoencoderFolder.Write(_folder, network, info);
        using var read = AutoencoderFolder.Read(_folder);
        Assert.Equal(Small, read.Network.Config);
        Assert.Equal(info.Preview, read.Info.Preview);
        Assert.Equal(info, read.Info with { Preview = info.Preview });
        using var x = rand(2, 1, 8, 8);
        Assert.True(network.call(x).equal(read.Network.call(x)).all().item<bool>());
    }

    [Theory]
    [InlineData("\"silu\"", "\"relu\"", "'act_fn' is the text 'relu'; Mezzotint computes the text 'silu'")]
    [InlineData("\"latent_channels\": 2", "\"latent_channels\": 0", "network.latent_channels = 0")]
    [InlineData("DownEncoderBlock2D", "AttnDownEncoderBlock2D", "'down_block_types' is a list")]
    [InlineData("AutoencoderKL", "VQModel", "'_class_name' is the text 'VQModel'")]
    [InlineData("\"layers_per_block\": 1", "\"layers_per_block\": 2", "lacks the weights")]
    public void A_folder_of_another_network_is_refused_by_name(string old, string other, string message)
    {
        using (var network = new Autoencoder(Small))
            AutoencoderFolder.Write(_folder, network, new());
        string path = Path.Combine(_folder, AutoencoderFolder.ConfigFile);
        string json = File.ReadAllText(path);
        Assert.Contains(old, json, StringComparison.Ordinal);
        File.WriteAllText(path, json.Replace(old, other, StringComparison.Ordinal));
        var error = Assert.Throws<MezzotintException>(() => AutoencoderFolder.Read(_folder));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void A_folder_that_is_none_is_refused_in_one_line()
    {
        var error = Assert.Throws<MezzotintException>(() => AutoencoderFolder.Read(_folder));
        Assert.StartsWith(
            $"'{_folder}' is not an autoencoder: it must have config.json", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_opened_codec_scales_latents_and_refuses_another_autoencoder()
    {
        using var scope = NewDisposeScope();
        using (var network = new Autoencoder(Small, seed: 4))
            AutoencoderFolder.Write(_folder, network, new() { Preview = [1, -1, 0.5] });
        var settings = new LatentCodec { Autoencoder = _folder };
        Assert.Throws<MezzotintException>(() => settings.NumbersOf(1, 8, 8));
        var (opened, autoencoder) = LatentFolder.Open(settings);
        using var owned = autoencoder;
        Assert.Equal((2, 4, 4), opened.NumbersOf(1, 8, 8));
        Assert.Throws<MezzotintException>(() => opened.NumbersOf(1, 8, 9));
        var pixels = rand(3, 1, 8, 8);
        var (mean, std) = opened.Distribution(pixels);
        var moments = autoencoder!.Network.Encode(pixels * 2 - 1);
        TensorAssert.Close(moments.Mean * 0.7, mean, 1e-6);
        TensorAssert.Close(moments.Std * 0.7, std, 1e-6);
        TensorAssert.Close(autoencoder.Network.Decode(moments.Mean) / 2 + 0.5, opened.Decode(mean), 1e-5);
        // 1 z_0 - 1 z_1 + 0.5, each place as a square of 2 x 2
        var preview = opened.Preview(mean);
        TensorAssert.Close((mean.narrow(1, 0, 1) - mean.narrow(1, 1, 1) + 0.5)[0, 0, 1, 3], preview[0, 0, 3, 6], 1e-6);
        Assert.Equal([3, 1, 8, 8], preview.shape);

        using (var other = new Autoencoder(Small, seed: 5))
            AutoencoderFolder.Write(_folder, other, new());
        var error = Assert.Throws<MezzotintException>(
            () => LatentFolder.Open(new LatentCodec { Autoencoder = _folder, Sha256 = ((LatentCodec)opened).Sha256 }));
        Assert.Contains("another one than the model was trained with", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_mask_has_each_latent_on_whose_square_a_pixel_lies()
    {
        using var scope = NewDisposeScope();
        var mask = zeros(1, 1, 8, 8, dtype: ScalarType.Bool);
        mask[0, 0, 3, 6] = tensor(true);
        var latents = new LatentCodec { Channels = 2, Factor = 4 }.EncodeMask(mask);
        Assert.Equal([false, true, false, false], latents.flatten().data<bool>().ToArray());
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
