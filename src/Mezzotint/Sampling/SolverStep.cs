using static Mezzotint.Sampling.LinearCombination;
using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>One look of the denoiser at the path: D(x, sigma).</summary>
/// <param name="Sigma">The level.</param>
/// <param name="X">The noisy images there: [B, C, H, W].</param>
/// <param name="Denoised">The estimate: [B, C, H, W].</param>
public sealed record Evaluation(double Sigma, Tensor X, Tensor Denoised)
{
    /// <summary>dx/dsigma = (x - D) / sigma, which is also the predicted noise epsilon: a new tensor, [B, C, H, W].</summary>
    public Tensor Slope() => Sum((1 / Sigma, X), (-1 / Sigma, Denoised));

    /// <summary>The estimate by which the noise in x is predicted, where that is not D; alive in its own step alone.</summary>
    internal Tensor? OfNoise { get; init; }

    /// <summary>D + kept (x - D_n): the estimate with a share of the predicted noise, of which Euler's and DDIM's steps are made.
    /// A new tensor, [B, C, H, W].</summary>
    public Tensor Renoised(double kept) => OfNoise is null
        ? Sum((kept, X), (1 - kept, Denoised))
        : Sum((kept, X), (1, Denoised), (-kept, OfNoise));
}

/// <summary>What a solver has at hand in one step.</summary>
public sealed class SolverStep
{
    private readonly SolverInput _input;

    internal SolverStep(SolverInput input, int index, Tensor x, IReadOnlyList<Evaluation> past) =>
        (_input, Index, X, Past) = (input, index, x, past);

    /// <summary>Which step this is, from 0.</summary>
    public int Index { get; }

    /// <summary>n, the number of steps of the whole walk.</summary>
    public int Count => _input.Levels.Length - 1;

    /// <summary>The level that the step starts from: sigma_i.</summary>
    public double From => _input.Levels[Index];

    /// <summary>The level that it goes to: sigma_{i+1}.</summary>
    public double To => _input.Levels[Index + 1];

    /// <summary>The images at <see cref="From"/>: [B, C, H, W].</summary>
    public Tensor X { get; }

    /// <summary>The evaluations that earlier steps gave back, the newest first, as many as the solver's memory.</summary>
    public IReadOnlyList<Evaluation> Past { get; }

    /// <summary>Steps to levels above 0 that are left, this one included; at least 1. A last step to 0 is of first order by
    /// itself.</summary>
    internal int Left => Math.Max(1, LeftBefore - 1);

    /// <summary>The same when the step before this one began.</summary>
    internal int LeftBefore => Math.Max(1, Count - Index + 1 - (_input.Levels[^1] == 0 ? 1 : 0));

    internal int Evaluations { get; private set; }

    /// <summary>Asks the denoiser at x and sigma, and counts it.</summary>
    public Tensor Denoise(Tensor x, double sigma)
    {
        Evaluations++;
        var denoised = _input.Denoiser.Denoise(x, sigma);
        return ReferenceEquals(denoised, x) ? denoised.clone() : denoised;
    }

    /// <summary>Asks the denoiser where the step starts.</summary>
    public Evaluation Evaluate() => Evaluate(X, From);

    /// <summary>Asks the denoiser at x and sigma.</summary>
    public Evaluation Evaluate(Tensor x, double sigma) => new(sigma, x, Denoise(x, sigma));

    /// <summary>The same for a step that goes on by <see cref="Evaluation.Renoised"/> alone, so that the noise may be predicted
    /// by another estimate (<see cref="Solver.Renoises"/>).</summary>
    public Evaluation EvaluateToRenoise(Tensor x, double sigma)
    {
        Evaluations++;
        var (denoised, ofNoise) = _input.Denoiser.Estimate(x, sigma);
        return new(sigma, x, ReferenceEquals(denoised, x) ? denoised.clone() : denoised) { OfNoise = ofNoise };
    }

    /// <summary>z ~ N(0, I) for the stretch between two levels: [B, C, H, W].</summary>
    public Tensor Noise(double from, double to) => _input.Noise!(from, to);

    /// <summary>std z as a term of a sum; nothing is drawn where std is 0.</summary>
    internal (double, Tensor) Noise(double std, double from, double to) => (std, std == 0 ? X : Noise(from, to));
}
