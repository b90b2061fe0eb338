using Mezzotint.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Networks;

/// <summary>The network against the PyTorch reference of Golden/seed: every block of it, and the whole.</summary>
public class SeedNetworkGoldenTests
{
    [Theory]
    [InlineData("two_levels")]
    [InlineData("attention")]
    public void Output_score_and_every_block_agree_with_PyTorch(string name)
    {
        var golden = new SeedFixture(name);
        using var network = golden.Network();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (output, results) = Watched(network, golden["x_t"], golden["t"], golden["labels"]);

        golden.AssertAgrees("output", output);
        golden.AssertAgrees("output64", output);
        golden.AssertAgrees("score", output / golden["std"].view(-1, 1, 1, 1));
        string[] blocks = [.. golden.Keys.Where(key => key.StartsWith("block.", StringComparison.Ordinal))];
        Assert.NotEmpty(blocks);
        foreach (string block in blocks)
        {
            Assert.True(results.TryGetValue(block["block.".Length..], out var result), $"{block} was not run");
            golden.AssertAgrees(block, result);
        }
    }

    [Fact]
    public void Three_context_tokens_agree_with_PyTorch()
    {
        var golden = new SeedFixture("attention");
        using var network = golden.Network();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var output =
            network.call(golden["three_tokens.x"], golden["three_tokens.t"], Condition.OfClasses(golden["three_tokens.labels"]));
        golden.AssertAgrees("three_tokens.output", output);
        golden.AssertAgrees("three_tokens.output64", output);
    }

    [Fact]
    public void Cross_attention_alone_agrees_with_PyTorch()
    {
        var golden = new SeedFixture("attention");
        using var network = golden.Network();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (x, context) = (golden["cross_attention.x"], golden["cross_attention.context"]);
        using var attention = new DescribedPart(net =>
            UNet.Attention(net, "it", net.Tokens("x", (int)x.shape[2]), net.Tokens("context", (int)context.shape[2]),
            golden.Config.Transformer.NumHeads));
        attention.Take(network, "mid_block.st.blocks.0.cross_attn");
        golden.AssertAgrees("cross_attention.output", attention.Run(x, context));
    }

    [Fact]
    public void Spatial_transformer_alone_agrees_with_PyTorch_also_on_a_faint_map()
    {
        var golden = new SeedFixture("attention");
        using var network = golden.Network();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (x, context) = (golden["spatial_transformer.x"], golden["spatial_transformer.context"]);
        using var transformer = new DescribedPart(net =>
            UNet.SpatialTransformer(net, "it", net.Map("x", (int)x.shape[1]), net.Tokens("context", (int)context.shape[2]),
            golden.Config.Transformer));
        transformer.Take(network, "mid_block.st");
        var output = transformer.Run(x, context);
        golden.AssertAgrees("spatial_transformer.output", output);
        // The second map is a hundred times fainter, and would be lost beside the first.
        TensorAssert.Close(golden["spatial_transformer.output"][1], output[1], SeedFixture.Tolerance, "the faint map");
    }

    /// <summary>
    /// What the network gives, and what every module of it gives, by its path. The skip of an encoder's level is what its
    /// downsampling takes.
    /// </summary>
    private static (Tensor Output, Dictionary<string, Tensor> Results) Watched(UNet network, Tensor x, Tensor t, Tensor labels)
    {
        var made = new Dictionary<Node, Tensor>();
        // what is watched is freed after its last use
        var output = network.Watched(
            x, t, Condition.OfClasses(labels), (node, value) => made[node] = value.clone().MoveToOuterDisposeScope());
        var results = new Dictionary<string, Tensor>();
        foreach (var (path, place) in network.Description.Root.All())
        {
            if ((place.Layer ?? place.Output) is { } node)
                results[path] = made[node];
            if (path.EndsWith(".downsampling", StringComparison.Ordinal))
                results[path[..^".downsampling".Length] + ".skip"] = made[place.Layer!.Inputs[0]];
        }
        return (output, results);
    }
}
