using static Mezzotint.Sampling.LinearCombination;
using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>
/// A little fresh noise before each step, which the step removes again. x is raised from sigma to sigmaHat = (1 + gamma) sigma.
/// There, gamma = min(S_churn / n, sqrt(2) - 1) where S_min &lt;= sigma &lt;= S_max and 0 elsewhere. It corrects errors of
/// earlier steps.
/// </summary>
/// <remarks>Karras et al. 2022, arXiv 2206.00364, algorithm 2.</remarks>
public sealed record Churn
{
    /// <summary>S_churn, 0 or more: 0 is none at all, the walk is deterministic.</summary>
    public double Amount { get; init; }

    /// <summary>S_min, 0 or more: below it nothing is added.</summary>
    public double Min { get; init; }

    /// <summary>S_max, above S_min: above it nothing is added.</summary>
    public double Max { get; init; } = double.PositiveInfinity;

    /// <summary>S_noise, above 0, 1 or a little more: the standard deviation of the added noise over its due.</summary>
    public double NoiseScale { get; init; } = 1;

    internal void Validate()
    {
        Check.Range("churn", Amount, double.IsFinite(Amount) && Amount >= 0, "0 or more");
        Check.Range("churn_min", Min, Min >= 0, "0 or more");
        Check.Range("churn_max", Max, Max > Min, "above churn_min");
        Check.Range("noise_scale", NoiseScale, double.IsFinite(NoiseScale) && NoiseScale > 0, "above 0");
    }

    /// <summary>The loop of a solver with it, which puts noise in and takes it out at a level that stands there twice,
    /// too.</summary>
    internal IEnumerable<SamplingStep> Walk(SolverInput input, Func<SolverStep, (Tensor Next, Evaluation Here)> step) =>
        SolverLoop.Walk(input, step, stochastic: Amount > 0, repeats: Amount > 0);

    /// <summary>Raises the noise and asks the denoiser there.</summary>
    internal Evaluation Evaluate(SolverStep step)
    {
        var (x, sigmaHat) = Raise(step);
        return step.Evaluate(x, sigmaHat);
    }

    /// <summary>xHat and sigmaHat: x itself where nothing is added.</summary>
    internal (Tensor X, double Sigma) Raise(SolverStep step)
    {
        double sigma = step.From;
        double gamma = Min <= sigma && sigma <= Max ? Math.Min(Amount / step.Count, Math.Sqrt(2) - 1) : 0;
        if (gamma == 0)
            return (step.X, sigma);
        double sigmaHat = sigma * (1 + gamma);
        double added = NoiseScale * sigma * Math.Sqrt(gamma * (2 + gamma)); // sqrt(sigmaHat^2 - sigma^2)
        return (Sum((1, step.X), (added, step.Noise(sigma, sigmaHat))), sigmaHat);
    }
}
