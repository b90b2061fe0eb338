using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>
/// What a solver walks over. Everything is in variance-exploding coordinates: xHat = x / alpha, level sigma = std / alpha,
/// so that xHat = x_0 + sigma z whatever the noise process was, and no solver knows of processes.
/// </summary>
public sealed record SolverInput
{
    /// <summary>D(xHat, sigma): a network with what is asked of it, guided or not.</summary>
    public required IDenoiser Denoiser { get; init; }

    /// <summary>
    /// n + 1 levels for n steps, decreasing, usually ending at 0. Increasing levels walk from images to noise (inversion), which
    /// deterministic solvers alone can. Only a last level may be 0. A level that stands there twice is a step of no length.
    /// </summary>
    public required double[] Levels { get; init; }

    /// <summary>The start at the first level: [B, C, H, W]; for pure noise <c>Levels[0] * z</c>. It stays the caller's.</summary>
    public required Tensor X { get; init; }

    /// <summary>
    /// Draws z ~ N(0, I), [B, C, H, W], for the stretch of levels between its two arguments: <see cref="BrownianTree.Noise"/>, or
    /// any source of fresh draws (<c>(_, _) => noise.Next()</c>). The solver disposes what it is given. Deterministic solvers
    /// never ask.
    /// </summary>
    public Func<double, double, Tensor>? Noise { get; init; }
}
