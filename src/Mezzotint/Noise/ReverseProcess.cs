using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Noise;

/// <summary>
/// A noise process backwards in time: dx = [f(t) x - (1 + lambda^2) / 2 g(t)^2 score(x, t)] dt + lambda g(t) dw, with dt &lt; 0.
/// </summary>
/// <remarks>
/// For every lambda, x has at each time the distribution of the forward process, if it has it at the start. lambda = 1 is the
/// reverse stochastic differential equation, equation 6 of Song et al. 2021, "Score-Based Generative Modeling through Stochastic
/// Differential Equations", arXiv 2011.13456. lambda = 0 is the probability-flow ordinary differential equation, equation 13
/// there. Other values: Zhang and Chen 2023, "Fast Sampling of Diffusion Models with Exponential Integrator", arXiv 2204.13902.
/// The coordinates are the process's own.
/// </remarks>
public sealed record ReverseProcess
{
    /// <summary>Reverses a process.</summary>
    /// <param name="process">The process.</param>
    /// <param name="stochasticity">lambda, 0 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="stochasticity"/> is negative or not finite.</exception>
    public ReverseProcess(NoiseProcess process, double stochasticity = 1)
    {
        ArgumentNullException.ThrowIfNull(process);
        if (!double.IsFinite(stochasticity) || stochasticity < 0)
            throw new ArgumentOutOfRangeException(
                nameof(stochasticity), stochasticity, "It is 0 (the ordinary differential equation) or more.");
        (Process, Stochasticity) = (process, stochasticity);
    }

    /// <summary>The forward process.</summary>
    public NoiseProcess Process { get; }

    /// <summary>lambda: how much fresh noise goes in, 1 as much as the forward process puts in, 0 none.</summary>
    public double Stochasticity { get; }

    /// <summary>The factor of x in the drift: f(t).</summary>
    /// <param name="t">The time.</param>
    public double StateCoefficient(double t) => Process.Drift(t);

    /// <summary>The factor of the score in the drift: -(1 + lambda^2) / 2 g(t)^2.</summary>
    /// <param name="t">The time.</param>
    public double ScoreCoefficient(double t)
    {
        double g = Process.Diffusion(t);
        return -0.5 * (1 + Stochasticity * Stochasticity) * g * g;
    }

    /// <summary>The factor of dw: lambda g(t).</summary>
    /// <param name="t">The time.</param>
    public double Diffusion(double t) => Stochasticity * Process.Diffusion(t);

    /// <summary>The drift of a single number: the factor of dt.</summary>
    /// <param name="t">The time.</param>
    /// <param name="x">The state.</param>
    /// <param name="score">d ln p_t(x) / dx.</param>
    public double Drift(double t, double x, double score) => StateCoefficient(t) * x + ScoreCoefficient(t) * score;

    /// <summary>The drift of images: the factor of dt.</summary>
    /// <param name="t">The time, the same for all.</param>
    /// <param name="x">The state: [B, C, H, W].</param>
    /// <param name="score">The gradient of ln p_t(x), of the same shape.</param>
    public Tensor Drift(double t, Tensor x, Tensor score)
    {
        using var scope = NewDisposeScope();
        return x.Times(StateCoefficient(t)).Plus(ScoreCoefficient(t), score).MoveToOuterDisposeScope();
    }
}
