using Mezzotint.Networks;

namespace Mezzotint.IO.Onnx;

/// <summary><see cref="ResidualUNet"/> as a graph.</summary>
internal sealed class OnnxResidualUNet(OnnxLayers layers, ResidualUNetConfig config)
{
    private OnnxGraph Graph => layers.Graph;

    public OnnxMap Build(OnnxMap image, string t, string labels)
    {
        int levels = config.Widths.Length, patch = config.PatchSize;
        string condition = Condition(t, labels);
        var skips = new Stack<OnnxMap>();

        var x = layers.Convolution("input", Patches(Anchored(image, t), patch));
        for (int level = 0; level < levels; level++)
        {
            if (level > 0)
                x = layers.Convolution($"down.{level - 1}", x, stride: 2);
            for (int i = 0; i < config.ResidualBlocks[level]; i++)
                skips.Push(x = Block($"encoder.{level}", i, x, level, condition));
        }
        x = Attention("middle_attention", Modulated("middle", x, condition));
        for (int i = 0; i < levels; i++)
        {
            int level = levels - 1 - i;
            if (i > 0)
                x = layers.Doubling($"up.{i - 1}", x);
            for (int block = 0; block < config.ResidualBlocks[level]; block++)
                x = Block($"decoder.{i}", block, layers.Concat(x, skips.Pop()), level, condition);
        }
        x = layers.Convolution("output", Activated("output_norm", x));
        // The order of the channels that pixel_shuffle has: column, row, depth.
        string pixels = patch == 1 ? x.Name : Graph.Add("DepthToSpace", [x.Name], ("blocksize", patch), ("mode", "CRD"));
        return new(pixels, image.Channels, image.Height, image.Width);
    }

    /// <summary><see cref="AnchorInputs"/>.</summary>
    private OnnxMap Anchored(OnnxMap x, string t)
    {
        if (config.Anchors.Count == 0)
            return x;
        string level = Graph.Add("Reshape", [Graph.Add("Exp", [Graph.Add("Mul", [t, Graph.Floats([], 4)])]), Graph.Whole(-1, 1, 1, 1)]);
        string total = Graph.Add("Sqrt", [layers.Plus(Graph.Add("Mul", [level, level]), Graph.Floats([], (float)(config.AnchorDataStd * config.AnchorDataStd)))]);
        string noisy = Graph.Add("Mul", [x.Name, total]);
        string Distance(double anchor) => Graph.Add("Div", [layers.Plus(noisy, Graph.Floats([], (float)-anchor)), level]);
        string Clipped(string distance) => Graph.Add("Clip", [distance, Graph.Floats([], -(float)AnchorInputs.Limit), Graph.Floats([], (float)AnchorInputs.Limit)]);
        string[] all = [x.Name, .. config.Anchors.Select(anchor => Graph.Add("Mul", [Clipped(Distance(anchor)), Graph.Floats([], (float)AnchorInputs.Scale)]))];
        return x with { Name = Graph.Add("Concat", all, ("axis", 1)), Channels = x.Channels * all.Length };
    }

    private string Condition(string t, string labels)
    {
        float[] radians = [.. ConditionEmbedding.FrequenciesOf(config).Select(f => (float)f * (float)(2 * Math.PI))];
        string time = layers.Linear("embedding.time2", layers.Silu(layers.Linear("embedding.time1", layers.TimeFeatures(t, radians, cosineFirst: true))));
        string tokens = Graph.Add("Gather", [layers.Weight("embedding.labels.weight"), labels]); // [B, K, E]
        return layers.Silu(layers.Plus(time, Graph.Add("ReduceSum", [tokens, Graph.Whole(1)], ("keepdims", 0))));
    }

    /// <summary>pixel_unshuffle: the square's pixels as channels, the image's channels outermost.</summary>
    private OnnxMap Patches(OnnxMap x, int patch)
    {
        if (patch == 1)
            return x;
        var (channels, height, width) = (x.Channels * patch * patch, x.Height / patch, x.Width / patch);
        string squares = Graph.Add("Reshape", [x.Name, Graph.Whole(0, x.Channels, height, patch, width, patch)]);
        string ordered = Graph.Add("Transpose", [squares], ("perm", new long[] { 0, 1, 3, 5, 2, 4 }));
        return new(Graph.Add("Reshape", [ordered, Graph.Whole(0, channels, height, width)]), channels, height, width);
    }

    private OnnxMap Block(string of, int i, OnnxMap x, int level, string condition)
    {
        x = Modulated($"{of}.blocks.{i}", x, condition);
        return config.AttentionLevels.Contains(level) ? Attention($"{of}.attention.{i}", x) : x;
    }

    private OnnxMap Modulated(string name, OnnxMap x, string condition)
    {
        var h = layers.Convolution($"{name}.conv1", Activated($"{name}.norm1", x));
        string[] both = Graph.Add("Split", 2, [layers.OverPlaces(layers.Linear($"{name}.modulation", condition), 2 * h.Channels)], ("axis", 1));
        string scale = layers.Plus(both[0], Graph.Floats([], 1));
        string normal = Norm($"{name}.norm2", h).Name;
        h = layers.Convolution($"{name}.conv2", h with { Name = layers.Silu(layers.Plus(Graph.Add("Mul", [normal, scale]), both[1])) });
        var skip = x.Channels == h.Channels ? x : layers.Convolution($"{name}.skip", x);
        return h with { Name = layers.Plus(skip.Name, h.Name) };
    }

    private OnnxMap Attention(string name, OnnxMap x)
    {
        int heads = x.Channels / config.HeadChannels;
        string all = layers.Convolution($"{name}.qkv", Norm($"{name}.norm", x)).Name;
        string[] qkv = [.. Graph.Add("Split", 3, [all], ("axis", 1)).Select(part => Graph.Add("Reshape", [part, Graph.Whole(0, heads, config.HeadChannels, x.Places)]))]; // [B, n, d, P]
        string PlacesFirst(string of) => Graph.Add("Transpose", [of], ("perm", new long[] { 0, 1, 3, 2 }));
        string mixed = PlacesFirst(layers.Attention(PlacesFirst(qkv[0]), qkv[1], PlacesFirst(qkv[2]), config.HeadChannels));
        var projected = layers.Convolution($"{name}.proj", x with { Name = Graph.Add("Reshape", [mixed, Graph.Whole(0, x.Channels, x.Height, x.Width)]) });
        return x with { Name = layers.Plus(x.Name, projected.Name) };
    }

    private OnnxMap Activated(string norm, OnnxMap x) => x with { Name = layers.Silu(Norm(norm, x).Name) };

    private OnnxMap Norm(string name, OnnxMap x) => layers.GroupNorm(name, x, x.Channels / ResidualUNetConfig.GroupChannels);
}
