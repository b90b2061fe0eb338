using System.Runtime.InteropServices;
using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Tests.Engine;
using Mezzotint.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Networks;

public unsafe class ImageEncoderTests
{
    private static readonly TextEncoderConfig Text = new()
    {
        VocabSize = 50, HiddenSize = 20, IntermediateSize = 36, ProjectionDim = 12, NumHiddenLayers = 2, NumAttentionHeads = 2,
        MaxPositionEmbeddings = 9, BosTokenId = 48, EosTokenId = 49,
    };

    public static TheoryData<string, string> Kinds =>
        [.. from kind in Engines.Both from architecture in ImageEncoder.Architectures select (kind, architecture)];

    [Theory, MemberData(nameof(Kinds))]
    public void The_engines_embedding_and_its_gradients_are_those_of_libtorch(string kind, string architecture)
    {
        using var choice = Engines.Use(kind);
        using var scope = NewDisposeScope();
        var config = new ImageEncoderConfig
            { Architecture = architecture, Height = 32, Width = 48, ModelChannels = 8, HiddenSize = 20 };
        using var network = ImageEncoder.Create(config, 3);
        using var exact = ImageEncoder.Create(config, 3);
        exact.to(float64);
        using var flat = FlatParameters.Of(network);
        random.manual_seed(5);
        Tensor x = rand(1, 3, 32, 48), gradient = randn(1, 20);
        var wanted = exact.call(x.to(float64));
        wanted.backward([gradient.to(float64)]);

        using var engine = new NetworkEngine(
            network, ImageEncoder.Describe(config), 32, 48, tokens: 1, bfloat16: false, training: true);
        engine.Pack();
        var made = zeros(wanted.shape);
        fixed (float* from = Numbers(x), to = Numbers(made), given = Numbers(gradient))
        {
            engine.Forward(from, 0, default(EngineCondition), to);
            engine.Backward(given);
        }
        engine.TakeGradients();
        TensorAssert.Close(wanted, made, 1e-5, architecture);
        foreach (var (there, here) in exact.named_parameters().Zip(network.named_parameters()))
            TensorAssert.Close(there.parameter.grad!, here.parameter.grad!, 1e-4, $"{architecture}: {there.name}");
    }

    [Fact]
    public void Images_of_another_size_are_refused()
    {
        using var scope = NewDisposeScope();
        using var network = ImageEncoder.Create(new() { Height = 16, Width = 16, ModelChannels = 8, HiddenSize = 4 });
        Assert.Equal([2, 4], network.call(rand(2, 3, 16, 16)).shape);
        Assert.Contains("[B, 3, 16, 16]", Assert.Throws<ArgumentException>(() => network.call(rand(2, 1, 16, 16))).Message,
            StringComparison.Ordinal);
        var refused = Assert.Throws<MezzotintException>(() => ImageEncoder.Create(new() { Height = 20 }));
        Assert.Equal("image_encoder.height = 20: must be a multiple of 16 up to 256.", refused.Message);
        Assert.Equal("image_encoder.height", refused.Key);
    }

    [Fact]
    public void A_text_image_model_has_the_names_of_the_published_one_and_the_same_weights_for_the_same_seed()
    {
        var image = new ImageEncoderConfig { Height = 16, Width = 16, ModelChannels = 8, HiddenSize = 4 };
        using var scope = NewDisposeScope();
        using var model = TextImageModel.Create(Text, image, 7);
        using var same = TextImageModel.Create(Text, image, 7);
        using var other = TextImageModel.Create(Text, image, 8);
        string[] names = [.. model.named_parameters().Select(named => named.name)];
        Assert.Contains("logit_scale", names);
        Assert.Contains("text_projection.weight", names);
        Assert.Contains("visual_projection.weight", names);
        Assert.All(names.Except(["logit_scale", "text_projection.weight", "visual_projection.weight"]), name =>
            Assert.True(name.StartsWith("text_model.", StringComparison.Ordinal)
                || name.StartsWith("vision_model.", StringComparison.Ordinal), name));
        Assert.Equal(names.Length, names.Distinct().Count());
        foreach (var (a, b) in model.parameters().Zip(same.parameters()))
            TensorAssert.Same(a, b);
        var tokens = tensor(new long[] { 48, 3, 49, 49 }, [1, 4]);
        Tensor texts = model.EmbedTexts(tokens), images = model.EmbedImages(rand(2, 3, 16, 16));
        Assert.Equal([1, 12], texts.shape);
        TensorAssert.Close(ones(2), images.square().sum(1), 1e-5);
        Assert.True(TensorAssert.Largest(texts - other.EmbedTexts(tokens)) > 0.01);
    }

    [Fact]
    public void What_similarities_are_multiplied_by_grows_to_100_at_most()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var model = TextImageModel.Create(Text, new() { Height = 16, Width = 16, ModelChannels = 8, HiddenSize = 4 });
        Assert.Equal(1 / 0.07, model.Scale.item<float>(), 1e-3);
        model.get_parameter("logit_scale")!.fill_(50);
        Assert.Equal(100, model.Scale.item<float>(), 1e-3);
    }

    private static Span<float> Numbers(Tensor tensor) => MemoryMarshal.Cast<byte, float>(tensor.bytes);
}
