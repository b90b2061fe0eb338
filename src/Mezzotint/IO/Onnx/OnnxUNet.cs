using Mezzotint.Networks;

namespace Mezzotint.IO.Onnx;

/// <summary>The seed's <see cref="UNet"/> as a graph.</summary>
internal sealed class OnnxUNet(OnnxLayers layers, UNetConfig config)
{
    private OnnxGraph Graph => layers.Graph;

    public OnnxMap Build(OnnxMap image, string t, string labels)
    {
        string context = Graph.Add("Gather", [layers.Weight("context_embed.weight"), labels]); // [B, K, D]
        float[] radians = [.. layers.Values("time_embed.W").ToArray().Select(w => w * (float)(2 * Math.PI))];
        string time = layers.Linear("time_embed.proj", layers.TimeFeatures(t, radians, cosineFirst: false));
        int levels = config.ChannelMultipliers.Count;
        var skips = new Stack<OnnxMap>();

        var x = image;
        for (int level = 0; level < levels; level++)
        {
            x = Blocks($"encoder.{level}.res_blocks", x, time);
            if (config.AttentionLevels.Contains(level))
                x = Transformer($"encoder.{level}.spatial_transformer", x, context);
            skips.Push(x);
            x = layers.Convolution($"encoder.{level}.downsampling", x, stride: 2);
        }
        x = Transformer("mid_block.st", Block("mid_block.res2", Block("mid_block.res1", x, time), time), context);
        for (int i = 0; i < levels; i++)
            x = Blocks($"decoder.{i}.res_blocks", layers.Concat(skips.Pop(), layers.Doubling($"decoder.{i}.upsampling", x)), time);
        return layers.Convolution("proj.2", x with { Name = layers.Silu(Norm("proj.0", x)) });
    }

    private OnnxMap Blocks(string name, OnnxMap x, string time)
    {
        for (int i = 0; i < config.NumResBlocks; i++)
            x = Block($"{name}.{i}", x, time);
        return x;
    }

    private OnnxMap Block(string name, OnnxMap x, string time)
    {
        var c = layers.Convolution($"{name}.conv", x);
        string shifted = layers.Plus(c.Name, layers.OverPlaces(layers.Linear($"{name}.time_lin", time), c.Channels));
        return c with { Name = layers.Plus(c.Name, layers.Silu(Norm($"{name}.gnorm", c with { Name = shifted }))) };
    }

    private OnnxMap Transformer(string name, OnnxMap x, string context)
    {
        string tokens = Graph.Add("Transpose", [Graph.Add("Reshape", [x.Name, Graph.Whole(0, x.Channels, x.Places)])], ("perm", new long[] { 0, 2, 1 })); // [B, P, C]
        for (int i = 0; i < config.Transformer.NumLayers; i++)
        {
            string block = $"{name}.blocks.{i}";
            string normal = layers.LayerNorm($"{block}.self_attn_norm", tokens);
            tokens = layers.Plus(Attention($"{block}.self_attn", normal, normal, x.Channels), tokens);
            tokens = layers.Plus(Attention($"{block}.cross_attn", layers.LayerNorm($"{block}.cross_attn_norm", tokens), context, x.Channels), tokens);
            string inner = Graph.Add("Relu", [layers.LinearOverTokens($"{block}.mlp.net.0", layers.LayerNorm($"{block}.mlp_norm", tokens))]);
            tokens = layers.Plus(layers.LinearOverTokens($"{block}.mlp.net.2", inner), tokens);
        }
        string map = Graph.Add("Reshape", [Graph.Add("Transpose", [tokens], ("perm", new long[] { 0, 2, 1 })), Graph.Whole(0, x.Channels, x.Height, x.Width)]);
        return x with { Name = layers.Plus(x.Name, layers.Convolution($"{name}.proj_out", x with { Name = map }).Name) };
    }

    private string Attention(string name, string x, string context, int channels)
    {
        int heads = config.Transformer.NumHeads, width = channels / heads;
        string Heads(string of, string from, params long[] order) =>
            Graph.Add("Transpose", [Graph.Add("Reshape", [layers.LinearOverTokens($"{name}.{of}", from), Graph.Whole(0, -1, heads, width)])], ("perm", order));
        string mixed = layers.Attention(Heads("q_proj", x, 0, 2, 1, 3), Heads("k_proj", context, 0, 2, 3, 1), Heads("v_proj", context, 0, 2, 1, 3), width);
        return Graph.Add("Reshape", [Graph.Add("Transpose", [mixed], ("perm", new long[] { 0, 2, 1, 3 })), Graph.Whole(0, -1, channels)]);
    }

    private string Norm(string name, OnnxMap x) => layers.GroupNorm(name, x, UNetConfig.Groups).Name;
}
