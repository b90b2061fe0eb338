using Mezzotint.Models;
using Mezzotint.Networks;
using static TorchSharp.torch;

namespace Mezzotint.Serving;

/// <summary>The weight of guidance as a latent consistency model is told it: sines and cosines of 1000 (w - 1), where other
/// models are evaluated twice.</summary>
/// <remarks>Luo et al. 2023, "Latent Consistency Models", arXiv 2310.04378, section 4.2; the features are those of the published
/// models.</remarks>
internal static class ToldGuidance
{
    /// <summary>The weight where nothing is said, as the published pipeline has it.</summary>
    public const double Published = 8.5;

    private const double Scale = 1000, LongestPeriod = 10_000;

    /// <summary>How many features the network takes; null for one that is told none.</summary>
    public static int? WidthOf(ModelInfo model) => (model.Model as ConditionalUNetConfig)?.TimeCondProjDim;

    /// <summary>The condition with the weight beside it.</summary>
    public static Condition Into(Condition condition, double weight, int width)
    {
        using var scope = NewDisposeScope();
        var features = tensor(Features(weight, width), [1, width]).to(condition.Context!.device);
        return Condition.OfContext(
            condition.Context, condition.Mask, features.expand(condition.Count, -1).clone().DetachFromDisposeScope());
    }

    /// <summary>All sines, then all cosines.</summary>
    internal static float[] Features(double weight, int width)
    {
        int half = width / 2;
        double[] angles = [.. Enumerable.Range(0, half).Select(i =>
            Scale * (weight - 1) * Math.Exp(-Math.Log(LongestPeriod) * i / Math.Max(1, half - 1)))];
        return [.. angles.Select(angle => (float)Math.Sin(angle)), .. angles.Select(angle => (float)Math.Cos(angle))];
    }
}
