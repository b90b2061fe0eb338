namespace Mezzotint.Networks;

/// <summary>
/// The layers of an autoencoder. The encoder halves the map on each level but the last, has attention among the places of the
/// smallest map, and ends in the moments of the latents; the decoder is its mirror image. The names are diffusers'.
/// </summary>
internal static class AutoencoderDescription
{
    /// <summary>Maps "x" to [B, 2 c, h, w].</summary>
    public static NetworkDescription Encoder(AutoencoderConfig config)
    {
        var net = new NetworkBuilder(nameof(Autoencoder));
        var x = net.Map("x", config.InChannels);
        using (net.Module("encoder", "Encoder"))
        {
            x = net.Convolution("conv_in", x, config.BlockOutChannels[0]);
            for (int level = 0; level < config.BlockOutChannels.Count; level++)
            {
                using var block = net.Module($"down_blocks.{level}", "DownEncoderBlock2D");
                for (int i = 0; i < config.LayersPerBlock; i++)
                    x = ResnetBlock(net, $"resnets.{i}", x, config.BlockOutChannels[level], config);
                if (level < config.BlockOutChannels.Count - 1)
                    x = Halved(net, x);
            }
            x = End(net, Middle(net, x, config), 2 * config.LatentChannels, config);
        }
        return net.Build(net.Convolution("quant_conv", x, 2 * config.LatentChannels, kernel: 1));
    }

    /// <summary>Maps "z" to [B, C, H, W].</summary>
    public static NetworkDescription Decoder(AutoencoderConfig config)
    {
        var net = new NetworkBuilder(nameof(Autoencoder));
        var x = net.Convolution("post_quant_conv", net.Map("z", config.LatentChannels), config.LatentChannels, kernel: 1);
        using var decoder = net.Module("decoder", "Decoder");
        x = Middle(net, net.Convolution("conv_in", x, config.BlockOutChannels[^1]), config);
        for (int level = 0; level < config.BlockOutChannels.Count; level++)
        {
            using var block = net.Module($"up_blocks.{level}", "UpDecoderBlock2D");
            for (int i = 0; i <= config.LayersPerBlock; i++)
                x = ResnetBlock(net, $"resnets.{i}", x, config.BlockOutChannels[^(level + 1)], config);
            if (level < config.BlockOutChannels.Count - 1)
                x = Doubled(net, x);
        }
        return net.Build(End(net, x, config.OutChannels, config));
    }

    /// <summary>x + conv(silu(norm(conv(silu(norm x))))), where x is brought to the channels by a convolution of 1 x 1.</summary>
    private static Node ResnetBlock(NetworkBuilder net, string name, Node x, int channels, AutoencoderConfig config)
    {
        using var block = net.Module(name, "ResnetBlock2D");
        var h = net.Convolution("conv1", net.Silu(Norm(net, "norm1", x, config)), channels);
        h = net.Convolution("conv2", net.Silu(Norm(net, "norm2", h, config)), channels);
        return net.Add(x.Channels == channels ? x : net.Convolution("conv_shortcut", x, channels, kernel: 1), h);
    }

    private static Node Middle(NetworkBuilder net, Node x, AutoencoderConfig config)
    {
        using var middle = net.Module("mid_block", "UNetMidBlock2D");
        x = ResnetBlock(net, "resnets.0", x, x.Channels, config);
        x = Attention(net, x, config);
        return ResnetBlock(net, "resnets.1", x, x.Channels, config);
    }

    /// <summary>x + attention among its places, in one head of all channels.</summary>
    private static Node Attention(NetworkBuilder net, Node x, AutoencoderConfig config)
    {
        using var attention = net.Module("attentions.0", "Attention");
        var tokens = net.PlacesAsTokens(Norm(net, "group_norm", x, config)); // [B, H W, C]
        Node Projected(string projection) => net.Linear(projection, tokens, x.Channels);
        var mixed = net.Attention(Projected("to_q"), Projected("to_k"), Projected("to_v"), heads: 1);
        return net.Add(x, net.TokensAsPlaces(net.Linear("to_out.0", mixed, x.Channels), like: x));
    }

    private static Node Halved(NetworkBuilder net, Node x)
    {
        using var halved = net.Module("downsamplers.0", "Downsample2D");
        return net.Convolution("conv", x, x.Channels, stride: 2, padsAfter: true);
    }

    private static Node Doubled(NetworkBuilder net, Node x)
    {
        using var doubled = net.Module("upsamplers.0", "Upsample2D");
        return net.Convolution("conv", net.Nearest(x), x.Channels);
    }

    private static Node End(NetworkBuilder net, Node x, int channels, AutoencoderConfig config) =>
        net.Convolution("conv_out", net.Silu(Norm(net, "conv_norm_out", x, config)), channels);

    private static Node Norm(NetworkBuilder net, string name, Node x, AutoencoderConfig config) =>
        net.GroupNorm(name, x, config.NormNumGroups, AutoencoderConfig.Epsilon);
}
