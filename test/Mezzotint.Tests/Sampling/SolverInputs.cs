using Mezzotint.Noise;
using Mezzotint.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Sampling;

/// <summary>What the tests of solvers walk over.</summary>
internal static class SolverInputs
{
    /// <summary>Karras levels that end above 0.</summary>
    public static double[] Levels(int steps, double high = 20, double low = 0.05) =>
        NoiseLevels.Karras(high, low, steps, FinalLevel.Minimum);

    /// <summary>Karras levels that end at 0.</summary>
    public static double[] LevelsToZero(int steps, double high = 20, double low = 0.05) => NoiseLevels.Karras(high, low, steps);

    /// <summary>A start of pure noise, drawn from a stream of its own: float64 [count, 1, 1, pixels].</summary>
    public static Tensor Start(double sigma, long count, long pixels = 1, ulong seed = 1)
    {
        using var generator = new Generator(seed, CPU);
        return randn([count, 1, 1, pixels], float64, generator: generator).mul_(sigma);
    }

    /// <summary>Fresh float64 draws of one shape.</summary>
    public static Func<double, double, Tensor> Noise(long[] shape, ulong seed = 2)
    {
        var generator = new Generator(seed, CPU);
        return (_, _) => randn(shape, float64, generator: generator);
    }
}

/// <summary>Counts how often a denoiser is asked.</summary>
internal sealed class CountingDenoiser(IDenoiser inner) : IDenoiser
{
    public int Calls { get; private set; }

    public Tensor Denoise(Tensor x, double sigma)
    {
        Calls++;
        return inner.Denoise(x, sigma);
    }
}
