using Mezzotint.Networks;
using TorchSharp;
using TorchSharp.Modules;
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
        var results = WatchBlocks(network, scope);

        var output = network.call(golden["x_t"], golden["t"], golden["labels"]);

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
        var output = network.call(golden["three_tokens.x"], golden["three_tokens.t"], golden["three_tokens.labels"]);
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
        var attention = Assert.IsType<MultiHeadAttention>(ModuleAt(network, "mid_block.st.blocks.0.cross_attn"));
        golden.AssertAgrees("cross_attention.output", attention.call(golden["cross_attention.x"], golden["cross_attention.context"]));
    }

    [Fact]
    public void Spatial_transformer_alone_agrees_with_PyTorch_also_on_a_faint_map()
    {
        var golden = new SeedFixture("attention");
        using var network = golden.Network();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var transformer = Assert.IsType<SpatialTransformer>(ModuleAt(network, "mid_block.st"));
        var output = transformer.call(golden["spatial_transformer.x"], golden["spatial_transformer.context"]);
        golden.AssertAgrees("spatial_transformer.output", output);
        // The second map is a hundred times fainter, and would be lost beside the first.
        TensorAssert.Close(golden["spatial_transformer.output"][1], output[1], SeedFixture.Tolerance, "the faint map");
    }

    internal static nn.Module ModuleAt(nn.Module network, string path) =>
        network.named_modules().Single(named => named.name == path).module;

    /// <summary>Keeps what every module of the network gives, by its path. An encoder level is not called as a module of its own: its skip is
    /// what its downsampling takes, its output is what that gives.</summary>
    private static Dictionary<string, Tensor> WatchBlocks(UNet network, DisposeScope scope)
    {
        var results = new Dictionary<string, Tensor>();
        // The blocks free what they made on their way, so it is a copy that is kept.
        Tensor Keep(string path, Tensor output)
        {
            results[path] = output.clone().DetachFromDisposeScope();
            scope.Attach(results[path]);
            return output;
        }
        foreach (var (path, module) in network.named_modules())
        {
            switch (module)
            {
                case Conv2d downsampling when path.EndsWith(".downsampling", StringComparison.Ordinal):
                    string level = path[..^".downsampling".Length];
                    downsampling.register_forward_hook((_, input, output) => (Keep(level + ".skip", input), Keep(level, output)).Item2);
                    break;
                case nn.Module<Tensor, Tensor> one:
                    one.register_forward_hook((_, _, output) => Keep(path, output));
                    break;
                case nn.Module<Tensor, Tensor, Tensor> two:
                    two.register_forward_hook((_, _, _, output) => Keep(path, output));
                    break;
                case nn.Module<Tensor, Tensor, Tensor, Tensor> three:
                    three.register_forward_hook((_, _, _, _, output) => Keep(path, output));
                    break;
            }
        }
        return results;
    }
}
