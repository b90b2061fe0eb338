using Mezzotint.Sampling;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Sampling;

/// <summary>The exact denoiser of two classes that overlap, each a Gaussian, and of both together for the label 2: what a network with label dropout learns.</summary>
internal sealed class ClassMixture : IDenoiser
{
    public const int NoLabel = 2;

    public static readonly double[] Weights = [0.4, 0.6], Means = [-0.5, 0.7], Stds = [0.6, 0.4];

    private static readonly GaussianMixtureDenoiser[] ByLabel =
        [new([1], [Means[0]], [Stds[0]]), new([1], [Means[1]], [Stds[1]]), new(Weights, Means, Stds)];

    /// <summary>Images that it was asked about.</summary>
    public long Evaluations { get; private set; }

    public Tensor Denoise(Tensor x, double sigma, Tensor labels)
    {
        Assert.Equal(x.shape[0], labels.shape[0]);
        Evaluations += x.shape[0];
        using var scope = NewDisposeScope();
        long[] asked = labels.data<long>().ToArray();
        return cat([.. asked.Select((label, i) => ByLabel[label].Denoise(x.narrow(0, i, 1), sigma, labels))]).MoveToOuterDisposeScope();
    }

    /// <summary>int64 [count, 1], all of one class.</summary>
    public static Tensor Labels(long count, long label) => full([count, 1], label, dtype: ScalarType.Int64);

    /// <summary>E[x_0 | x] for an image of one pixel, written out: of one class, or of both weighed by what x says of them.</summary>
    public static double Expected(double x, double sigma, long label)
    {
        double Variance(int k) => Stds[k] * Stds[k] + sigma * sigma;
        double Mean(int k) => (Stds[k] * Stds[k] * x + sigma * sigma * Means[k]) / Variance(k);
        double Share(int k) => Weights[k] * Math.Exp(-(x - Means[k]) * (x - Means[k]) / (2 * Variance(k))) / Math.Sqrt(Variance(k));
        return label < NoLabel ? Mean((int)label) : (Share(0) * Mean(0) + Share(1) * Mean(1)) / (Share(0) + Share(1));
    }
}
