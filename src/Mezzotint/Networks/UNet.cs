namespace Mezzotint.Networks;

/// <summary>
/// The seed's network h(x, t, label). An encoder halves the map at each level; a middle has a transformer; a decoder doubles the
/// map back and joins the encoder's maps. The score of x at time t is h / std(t). The names are the seed's.
/// </summary>
/// <remarks>Ronneberger et al. 2015, arXiv 1505.04597; time of Song et al. 2021, transformer of Rombach et al. 2022.</remarks>
public sealed class UNet(UNetConfig config, long seed = 0)
    : DenoisingNetwork(config ?? throw new ArgumentNullException(nameof(config)), nameof(UNet), seed)
{
    internal static NetworkDescription Describe(UNetConfig config)
    {
        int[] widths = [.. config.ChannelMultipliers.Select(m => m * config.ModelChannels)];
        var net = new NetworkBuilder(nameof(UNet));
        Node x = net.Map("x", config.InChannels), t = net.Number("t"), labels = net.Indices("labels");
        var context = net.Embedding("context_embed", labels, config.EmbeddingRows, config.Transformer.ContextDim); // [B, K, D]
        var time = TimeEmbedding(net, t, config.ModelChannels);                                                     // [B, T]

        var skips = new Stack<Node>();
        for (int level = 0; level < widths.Length; level++)
        {
            using var encoder = net.Module($"encoder.{level}", "EncoderBlock");
            x = ResidualBlocks(net, x, time, widths[level], config.NumResBlocks);
            if (config.AttentionLevels.Contains(level))
                x = SpatialTransformer(net, "spatial_transformer", x, context, config.Transformer);
            skips.Push(x);
            x = net.Convolution("downsampling", x, widths[level], stride: 2, bias: false); // half the map
        }
        using (net.Module("mid_block", "MidBlock"))
        {
            x = ResidualBlock(net, "res1", x, time, 2 * widths[^1]);
            x = ResidualBlock(net, "res2", x, time, 2 * widths[^1]);
            x = SpatialTransformer(net, "st", x, context, config.Transformer);
        }
        foreach (int width in widths.Reverse())
        {
            using var decoder = net.Module($"decoder.{widths.Length - skips.Count}", "DecoderBlock");
            x = net.Enlarge("upsampling", x, width, kernel: 3, bias: false); // twice the map
            x = ResidualBlocks(net, net.Concatenate(skips.Pop(), x), time, width, config.NumResBlocks);
        }
        using (net.Module("proj", "Sequential"))
            x = net.Convolution("2", net.Silu(net.GroupNorm("0", x, UNetConfig.Groups), "1"), config.OutChannels);
        return net.Build(x);
    }

    /// <summary>Random Fourier features of the time, then a linear layer. Tancik et al. 2020, arXiv 2006.10739.</summary>
    private static Node TimeEmbedding(NetworkBuilder net, Node t, int channels)
    {
        using var embedding = net.Module("time_embed", "TimeEmbedding");
        return net.Linear("proj", net.RandomTimeFeatures("W", t, channels / 2, std: 30), channels);
    }

    private static Node ResidualBlocks(NetworkBuilder net, Node x, Node time, int channels, int count) =>
        Enumerable.Range(0, count).Aggregate(x, (map, i) => ResidualBlock(net, $"res_blocks.{i}", map, time, channels));

    /// <summary>c = conv(x); out = c + silu(gnorm(c + time_lin(time))). The residual is c, not x.</summary>
    internal static Node ResidualBlock(NetworkBuilder net, string name, Node x, Node time, int channels)
    {
        using var block = net.Module(name, "ResidualBlock");
        var c = net.Convolution("conv", x, channels);
        var shifted = net.Add(c, net.Linear("time_lin", time, channels));
        return net.Add(c, net.Silu(net.GroupNorm("gnorm", shifted, UNetConfig.Groups), "silu"));
    }

    /// <summary>x + conv(attention blocks over the places of x). Rombach et al. 2022, arXiv 2112.10752, appendix E.2.1.</summary>
    internal static Node SpatialTransformer(NetworkBuilder net, string name, Node x, Node context, TransformerConfig config)
    {
        using var transformer = net.Module(name, "SpatialTransformer");
        var tokens = net.PlacesAsTokens(x); // [B, H W, C]
        for (int i = 0; i < config.NumLayers; i++)
            tokens = AttentionBlock(net, $"blocks.{i}", tokens, context, config.NumHeads);
        return net.Add(x, net.Convolution("proj_out", net.TokensAsPlaces(tokens, like: x), x.Channels, kernel: 1));
    }

    /// <summary>Self attention, cross attention, a perceptron: of normalised input, each added to its input.</summary>
    private static Node AttentionBlock(NetworkBuilder net, string name, Node x, Node context, int heads)
    {
        using var block = net.Module(name, "AttentionBlock");
        net.Children("self_attn", "self_attn_norm", "cross_attn", "cross_attn_norm", "mlp", "mlp_norm");
        var normed = net.LayerNorm("self_attn_norm", x);
        x = net.Add(Attention(net, "self_attn", normed, normed, heads), x);
        x = net.Add(Attention(net, "cross_attn", net.LayerNorm("cross_attn_norm", x), context, heads), x);
        return net.Add(Perceptron(net, net.LayerNorm("mlp_norm", x)), x);
    }

    /// <summary>Attention of tokens to a context, without an output projection.</summary>
    internal static Node Attention(NetworkBuilder net, string name, Node x, Node context, int heads)
    {
        using var attention = net.Module(name, "MultiHeadAttention");
        Node Projected(string projection, Node tokens) => net.Linear(projection, tokens, x.Channels, bias: false);
        return net.Attention(Projected("q_proj", x), Projected("k_proj", context), Projected("v_proj", context), heads);
    }

    private static Node Perceptron(NetworkBuilder net, Node x)
    {
        using var perceptron = net.Module("mlp", "MLP");
        using var layers = net.Module("net", "Sequential");
        return net.Linear("2", net.Relu(net.Linear("0", x, x.Channels), "1"), x.Channels);
    }
}
