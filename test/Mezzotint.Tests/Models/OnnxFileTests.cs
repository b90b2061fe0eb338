using Mezzotint.Data;
using Mezzotint.Models.Onnx;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Tests.Networks;
using Microsoft.ML.OnnxRuntime.Tensors;
using Microsoft.ML.OnnxRuntime;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Models;

public sealed class OnnxFileTests : IDisposable
{
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"mezzotint-{Guid.NewGuid():N}.onnx");

    public static TheoryData<NetworkConfig, int, int> Networks => new()
    {
        { new UNetConfig(), 28, 28 },
        {
            new UNetConfig
            {
                NumResBlocks = 1, ChannelMultipliers = [1, 2, 2], AttentionLevels = [0, 1], Unconditional = true,
                Transformer = new() { ContextDim = 24, NumHeads = 4, NumLayers = 2 },
            },
            16, 24
        },
        { new UNetConfig { InChannels = 3, OutChannels = 3, ChannelMultipliers = [1] }, 8, 8 },
        { new ResidualUNetConfig { PatchSize = 2, ModelChannels = 48, ResidualBlocks = [1, 2], Unconditional = true }, 28, 28 },
        {
            new ResidualUNetConfig
            {
                ModelChannels = 16, ChannelMultipliers = [1, 2, 3], ResidualBlocks = [2, 1, 1], AttentionLevels = [0, 2],
                HeadChannels = 8,
            },
            12, 20
        },
        {
            new ResidualUNetConfig
            {
                InChannels = 2, OutChannels = 2, ModelChannels = 16, ChannelMultipliers = [1], ResidualBlocks = [1],
                HeadChannels = 16, Anchors = [-0.2, 1.4, 0], AnchorDataStd = 0.6,
            },
            8, 4
        },
        {
            new ResidualUNetConfig
            {
                InChannels = 3, OutChannels = 3, PatchSize = 4, ModelChannels = 16, ChannelMultipliers = [1],
                ResidualBlocks = [1], HeadChannels = 16,
            },
            16, 8
        },
        { ConditionalUNetTests.Small, 8, 6 },
        {
            ConditionalUNetTests.Small with
            {
                InChannels = 9, OutChannels = 4, UseLinearProjection = true, ResnetTimeScaleShift = "scale_shift",
                FlipSinToCos = false, OnlyCrossAttention = true, AdditionEmbedType = "text_time", AdditionTimeEmbedDim = 2,
                ProjectionClassEmbeddingsInputDim = 20,
            },
            5, 7
        },
    };

    [Theory]
    [MemberData(nameof(Networks))]
    public void Onnx_runtime_computes_what_the_network_does(NetworkConfig config, int height, int width)
    {
        using var network = config.Build(seed: 5);
        Disturb(network);
        OnnxFile.Write(_path, network, Info(config, height, width));
        using var session = new InferenceSession(_path);
        foreach (int batch in new[] { 1, 3, 17 })
        {
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            random.manual_seed(batch);
            var (x, t) = (randn(batch, config.InChannels, height, width), rand(batch));
            var condition = config is ConditionalUNetConfig context
                ? Condition.OfContext(randn(batch, 3, context.CrossAttentionDim),
                    pooled: context.ProjectionClassEmbeddingsInputDim is { } pooled ? randn(batch, pooled) : null)
                : Condition.OfClasses(randint(config.CorpusLength, [batch, 1], dtype: ScalarType.Int64));
            float[] expected = [.. network.call(x, t, condition).data<float>()];
            using var results = session.Run([.. network.Description.Inputs.Select(input =>
                Named(input.Of, input.Of switch { "x" => x, "t" => t, var name => condition.Input(name)! }))]);
            float[] actual = [.. results[0].AsEnumerable<float>()];
            Assert.Equal(expected.Length, actual.Length);
            float scale = expected.Max(Math.Abs);
            Assert.True(scale > 0.1, $"largest output {scale}");
            Assert.All(expected.Zip(actual), pair => Assert.InRange(pair.First - pair.Second, -1e-4f * scale, 1e-4f * scale));
        }
    }

    private static NamedOnnxValue Named(string name, TorchSharp.torch.Tensor tensor)
    {
        int[] shape = [.. tensor.shape.Select(length => (int)length)];
        return tensor.dtype == ScalarType.Int64
            ? NamedOnnxValue.CreateFromTensor(name, new DenseTensor<long>(tensor.data<long>().ToArray(), shape))
            : NamedOnnxValue.CreateFromTensor(name, new DenseTensor<float>(tensor.data<float>().ToArray(), shape));
    }

    [Fact]
    public void Onnx_runtime_computes_what_the_parts_of_a_model_do()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var autoencoder = new Autoencoder(
            new() { BlockOutChannels = [8, 16], NormNumGroups = 4, LatentChannels = 3 }, seed: 2);
        using var text = TextEncoder.Create(
            new()
            {
                VocabSize = 40, HiddenSize = 12, IntermediateSize = 20, NumHiddenLayers = 2, NumAttentionHeads = 3,
                MaxPositionEmbeddings = 9,
            }, seed: 3);
        var (z, x, tokens) = (randn(2, 3, 4, 6), rand(2, 3, 8, 12), randint(40, [2, 7], dtype: ScalarType.Int64));
        Agree(autoencoder, autoencoder.DecoderDescription, 4, 6, z, autoencoder.Decode(z));
        Agree(autoencoder, autoencoder.EncoderDescription, 8, 12, x, autoencoder.Run(x, decodes: false));
        Agree(text, TextEncoder.Describe(text.Config), 1, 1, tokens, text.call(tokens));
    }

    private void Agree(
        nn.Module module, NetworkDescription description, int height, int width, TorchSharp.torch.Tensor input,
        TorchSharp.torch.Tensor expected)
    {
        new OnnxPart("part", "a part") { Size = new(height, width), Metadata = [("key", "value")] }
            .Write(_path, module, description);
        using var session = new InferenceSession(_path);
        using var results = session.Run([Named(description.Inputs.Single().Of, input)]);
        TensorAssert.Close(expected, tensor(results[0].AsTensor<float>().ToArray(), expected.shape), 1e-5);
        Assert.Equal("value", session.ModelMetadata.CustomMetadataMap["key"]);
    }

    [Fact]
    public void The_file_says_of_itself_how_it_is_used()
    {
        var config = new ResidualUNetConfig
            { ModelChannels = 8, ChannelMultipliers = [1], ResidualBlocks = [1], HeadChannels = 8 };
        using var network = config.Build();
        var info = Info(config, 8, 8);
        OnnxFile.Write(_path, network, info);
        using var session = new InferenceSession(_path);
        var metadata = session.ModelMetadata;
        Assert.Equal(("mezzotint", "digits"), (metadata.ProducerName, metadata.GraphName));
        Assert.Equal(
            info.Pixels,
            ModelDescription.Parse(System.Text.Encoding.UTF8.GetBytes(metadata.CustomMetadataMap[OnnxFile.DescriptionKey]), "x")
                .Pixels);
        Assert.Equal(["labels", "t", "x"], session.InputMetadata.Keys.Order());
        Assert.Equal([-1, 1, 8, 8], session.OutputMetadata["output"].Dimensions);
    }

    [Fact]
    public void Equal_networks_give_equal_bytes()
    {
        var config = new ResidualUNetConfig
            { ModelChannels = 8, ChannelMultipliers = [1], ResidualBlocks = [1], HeadChannels = 8 };
        using var network = config.Build(seed: 1);
        OnnxFile.Write(_path, network, Info(config, 8, 8));
        byte[] first = File.ReadAllBytes(_path);
        using var same = config.Build(seed: 1);
        OnnxFile.Write(_path, same, Info(config, 8, 8));
        Assert.Equal(first, File.ReadAllBytes(_path));
    }

    /// <summary>Fresh networks have layers of zeros, which would hide a fault in what comes before them.</summary>
    private static void Disturb(DenoisingNetwork network)
    {
        using var noGrad = no_grad();
        random.manual_seed(9);
        foreach (var parameter in network.parameters().Where(parameter => parameter.requires_grad))
            parameter.add_(randn_like(parameter).mul_(0.1f));
    }

    private static ModelInfo Info(NetworkConfig config, int height, int width) => new()
    {
        Name = "digits",
        Model = config,
        Height = height,
        Width = width,
        ClassNames = [.. Enumerable.Range(0, config.CorpusLength).Select(i => $"{i}")],
        Pixels = new PixelScaling { Mean = 0.25, Scale = 0.5 },
    };

    public void Dispose() => File.Delete(_path);
}
