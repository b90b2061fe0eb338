using Mezzotint.Runtime;
using Mezzotint.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Sampling;

/// <summary>
/// The denoiser of a mixture of isotropic Gaussians, in closed form and float64: D = sum_k r_k (s_k^2 x + sigma^2 m_k) / (s_k^2 + sigma^2),
/// r_k proportional to w_k N(x; m_k, s_k^2 + sigma^2). All pixels of a mean are alike.
/// </summary>
internal sealed class GaussianMixture(double[] weights, double[] means, double[] stds) : IDenoiser
{
    /// <summary>Two modes that the path has to decide between, of different width.</summary>
    public static GaussianMixture TwoModes { get; } = new([0.4, 0.6], [-1, 1.2], [0.5, 0.35]);

    public int Calls { get; set; }

    public double Mean => weights.Zip(means, (w, m) => w * m).Sum();

    public double Variance => weights.Select((w, k) => w * (stds[k] * stds[k] + means[k] * means[k])).Sum() - Mean * Mean;

    /// <summary>In plain numbers: quicker than tensors for the few pixels of a test.</summary>
    public Tensor Denoise(Tensor x, double sigma, Tensor labels)
    {
        Calls++;
        double[] values;
        using (NewDisposeScope())
            values = x.to(float64).contiguous().data<double>().ToArray();
        int pixels = values.Length / (int)x.shape[0];
        var r = new double[weights.Length];
        for (int start = 0; start < values.Length; start += pixels)
        {
            var image = values.AsSpan(start, pixels);
            for (int k = 0; k < r.Length; k++)
            {
                double variance = stds[k] * stds[k] + sigma * sigma, square = 0;
                foreach (double value in image)
                    square += (value - means[k]) * (value - means[k]);
                r[k] = Math.Log(weights[k]) - 0.5 * (pixels * Math.Log(variance) + square / variance);
            }
            double top = r.Max(), sum = 0;
            for (int k = 0; k < r.Length; k++)
                sum += r[k] = Math.Exp(r[k] - top);
            double slope = 0, offset = 0;
            for (int k = 0; k < r.Length; k++)
            {
                double gain = stds[k] * stds[k] / (stds[k] * stds[k] + sigma * sigma);
                slope += r[k] / sum * gain;
                offset += r[k] / sum * (1 - gain) * means[k];
            }
            foreach (ref double value in image)
                value = slope * value + offset;
        }
        using var scope = NewDisposeScope();
        return tensor(values, x.shape).to(x.dtype).MoveToOuterDisposeScope();
    }

    /// <summary>Karras et al. 2022, equation 5, without the final zero: n + 1 levels.</summary>
    public static double[] Levels(int steps, double high = 20, double low = 0.05, double rho = 7) =>
        [.. Enumerable.Range(0, steps + 1).Select(i => Math.Pow(Math.Pow(high, 1 / rho) + (double)i / steps * (Math.Pow(low, 1 / rho) - Math.Pow(high, 1 / rho)), rho))];

    /// <summary>The same down to zero.</summary>
    public static double[] LevelsToZero(int steps, double high = 20, double low = 0.05, double rho = 7) =>
        steps == 1 ? [high, 0] : [.. Levels(steps - 1, high, low, rho), 0];

    /// <summary>Draws from the mixture itself with noise added, the exact marginal at sigma: float64 [count, 1, 1, pixels].</summary>
    public Tensor Draw(double sigma, int count, int pixels, long seed)
    {
        var stream = new RandomStream(seed);
        var values = new double[count * pixels];
        for (int i = 0; i < count; i++)
        {
            double u = stream.NextDouble();
            int k = 0;
            for (double below = weights[0]; u >= below && k < weights.Length - 1; below += weights[k])
                k++;
            for (int j = 0; j < pixels; j++)
                values[i * pixels + j] = stream.Normal(means[k], Math.Sqrt(stds[k] * stds[k] + sigma * sigma));
        }
        return tensor(values, [count, 1, 1, pixels]);
    }

    /// <summary>A start of pure noise, drawn from a stream of its own: float64 [count, 1, 1, pixels].</summary>
    public static Tensor Start(double sigma, long count, long pixels = 1, ulong seed = 1)
    {
        using var generator = new Generator(seed, CPU);
        return randn([count, 1, 1, pixels], float64, generator: generator).mul_(sigma);
    }

    public static Tensor NoLabels { get; } = zeros(1, 1, dtype: ScalarType.Int64).DetachFromDisposeScope();

    /// <summary>Fresh float64 draws of one shape.</summary>
    public static Func<double, double, Tensor> Noise(long[] shape, ulong seed = 2)
    {
        var generator = new Generator(seed, CPU);
        return (_, _) => randn(shape, float64, generator: generator);
    }
}
