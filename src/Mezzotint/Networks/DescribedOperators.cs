using Mezzotint.Runtime;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>The layers of the vocabulary in libtorch, forward; autograd does the rest.</summary>
internal static class DescribedOperators
{
    private static readonly Scalar One = 1;

    /// <summary>What makes a layer's value of the values by their places in the description.</summary>
    public static Func<Tensor[], Tensor> Of(Node node, DescribedModules modules)
    {
        int[] at = [.. node.Inputs.Select(input => input.Index)];
        int first = at.Length > 0 ? at[0] : -1, second = at.Length > 1 ? at[1] : -1;
        Func<Tensor[], Tensor> Of1(Func<Tensor, Tensor> f) => values => f(values[first]);
        Func<Tensor[], Tensor> Of2(Func<Tensor, Tensor, Tensor> f) => values => f(values[first], values[second]);
        return node switch
        {
            ConvolutionNode { Shape.Transposed: true } => Of1(((ConvTranspose2d)modules.Of(node)).Apply),
            ConvolutionNode { Shape: var shape } when shape.After > shape.Padding =>
                Of1(x => ((Conv2d)modules.Of(node)).Apply(PaddedAfter(x, shape.After - shape.Padding))),
            ConvolutionNode => Of1(((Conv2d)modules.Of(node)).Apply),
            LinearNode => Of1(x => Product((Linear)modules.Of(node), x)),
            EmbeddingNode or GroupNormNode or LayerNormNode =>
                Of1(((nn.Module<Tensor, Tensor>)modules.Of(node)).call),
            ActivationNode activation => Of1(Function(activation.Kind)),
            AttentionNode { Form: ValueForm.Map } attention =>
                values => AmongPlaces(values[at[0]], values[at[1]], values[at[2]], attention.Heads),
            AttentionNode attention => values => AmongTokens(values[at[0]], values[at[1]], values[at[2]],
                attention.Mask is null ? null : values[at[3]], attention),
            PositionsNode => Of1(like => Positions(((Embedding)modules.Of(node)).weight!, like)),
            TimeFeaturesNode { Frequencies: not null } features => Of1(t => FixedFeatures(t, features)),
            TimeFeaturesNode features =>
                Of1(t => Features(t, modules.Of(features).get_parameter(features.Name!.Split('.')[^1])!)),
            AnchorsNode anchors => Of2((x, t) => AnchorInputs.Beside(x, t, anchors.Anchors, anchors.DataStd)),
            AddNode add => Of2((a, b) => a.Plus(add.Inputs[1].Form == add.Form ? b : OverPlaces(b, add.Form))),
            MultiplyNode => Of2((a, b) => a * b),
            ModulateNode modulate => Of2((x, both) => Modulated(x, OverPlaces(both, modulate.Form), ChannelAxis(modulate.Form))),
            ConcatenateNode join => values => Joined([.. at.Select(i => values[i])], ChannelAxis(join.Form)),
            SliceNode slice => Of1(x => x.narrow(ChannelAxis(slice.Form), slice.First, slice.Channels)),
            ResampleNode { Inputs.Length: 2 } => Of2((x, like) =>
                nn.functional.interpolate(x, like.shape[2..], mode: InterpolationMode.Nearest)),
            ResampleNode resample => Of1(Resampled(resample.Kind, resample.Factor)),
            ReshapeNode { Form: ValueForm.Tokens } => Of1(x => x.Rearrange("b c h w -> b (h w) c")),
            ReshapeNode { Form: ValueForm.Map } => Of2((x, like) => x.Rearrange("b (h w) c -> b c h w", ("h", like.shape[2]))),
            ReshapeNode => Of1(x => x.flatten(1)),
            ReduceNode { Kind: ReduceKind.Sum } => Of1(x => x.sum(1)),
            ReduceNode => Of1(x => x.mean([2, 3])),
            _ => throw new ArgumentException($"The network needs its input '{(node as InputNode)?.Of}'."),
        };
    }

    /// <summary>W x + b; weights that are stored in 16 bits are widened first.</summary>
    private static Tensor Product(Linear layer, Tensor x) => layer.weight!.dtype == x.dtype ? layer.call(x)
        : nn.functional.linear(x, layer.weight.to(x.dtype), layer.bias);

    private static Tensor PaddedAfter(Tensor x, int zeros) => nn.functional.pad(x, [0, zeros, 0, zeros]);

    private static int ChannelAxis(ValueForm form) => form == ValueForm.Map ? 1 : -1;

    /// <summary>[B, C] as [B, C, 1, 1] beside maps, and as [B, 1, C] beside tokens.</summary>
    private static Tensor OverPlaces(Tensor vector, ValueForm form) => form switch
    {
        ValueForm.Map => vector.unsqueeze(-1).unsqueeze(-1),
        ValueForm.Tokens => vector.unsqueeze(1),
        _ => vector,
    };

    private static Func<Tensor, Tensor> Function(ActivationKind kind) => kind switch
    {
        ActivationKind.Silu => x => nn.functional.silu(x),
        ActivationKind.Relu => x => nn.functional.relu(x),
        ActivationKind.Gelu => x => nn.functional.gelu(x),
        _ => x => x * x.Times(1.702).sigmoid(),
    };

    private static Tensor Modulated(Tensor x, Tensor scaleAndShift, int axis)
    {
        var both = scaleAndShift.chunk(2, axis);
        return both[1].addcmul(x, both[0].Plus(1), One);
    }

    /// <summary>q, k, v [B, C, H, W], channels of places.</summary>
    private static Tensor AmongPlaces(Tensor q, Tensor k, Tensor v, int heads)
    {
        long width = q.shape[1] / heads;
        // [B, n, P, d]
        Tensor Heads(Tensor x) => x.view(x.shape[0], heads, x.shape[1] / heads, x.shape[2] * x.shape[3]).transpose(-1, -2);
        // [B, n, P, P]
        var weights = matmul(Heads(q).Times(1 / Math.Sqrt(width)), Heads(k).transpose(-1, -2)).softmax(-1);
        return matmul(weights, Heads(v)).transpose(-1, -2).reshape(q.shape);
    }

    /// <summary>The first rows, for each image: [B, T, C].</summary>
    private static Tensor Positions(Tensor table, Tensor like) =>
        table.narrow(0, 0, like.shape[1]).unsqueeze(0).expand(like.shape[0], -1, -1);

    /// <summary>q [B, T, C], k and v [B, K, C], mask [B, K] or null.</summary>
    private static Tensor AmongTokens(Tensor q, Tensor k, Tensor v, Tensor? mask, AttentionNode node)
    {
        Tensor Heads(Tensor x) => x.Rearrange("b t (n d) -> b n t d", ("n", node.Heads));
        return nn.functional.scaled_dot_product_attention(Heads(q), Heads(k), Heads(v),
            mask?.to(ScalarType.Bool).unsqueeze(1).unsqueeze(1), is_casual: node.Causal).Rearrange("b n t d -> b t (n d)");
    }

    /// <summary>[cos(u f t), sin(u f t)] at fixed frequencies in the unit u, or the sines first.</summary>
    private static Tensor FixedFeatures(Tensor t, TimeFeaturesNode node)
    {
        var angle = t.unsqueeze(1) * tensor(node.Frequencies!, t.dtype, t.device).Times(node.Unit); // [B, F]
        return cat(node.CosineFirst ? [angle.cos(), angle.sin()] : [angle.sin(), angle.cos()], 1);
    }

    /// <summary>[sin(2 pi W t), cos(2 pi W t)] at random ones. Tancik et al. 2020, arXiv 2006.10739, section 5.</summary>
    private static Tensor Features(Tensor t, Tensor frequencies)
    {
        var angle = (t.unsqueeze(-1) * frequencies).Times(2 * Math.PI); // [B, F]
        return cat([angle.sin(), angle.cos()], dim: -1);
    }

    /// <summary>Maps of one size; larger ones are cropped about their centres to the last.</summary>
    private static Tensor Joined(Tensor[] parts, int axis) =>
        cat([.. parts.Select(part => axis != 1 || (part.shape[^1] == parts[^1].shape[^1] && part.shape[^2] == parts[^1].shape[^2])
        ? part : CenterCrop.To(part, parts[^1]))], axis);

    private static Func<Tensor, Tensor> Resampled(ResampleKind kind, int factor) => kind switch
    {
        ResampleKind.Nearest =>
            x => nn.functional.interpolate(x, scale_factor: [factor, factor], mode: InterpolationMode.Nearest),
        ResampleKind.MaxPool => x => nn.functional.max_pool2d(x, factor),
        ResampleKind.Unshuffle => x => nn.functional.pixel_unshuffle(x, factor),
        _ => x => nn.functional.pixel_shuffle(x, factor),
    };
}
