using System.Runtime.InteropServices;
using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Tests.Networks;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Engine;

/// <summary>
/// Each layer of the vocabulary, and each way in which layers become one step, in a small network beside libtorch.
/// </summary>
public unsafe class EnginePlanTests
{
    private delegate Node Layer(NetworkBuilder net, Node x, Node vector, Node context);

    private static readonly Dictionary<string, Layer> Layers = new()
    {
        ["convolution"] = (net, x, _, _) => net.Convolution("it", x, 48),
        ["convolution of 1 x 1 without a bias"] = (net, x, _, _) => net.Convolution("it", x, 16, kernel: 1, bias: false),
        ["halved and doubled"] = (net, x, _, _) =>
            net.Enlarge("up", net.Convolution("down", x, 48, stride: 2, bias: false), 32, kernel: 3),
        ["halved and doubled by kernels of 2"] = (net, x, _, _) =>
            net.Enlarge("up", net.Convolution("down", x, 48, kernel: 2, stride: 2), 16, kernel: 2),
        ["group normalisation alone"] = (net, x, _, _) => net.Convolution("after", net.GroupNorm("it", x, 4), 16),
        ["normalisation of a sum with a vector"] = (net, x, vector, _) => net.Silu(net.GroupNorm("it", net.Add(x, vector), 4)),
        ["normalisation with a residual"] = (net, x, vector, _) =>
            net.Add(x, net.Silu(net.GroupNorm("it", net.Add(x, vector), 4))),
        ["modulation"] = (net, x, vector, _) =>
            net.Convolution("after",
                net.Silu(net.Modulate(net.GroupNorm("it", x, 4), net.Linear("both", vector, 2 * x.Channels))), 32),
        ["a value that is read four times"] = (net, x, vector, _) =>
            net.Add(net.Add(net.Add(x, net.Convolution("one", x, x.Channels)), net.Silu(net.GroupNorm("two", x, 4))),
                net.Add(x, vector)),
        ["maps side by side as operands"] = (net, x, _, _) =>
            net.Concatenate(net.Convolution("a", x, 16), x, net.Convolution("b", x, 48)) is var all
            ? net.Convolution("after", all, 16) : all,
        ["maps side by side as numbers"] = (net, x, _, _) =>
            net.Silu(net.GroupNorm("it", net.Concatenate(net.Convolution("a", x, 16), x), 4)),
        ["maps side by side as both"] = (net, x, _, _) => net.Concatenate(x, net.Convolution("a", x, 16)) is var all
            ? net.Add(net.Convolution("after", all, 32, kernel: 1),
                net.Convolution("b", net.Silu(net.GroupNorm("it", all, 4)), 32)) : all,
        ["attention among places"] = (net, x, _, _) => net.Split(net.Convolution("qkv", x, 3 * 32, kernel: 1), 3) is var qkv
            ? net.Convolution("after", net.Attention(qkv[0], qkv[1], qkv[2], heads: 2), 32, kernel: 1) : x,
        ["a transformer"] = (net, x, _, context) => Transformer(net, x, context),
        ["silu of vectors"] = (net, x, vector, _) => net.Add(x, net.Linear("it", net.Silu(net.Add(vector, vector)), x.Channels)),
    };

    public static TheoryData<string, string> All => [.. from kind in Engines.Both from layer in Layers.Keys select (kind, layer)];

    [Theory, MemberData(nameof(All))]
    public void Each_layer_and_its_gradients_are_those_of_libtorch(string kind, string layer)
    {
        using var engine = Engines.Use(kind);
        foreach (var (channels, height, width) in new[] { (32, 4, 6), (64, 10, 2), (48, 2, 2) })
            foreach (bool bfloat16 in TileKernel.IsBfloat16Supported ? new[] { false, true } : [false])
                foreach (int tokens in new[] { 1, 3 })
                    Compare(layer, channels, height, width, bfloat16, tokens);
    }

    [Fact]
    public void Memory_of_a_plan_that_is_not_trained_serves_again()
    {
        using var any = Engines.UseAny();
        var description = new UNetConfig().Describe();
        var plan = new EnginePlan(description, ValueSizes.Of(description, 28, 28, tokens: 1));
        using var network = new UNetConfig().Build();
        using var engine = new NetworkEngine(network, description, 28, 28, tokens: 1, bfloat16: false, training: false);
        Assert.True(engine.FloatsTaken < plan.Values.Where(value => !value.IsVector).Sum(value => value.Count),
            $"{engine.FloatsTaken} numbers");
    }

    private static Node Transformer(NetworkBuilder net, Node x, Node context)
    {
        var tokens = net.PlacesAsTokens(x);
        var normed = net.LayerNorm("before", tokens);
        Node Linear(string name, Node of) => net.Linear(name, of, x.Channels, bias: false);
        tokens = net.Add(net.Attention(Linear("q", normed), Linear("k", normed), Linear("v", normed), heads: 1), tokens);
        tokens = net.Add(net.Attention(Linear("q2", tokens), Linear("k2", context), Linear("v2", context), heads: x.Channels / 16), tokens);
        tokens = net.Add(net.Linear("out", net.Relu(net.Linear("in", tokens, 64)), x.Channels), tokens);
        return net.Add(x, net.Convolution("back", net.TokensAsPlaces(tokens, like: x), x.Channels, kernel: 1));
    }

    private static void Compare(string layer, int channels, int height, int width, bool bfloat16, int tokens)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(channels + height);
        using var network = new DescribedPart(net =>
        {
            using var module = net.Module("it", "Part");
            Node x = net.Map("x", 2), t = net.Number("t"), labels = net.Indices("labels");
            var vector = net.Linear("vector", net.TimeFeatures(t, [0.5, 1, 2]), channels);
            var context = net.Embedding("context", labels, 5, 24);
            var y = Layers[layer](net, net.Convolution("first", x, channels), vector, context);
            return net.Convolution("last", net.Silu(net.GroupNorm("norm", y, 2)), 2);
        });
        using (no_grad())
            foreach (var parameter in network.parameters())
                parameter.add_(randn_like(parameter), alpha: 0.1);
        using var flat = FlatParameters.Of(network);
        var (images, times, classes) = (randn(2, 2, height, width), rand(2), randint(5, [2, tokens], dtype: int64));
        var f = network.Run(images, times, classes);
        var gradient = randn_like(f);
        f.backward([gradient]);
        (string Name, Tensor Gradient)[] wanted = Gradients();

        flat.Gradients.zero_();
        using var engine = new NetworkEngine(network, network.Description, height, width, tokens, bfloat16, training: true);
        engine.Pack();
        var made = zeros_like(f);
        int size = 2 * height * width;
        fixed (float* from = Numbers(images), to = Numbers(made), given = Numbers(gradient))
            for (int i = 0; i < 2; i++)
            {
                engine.Forward(from + i * size, times[i].item<float>(), classes[i].data<long>().ToArray(), to + i * size);
                engine.Backward(given + i * size);
            }
        engine.TakeGradients();
        string where = $"{layer}, {channels} channels of {height} x {width}, bfloat16 {bfloat16}, {tokens} tokens";
        TensorAssert.Close(f.detach(), made, bfloat16 ? 3e-2 : 1e-5, where);
        double largest = wanted.Max(named => named.Gradient.abs().max().item<float>());
        foreach (var (expected, actual) in wanted.Zip(Gradients()))
            Assert.True((expected.Gradient - actual.Gradient).abs().max().item<float>() <= (bfloat16 ? 5e-2 : 2e-5) * largest,
                $"{where}: {expected.Name} is off by {(expected.Gradient - actual.Gradient).abs().max().item<float>():E1} of {largest:E1}");

        (string Name, Tensor Gradient)[] Gradients() =>
            [.. network.named_parameters().Where(named =>
                named.parameter.requires_grad).Select(named => (named.name, named.parameter.grad!.clone()))];
        Span<float> Numbers(Tensor tensor) => MemoryMarshal.Cast<byte, float>(tensor.bytes);
    }
}
