namespace Mezzotint.Networks;

/// <summary>
/// A U-Net of pre-activation residual blocks, which time and class scale and shift: the network of a modern diffusion model, in a
/// small size. Each block of the encoder leaves its map for one of the decoder; the middle attends over the whole map. The last
/// layer of each branch starts at 0, so that the fresh network predicts 0 and every block starts as the identity.
/// </summary>
/// <remarks>Dhariwal, Nichol 2021, arXiv 2105.05233, section 3; patches as in Hoogeboom et al. 2023, arXiv 2301.11093.</remarks>
public sealed class ResidualUNet(ResidualUNetConfig config, long seed = 0)
    : DenoisingNetwork(config ?? throw new ArgumentNullException(nameof(config)), nameof(ResidualUNet), seed)
{
    private const double LowestFrequency = 0.25, HighestFrequency = 32; // of the time's features, in turns per unit

    internal static NetworkDescription Describe(ResidualUNetConfig config)
    {
        int[] widths = config.Widths;
        var net = new NetworkBuilder(nameof(ResidualUNet));
        Node x = net.Map("x", config.InChannels), t = net.Number("t"), labels = net.Indices("labels");
        var condition = Condition(net, t, labels, config); // [B, E]
        if (config.Anchors.Count > 0)
            x = net.Anchors(x, t, config.Anchors, config.AnchorDataStd);

        var skips = new Stack<Node>();
        x = net.Convolution("input", net.Unshuffle(x, config.PatchSize), widths[0]); // [B, C, H / patch, W / patch]
        net.Children("encoder", "down");
        for (int level = 0; level < widths.Length; level++)
        {
            if (level > 0)
                x = net.Convolution($"down.{level - 1}", x, widths[level], kernel: 2, stride: 2);
            x = Level(net, $"encoder.{level}", x, condition, level, config, (_, map) => map, skips.Push);
        }
        x = Attention(net, "middle_attention", Block(net, "middle", x, condition, widths[^1]), config.HeadChannels);
        net.Children("up", "decoder");
        for (int level = widths.Length - 1; level >= 0; level--)
        {
            int step = widths.Length - 1 - level;
            if (step > 0)
                x = net.Enlarge($"up.{step - 1}", x, widths[level], kernel: 2);
            x = Level(net, $"decoder.{step}", x, condition, level, config, (builder, map) =>
                builder.Concatenate(map, skips.Pop()), _ => { });
        }
        x = net.Convolution("output", net.Silu(Norm(net, "output_norm", x)), config.PatchChannels, startsAtZero: true);
        return net.Build(net.Shuffle(x, config.PatchSize));
    }

    /// <summary>silu(MLP(features of the time) + the sum of the labels' embeddings).</summary>
    private static Node Condition(NetworkBuilder net, Node t, Node labels, ResidualUNetConfig config)
    {
        using var embedding = net.Module("embedding", "ConditionEmbedding");
        var time = net.Linear("time1", net.TimeFeatures(t, Frequencies(config.ModelChannels / 2)), config.EmbeddingWidth);
        time = net.Linear("time2", net.Silu(time), config.EmbeddingWidth);
        var asked = net.Add(time,
            net.SumOfTokens(net.Embedding("labels", labels, config.EmbeddingRows, config.EmbeddingWidth)));
        // Without a bias, images that are not changed are what they are to a network that knows of no changes.
        return net.Silu(!config.KnowsChanges ? asked : net.Add(asked, net.Linear(
            InputNode.Changes, net.Vector(InputNode.Changes, ImageChanges.Numbers), config.EmbeddingWidth, bias: false)));
    }

    /// <summary>Evenly apart on a logarithmic scale.</summary>
    private static double[] Frequencies(int count) =>
        [.. Enumerable.Range(0, count).Select(i =>
            LowestFrequency * Math.Pow(HighestFrequency / LowestFrequency, i / Math.Max(1.0, count - 1)))];

    /// <summary>The blocks of one level, each with attention after it where the configuration asks for that.</summary>
    private static Node Level(NetworkBuilder net, string name, Node x, Node condition, int level, ResidualUNetConfig config,
        Func<NetworkBuilder, Node, Node> before, Action<Node> after)
    {
        using var module = net.Module(name, "ModulatedLevel");
        net.Children("blocks", "attention");
        for (int i = 0; i < config.ResidualBlocks[level]; i++)
        {
            x = Block(net, $"blocks.{i}", before(net, x), condition, config.Widths[level]);
            if (config.AttentionLevels.Contains(level))
                x = Attention(net, $"attention.{i}", x, config.HeadChannels);
            after(x);
        }
        return x;
    }

    /// <summary>skip(x) + conv2(silu((1 + scale) norm2(conv1(silu(norm1(x)))) + shift)).</summary>
    internal static Node Block(NetworkBuilder net, string name, Node x, Node condition, int channels)
    {
        using var block = net.Module(name, "ModulatedBlock");
        var h = net.Convolution("conv1", net.Silu(Norm(net, "norm1", x)), channels);
        var modulation = net.Linear("modulation", condition, 2 * channels);
        h = net.Convolution("conv2", net.Silu(net.Modulate(Norm(net, "norm2", h), modulation)), channels, startsAtZero: true);
        return net.Add(x.Channels == channels ? x : net.Convolution("skip", x, channels, kernel: 1), h);
    }

    /// <summary>x + proj(attention over the places of norm(x)). Ho et al. 2020, arXiv 2006.11239, appendix B.</summary>
    internal static Node Attention(NetworkBuilder net, string name, Node x, int headChannels)
    {
        using var attention = net.Module(name, "MapAttention");
        var qkv = net.Split(net.Convolution("qkv", Norm(net, "norm", x), 3 * x.Channels, kernel: 1), 3);
        var mixed = net.Attention(qkv[0], qkv[1], qkv[2], x.Channels / headChannels);
        return net.Add(x, net.Convolution("proj", mixed, x.Channels, kernel: 1, startsAtZero: true));
    }

    private static Node Norm(NetworkBuilder net, string name, Node x) =>
        net.GroupNorm(name, x, x.Channels / ResidualUNetConfig.GroupChannels);
}
