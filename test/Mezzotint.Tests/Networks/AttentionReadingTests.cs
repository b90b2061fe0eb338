using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Tests.Serving;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Networks;

/// <summary>What places attend to is what the network's own attention is computed with.</summary>
public class AttentionReadingTests
{
    private const int Tokens = 5;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void The_shares_are_the_softmax_of_the_products_and_give_what_the_layer_makes(int heads)
    {
        using var network = (WordedPipeline.Config with { AttentionHeadDim = [heads] }).Build(seed: 3);
        using var scope = NewDisposeScope();
        var (x, context) = (randn(1, 3, 8, 8), randn(1, Tokens, 16));
        var reading = new AttentionReading(network.Description, x, null, CancellationToken.None);
        var made = new Dictionary<Node, Tensor>();
        network.Watched(x, full(1, 0.5f), Condition.OfContext(context), (node, value) =>
        {
            reading.See(node, value);
            made[node] = value.clone().MoveToOuterDisposeScope();
        });
        Assert.Equal(
            ["down_blocks.0.attentions.0", "mid_block.attentions.0", "up_blocks.1.attentions.0", "up_blocks.1.attentions.1"],
            reading.Layers.Select(layer => layer.Name[..layer.Name.IndexOf(".transformer", StringComparison.Ordinal)]));
        Assert.Equal([(8, 8), (4, 4), (8, 8), (8, 8)], reading.Layers.Select(layer => (layer.Height, layer.Width)));
        foreach (var layer in reading.Layers)
        {
            var attention = network.Description.Nodes.OfType<AttentionNode>()
                .Single(node => node.Inputs[0].Name == layer.Name + ".to_q");
            float[][] values = [.. attention.Inputs.Append(attention).Select(node => made[node].data<float>().ToArray())];
            int places = layer.Height * layer.Width, width = attention.Channels / heads;
            double[] shares = new double[Tokens * places];
            for (int place = 0; place < places; place++)
                for (int head = 0; head < heads; head++)
                {
                    double[] weights = [.. Enumerable.Range(0, Tokens)
                        .Select(token => Math.Exp(Product(token) / Math.Sqrt(width)))];
                    double sum = weights.Sum();
                    for (int token = 0; token < Tokens; token++)
                        shares[token * places + place] += weights[token] / sum / heads;
                    for (int c = head * width; c < (head + 1) * width; c++) // what libtorch makes of the same
                        Assert.Equal(
                            Enumerable.Range(0, Tokens).Sum(token => weights[token] / sum * At(2, token, c)), At(3, place, c),
                            1e-4);

                    double Product(int token) => Enumerable.Range(head * width, width)
                        .Sum(c => (double)At(0, place, c) * At(1, token, c));
                }
            Assert.All(layer.Weights.Zip(shares), pair => Assert.Equal(pair.Second, pair.First, 1e-5));
            Assert.Equal((heads, Tokens), (layer.Heads, layer.Tokens));

            float At(int value, int row, int c) => values[value][row * attention.Channels + c];
        }
    }

    [Fact]
    public void A_token_that_is_masked_gets_nothing()
    {
        Libtorch.Load();
        var net = new NetworkBuilder("masked");
        Node x = net.Map("x", 4), context = net.Tokens("context", 4), mask = net.Mask("mask");
        Node q = net.Linear("q", net.PlacesAsTokens(x), 4), k = net.Linear("k", context, 4);
        var attention = net.Attention(q, k, net.Linear("v", context, 4), 2, mask: mask);
        var description = net.Build(net.TokensAsPlaces(attention, like: x));
        using var scope = NewDisposeScope();
        var reading = new AttentionReading(
            description, randn(1, 4, 2, 3), tensor(new[] { true, false, true }, [1, 3]), CancellationToken.None);
        reading.See(q, randn(1, 6, 4));
        reading.See(k, randn(1, 3, 4));
        reading.See(attention, randn(1, 6, 4));
        var layer = Assert.Single(reading.Layers);
        Assert.Equal((3, 2, 3), (layer.Tokens, layer.Height, layer.Width));
        Assert.All(layer.Weights[6..12], share => Assert.Equal(0, share));
        for (int place = 0; place < 6; place++)
            Assert.Equal(1, layer.Weights[place] + layer.Weights[12 + place], 1e-6);
    }

    [Fact]
    public void Weights_of_16_bits_are_read_as_what_they_are_widened_to()
    {
        using var wide = WordedPipeline.Config.Build(seed: 3);
        using var narrow = WordedPipeline.Config.Build(seed: 3);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        NarrowWeights.MakeRoom(narrow, _ => ElementType.BFloat16);
        foreach (var (of, like) in narrow.parameters().Zip(wide.parameters()))
        {
            of.copy_(like);
            like.copy_(of);
        }
        Assert.True(NarrowWeights.AreIn(narrow));
        var (x, t, context) = (randn(1, 3, 8, 8), full(1, 0.5f), Condition.OfContext(randn(1, Tokens, 16)));
        TensorAssert.Close(wide.call(x, t, context), narrow.call(x, t, context), 1e-6, "the output");
    }
}
