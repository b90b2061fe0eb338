using static Mezzotint.Networks.ConditionalUNetConfig;

namespace Mezzotint.Networks;

/// <summary>
/// Stable Diffusion's U-Net: residual blocks that the time shifts, and transformers over the places of a map that attend to a
/// context. Modules have the names of <c>UNet2DConditionModel</c>.
/// </summary>
/// <remarks>Rombach et al. 2022, arXiv 2112.10752, appendix E.2; residual blocks of Dhariwal, Nichol 2021.</remarks>
internal static class ConditionalUNet
{
    private const double TransformerEpsilon = 1e-6;
    private const float LongestPeriod = 10_000; // of the time's features, over 2 pi

    public static NetworkDescription Describe(ConditionalUNetConfig config)
    {
        var net = new NetworkBuilder("UNet2DConditionModel");
        int levels = config.BlockOutChannels.Count, last = levels - 1;
        Node x = net.Map("x", config.InChannels), t = net.Number("t"), context = net.Tokens("context", config.CrossAttentionDim);
        net.Children("conv_in", "time_embedding");
        if (config.AdditionEmbedType is not null)
            net.Children("add_embedding");
        net.Children("down_blocks", "up_blocks", "mid_block");
        var block = new Blocks(net, config, context, net.Silu(TimeEmbedding(net, t, config)));

        x = net.Convolution("conv_in", x, config.BlockOutChannels[0], config.ConvInKernel);
        var skips = new Stack<Node>([x]);
        for (int level = 0; level < levels; level++)
        {
            using var down = block.Module($"down_blocks.{level}", config.DownBlockTypes[level]);
            for (int i = 0; i < At(config.LayersPerBlock, level); i++)
                skips.Push(x = block.Layer(i, x, level, config.DownBlockTypes[level] == AttendingDown));
            if (level < last)
                skips.Push(x = Resampled(net, "downsamplers.0", x, stride: 2)); // half the side, rounded up
        }
        using (block.Module("mid_block", "UNetMidBlock2DCrossAttn"))
        {
            x = block.Transformer(0, block.Residual(0, x, last), last, onlyContext: false);
            x = block.Residual(1, x, last);
        }
        for (int step = 0; step < levels; step++)
        {
            int level = last - step;
            using var up = block.Module($"up_blocks.{step}", config.UpBlockTypes[step]);
            for (int i = 0; i <= At(config.LayersPerBlock, level); i++)
                x = block.Layer(i, net.Concatenate(x, skips.Pop()), level, config.UpBlockTypes[step] == AttendingUp);
            if (level > 0)
                x = Resampled(net, "upsamplers.0", net.NearestLike(x, skips.Peek()), stride: 1);
        }
        x = net.Silu(net.GroupNorm("conv_norm_out", x, config.NormNumGroups, config.NormEps));
        return net.Build(net.Convolution("conv_out", x, config.OutChannels, config.ConvOutKernel));
    }

    private static Node Resampled(NetworkBuilder net, string name, Node x, int stride)
    {
        using var module = net.Module(name, stride == 2 ? "Downsample2D" : "Upsample2D");
        return net.Convolution("conv", x, x.Channels, stride: stride);
    }

    /// <summary>A perceptron of sines and cosines of the time; of a network that has one, a second perceptron's of its vector is
    /// added.</summary>
    private static Node TimeEmbedding(NetworkBuilder net, Node t, ConditionalUNetConfig config)
    {
        int half = config.BlockOutChannels[0] / 2;
        double[] frequencies = [.. Enumerable.Range(0, half).Select(i => // in float32, as the network was trained
            (double)MathF.Exp((float)-Math.Log(LongestPeriod) * i / (half - config.FreqShift)))];
        var features = net.AngularFeatures(t, frequencies, config.FlipSinToCos);
        if (config.TimeCondProjDim is { } told)
            using (net.Module("time_embedding", "TimestepEmbedding"))
                features = net.Add(features,
                    net.Linear("cond_proj", net.Vector("pooled", told), config.BlockOutChannels[0], bias: false));
        var time = Perceptron(net, "time_embedding", features, config);
        return config.ProjectionClassEmbeddingsInputDim is not { } width ? time
            : net.Add(time, Perceptron(net, "add_embedding", net.Vector("pooled", width), config));
    }

    private static Node Perceptron(NetworkBuilder net, string name, Node vector, ConditionalUNetConfig config)
    {
        using var embedding = net.Module(name, "TimestepEmbedding");
        int width = 4 * config.BlockOutChannels[0];
        return net.Linear("linear_2", net.Silu(net.Linear("linear_1", vector, width)), width);
    }

    /// <summary>The blocks, of one network.</summary>
    private sealed class Blocks(NetworkBuilder net, ConditionalUNetConfig config, Node context, Node time)
    {
        /// <summary>Opens a level, whose transformers come before its residual blocks.</summary>
        public IDisposable Module(string name, string type)
        {
            var module = net.Module(name, type);
            if (type is not (Down or Up))
                net.Children("attentions", "resnets");
            return module;
        }

        public Node Layer(int i, Node x, int level, bool attends) =>
            Residual(i, x, level) is var y && attends ? Transformer(i, y, level, config.OnlyCrossAttention) : y;

        /// <summary>shortcut(x) + conv2(silu(norm2(conv1(silu(norm1(x))) + time))).</summary>
        public Node Residual(int i, Node x, int level)
        {
            using var block = net.Module($"resnets.{i}", "ResnetBlock2D");
            int channels = config.BlockOutChannels[level];
            var h = net.Convolution("conv1", net.Silu(Norm("norm1", x)), channels);
            var shift = net.Linear("time_emb_proj", time, config.TimeScales ? 2 * channels : channels);
            h = config.TimeScales ? net.Modulate(Norm("norm2", h), shift) : Norm("norm2", net.Add(h, shift));
            h = net.Convolution("conv2", net.Silu(h), channels);
            return net.Add(x.Channels == channels ? x : net.Convolution("conv_shortcut", x, channels, kernel: 1), h);
        }

        /// <summary>x + proj_out(attention blocks over the places of proj_in(norm(x))).</summary>
        public Node Transformer(int i, Node x, int level, bool onlyContext)
        {
            using var transformer = net.Module($"attentions.{i}", "Transformer2DModel");
            var y = net.GroupNorm("norm", x, config.NormNumGroups, TransformerEpsilon);
            y = config.UseLinearProjection ? net.Linear("proj_in", net.PlacesAsTokens(y), x.Channels)
                : net.PlacesAsTokens(net.Convolution("proj_in", y, x.Channels, kernel: 1));
            for (int k = 0; k < At(config.TransformerLayersPerBlock, level); k++)
                y = Attending(k, y, At(config.AttentionHeadDim, level), onlyContext);
            return net.Add(x, config.UseLinearProjection
                ? net.TokensAsPlaces(net.Linear("proj_out", y, x.Channels), like: x)
                : net.Convolution("proj_out", net.TokensAsPlaces(y, like: x), x.Channels, kernel: 1));
        }

        /// <summary>Attention to the places themselves, to the context, and a gated perceptron, each added to its
        /// input.</summary>
        private Node Attending(int k, Node x, int heads, bool onlyContext)
        {
            using var block = net.Module($"transformer_blocks.{k}", "BasicTransformerBlock");
            var normed = net.LayerNorm("norm1", x);
            x = net.Add(x, Attention("attn1", normed, onlyContext ? context : normed, heads));
            x = net.Add(x, Attention("attn2", net.LayerNorm("norm2", x), context, heads));
            normed = net.LayerNorm("norm3", x);
            using var perceptron = net.Module("ff", "FeedForward");
            var gated = net.Split(net.Linear("net.0.proj", normed, 8 * x.Channels), 2); // Shazeer 2020, arXiv 2002.05202
            return net.Add(x, net.Linear("net.2", net.Multiply(gated[0], net.Gelu(gated[1])), x.Channels));
        }

        private Node Attention(string name, Node x, Node of, int heads)
        {
            using var attention = net.Module(name, "Attention");
            Node Projected(string projection, Node tokens) => net.Linear(projection, tokens, x.Channels, bias: false);
            var mixed = net.Attention(Projected("to_q", x), Projected("to_k", of), Projected("to_v", of), heads);
            return net.Linear("to_out.0", mixed, x.Channels);
        }

        private Node Norm(string name, Node x) => net.GroupNorm(name, x, config.NormNumGroups, config.NormEps);
    }
}
