using System.Text.Json;
using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Tests.Engine;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Networks;

public class ConditionalUNetTests
{
    /// <summary>The published networks, by their names in the list of tensors.</summary>
    private static readonly Dictionary<string, ConditionalUNetConfig> Published = new()
    {
        ["unet sd-1.x"] = new() { CrossAttentionDim = 768 },
        ["unet sd-1.x-inpaint"] = new() { CrossAttentionDim = 768, InChannels = 9, OutChannels = 4 },
        ["unet sd-2.x"] = new() { CrossAttentionDim = 1024, AttentionHeadDim = [5, 10, 20, 20], UseLinearProjection = true },
        ["unet sdxl-base"] = new()
        {
            BlockOutChannels = [320, 640, 1280], CrossAttentionDim = 2048, AttentionHeadDim = [5, 10, 20],
            DownBlockTypes = ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
            UpBlockTypes = ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
            TransformerLayersPerBlock = [1, 2, 10], UseLinearProjection = true, AdditionEmbedType = "text_time",
            AdditionTimeEmbedDim = 256, ProjectionClassEmbeddingsInputDim = 2816,
        },
    };

    /// <summary>A network of a few weights, with all that the kind has.</summary>
    internal static ConditionalUNetConfig Small { get; } = new()
    {
        BlockOutChannels = [16, 32], LayersPerBlock = [1], CrossAttentionDim = 12, AttentionHeadDim = [2], NormNumGroups = 4,
        DownBlockTypes = ["CrossAttnDownBlock2D", "DownBlock2D"], UpBlockTypes = ["UpBlock2D", "CrossAttnUpBlock2D"],
    };

    public static TheoryData<string> PublishedNames => [.. Published.Keys];

    [Theory, MemberData(nameof(PublishedNames))]
    public void Its_tensors_have_the_names_and_shapes_of_the_published_network(string name)
    {
        using var list = JsonDocument.Parse(File.ReadAllBytes(TinyStableDiffusion.PathOf("tensor-names.json")));
        var expected = list.RootElement.GetProperty("tensors").GetProperty(name).EnumerateObject()
            .Select(tensor =>
                $"{tensor.Name} [{string.Join(",", tensor.Value.EnumerateArray().Select(length => length.GetInt64()))}]");
        var config = Published[name];
        config.Validate();
        var description = config.Describe(); // allocates no weights
        var actual = description.Nodes.SelectMany(node => node.Parameters.Select(parameter =>
            $"{node.Name}.{parameter.Name} [{string.Join(",", parameter.Shape)}]"));
        Assert.Equal(expected.Order(StringComparer.Ordinal), actual.Order(StringComparer.Ordinal));
        Assert.Equal(
            list.RootElement.GetProperty("counts").GetProperty(name).GetProperty("parameters").GetInt64(),
            config.ParameterCount);
    }

    /// <summary>Of images of 512 x 512 and prompts of 77 tokens; a plan has no weights.</summary>
    [Theory, MemberData(nameof(PublishedNames))]
    public void The_engine_has_a_plan_for_the_published_network(string name)
    {
        using var any = Engines.UseAny();
        Assert.Null(NetworkEngine.WhyNot(Published[name].Describe(), 64, 64, tokens: 77));
    }

    [Fact]
    public void The_engine_has_a_plan_for_the_published_autoencoder()
    {
        using var any = Engines.UseAny();
        var config = new AutoencoderConfig { BlockOutChannels = [128, 256, 512, 512], LayersPerBlock = 2 };
        Assert.Null(NetworkEngine.WhyNot(config.DescribeDecoder(), 64, 64));
        Assert.Null(NetworkEngine.WhyNot(config.DescribeEncoder(), 512, 512));
    }

    /// <summary>Sides that halve to a fraction are rounded up, and the decoder's maps cut to what the encoder's were.</summary>
    [Theory]
    [InlineData(5, 7, 3)]
    [InlineData(6, 9, 77)]
    [InlineData(1, 2, 1)]
    public void Maps_of_any_sides_and_any_number_of_tokens_keep_their_size(int height, int width, int tokens)
    {
        using var any = Engines.UseAny();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var config = Small with
        {
            BlockOutChannels = [16, 32, 32], LayersPerBlock = [1, 2, 1],
            DownBlockTypes = ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
            UpBlockTypes = ["UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        };
        using var network = config.Build(3);
        var (x, t, condition) = (randn(2, 4, height, width), tensor([1f, 500]), Condition.OfContext(randn(2, tokens, 12)));
        var expected = network.call(x, t, condition);
        Assert.Equal(x.shape, expected.shape);
        using var engine = NetworkEngine.For(network, height, width, bfloat16: false, training: false, tokens)!;
        TensorAssert.Close(expected, NetworkEvaluator.Evaluate(engine, x, t, condition), 2e-5);
    }

    [Fact]
    public void It_has_no_classes_and_says_so_of_a_setting_of_classes()
    {
        Assert.Equal((0, null), (Small.CorpusLength, (Small with { Unconditional = true }).NoLabel));
        using var network = Small.Build();
        var fault = Assert.Throws<ArgumentException>(() =>
            network.Check(Condition.OfLabels([3])));
        Assert.Contains("asks for context", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_configuration_has_its_keys_and_none_of_classes()
    {
        const string toml = """
            [model]
            kind = "unet-2d-condition"
            block_out_channels = [16, 32]
            layers_per_block = [1]
            cross_attention_dim = 12
            attention_head_dim = [2]
            norm_num_groups = 4
            down_block_types = ["CrossAttnDownBlock2D", "DownBlock2D"]
            up_block_types = ["UpBlock2D", "CrossAttnUpBlock2D"]
            """;
        var config = Configuration.Parse(toml, "x.toml");
        Assert.Equal(Small, config.Model);
        string written = Configuration.Write(config);
        Assert.Equal(config, Configuration.Parse(written, "x.toml"));
        Assert.DoesNotContain("corpus_length", written, StringComparison.Ordinal);
        Assert.Contains("unknown key 'model.corpus_length'", Assert.Throws<MezzotintException>(() =>
            { Configuration.Parse($"{toml}\ncorpus_length = 10", "x.toml"); }).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_impossible_shape_is_named()
    {
        void Refused(string start, ConditionalUNetConfig config) =>
            Assert.StartsWith(start, Assert.Throws<MezzotintException>(config.Validate).Message, StringComparison.Ordinal);
        Refused("model.block_out_channels = [18, 32]", Small with { BlockOutChannels = [18, 32] });
        Refused("model.attention_head_dim = [3]", Small with { AttentionHeadDim = [3] });
        Refused("model.layers_per_block = [1, 1, 1]", Small with { LayersPerBlock = [1, 1, 1] });
        Refused("model.down_block_types", Small with { DownBlockTypes = ["DownBlock2D", "SimpleCrossAttnDownBlock2D"] });
        Refused("model.up_block_types", Small with { UpBlockTypes = ["UpBlock2D"] });
        Refused("model.out_channels = 5", Small with { InChannels = 4, OutChannels = 5 });
        Refused("model.addition_embed_type", Small with { AdditionEmbedType = "image" });
        Refused("model.conv_in_kernel = 2", Small with { ConvInKernel = 2 });
    }

    [Fact]
    public void Equal_shapes_are_equal_however_their_lists_are_written()
    {
        Assert.Equal(Small, Small with { LayersPerBlock = [1, 1], AttentionHeadDim = [2, 2] });
        Assert.NotEqual(Small, Small with { LayersPerBlock = [1, 2] });
        Assert.NotEqual(Small, Small with { FlipSinToCos = false });
    }
}
