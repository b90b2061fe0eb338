using Mezzotint.Sampling;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Sampling;

/// <summary>
/// The exact denoisers of two classes that overlap, each a Gaussian, and of both together: what a network with label dropout
/// learns. As with a network, two of them are asked as one.
/// </summary>
internal sealed class ClassMixture
{
    public const int NoLabel = 2;

    public static readonly double[] Weights = [0.4, 0.6], Means = [-0.5, 0.7], Stds = [0.6, 0.4];

    private static readonly GaussianMixtureDenoiser[] ByLabel =
        [new([1], [Means[0]], [Stds[0]]), new([1], [Means[1]], [Stds[1]]), new(Weights, Means, Stds)];

    /// <summary>How often it was asked.</summary>
    public int Calls { get; private set; }

    /// <summary>Images that it was asked about.</summary>
    public long Evaluations { get; private set; }

    /// <summary>That of one class for all images, or of a class for each.</summary>
    public IDenoiser For(params long[] labels) => new Bound(this, labels);

    /// <summary>That of both classes.</summary>
    public IDenoiser Unconditional() => For(NoLabel);

    /// <summary>The guided denoiser of one class for all images, or of a class for each.</summary>
    public GuidedDenoiser Guided(Guidance guidance, params long[] labels) => guidance.Wrap(For(labels), Unconditional());

    /// <summary>E[x_0 | x] for an image of one pixel, written out: of one class, or of both weighed by what x says of
    /// them.</summary>
    public static double Expected(double x, double sigma, long label)
    {
        double Variance(int k) => Stds[k] * Stds[k] + sigma * sigma;
        double Mean(int k) => (Stds[k] * Stds[k] * x + sigma * sigma * Means[k]) / Variance(k);
        double Share(int k) =>
            Weights[k] * Math.Exp(-(x - Means[k]) * (x - Means[k]) / (2 * Variance(k))) / Math.Sqrt(Variance(k));
        return label < NoLabel ? Mean((int)label) : (Share(0) * Mean(0) + Share(1) * Mean(1)) / (Share(0) + Share(1));
    }

    private Tensor Denoise(Tensor x, double sigma, long[] labels)
    {
        Assert.Equal(x.shape[0], labels.Length);
        Calls++;
        Evaluations += labels.Length;
        using var scope = NewDisposeScope();
        return cat([.. labels.Select((label, i) => ByLabel[label].Denoise(x.narrow(0, i, 1), sigma))]).MoveToOuterDisposeScope();
    }

    private sealed class Bound(ClassMixture mixture, long[] labels) : IDenoiser
    {
        private ClassMixture Mixture => mixture;

        public Tensor Denoise(Tensor x, double sigma) => mixture.Denoise(x, sigma, LabelsOf(x));

        public (Tensor Own, Tensor Others) DenoiseWith(IDenoiser other, Tensor x, double sigma)
        {
            if (other is not Bound second || second.Mixture != mixture)
                return (Denoise(x, sigma), other.Denoise(x, sigma));
            var both = mixture.Denoise(cat([x, x]), sigma, [.. LabelsOf(x), .. second.LabelsOf(x)]);
            return (both.narrow(0, 0, x.shape[0]), both.narrow(0, x.shape[0], x.shape[0]));
        }

        private long[] LabelsOf(Tensor x) => labels.Length == 1 ? [.. Enumerable.Repeat(labels[0], (int)x.shape[0])] : labels;
    }
}
