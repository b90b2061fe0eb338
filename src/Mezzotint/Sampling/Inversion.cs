using Mezzotint.Noise;
using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>
/// The noise that an image is drawn from: the probability-flow equation dx/dsigma = (x - D) / sigma, walked from the least level
/// up to the greatest, and down again to the image. Any deterministic solver goes both ways; on the way back its errors do not
/// cancel, but shrink with its order.
/// </summary>
/// <remarks>
/// At level 0 there is no estimate. So the first step from there to the least level sigma is Euler's with the estimate at sigma,
/// x + sigma (x - D(x, sigma)) / sigma = 2 x - D(x, sigma), as programs of DDIM inversion have it.
/// Song et al. 2021, arXiv 2011.13456, section 4.3 and appendix D.4 (encoding by the probability flow); Song et al. 2021, arXiv
/// 2010.02502, section 4.3 (by DDIM). The walk is in float64, and the denoiser is asked in it.
/// </remarks>
public sealed record Inversion
{
    /// <summary>Steps that bring an image back to within 1e-3 of its range with <see cref="Solvers.Heun"/>.</summary>
    public const int DefaultSteps = 100;

    /// <summary>
    /// As <see cref="NoiseLevels"/> makes them, falling from the greatest. With a last 0, images are clean, and what is drawn is
    /// what <see cref="Solver"/> draws elsewhere. Without it, images count as images with the noise of the least level on them.
    /// </summary>
    public required IReadOnlyList<double> Levels { get; init; }

    /// <summary>One that draws no noise on its way.</summary>
    public Solver Solver { get; init; } = Solvers.Heun();

    /// <summary>With heun over <see cref="LevelsOf"/>.</summary>
    /// <param name="process">The process that the network was trained in.</param>
    public static Inversion Of(NoiseProcess process) => new() { Levels = LevelsOf(process) };

    /// <summary>The levels of a process between its least and its greatest that suit an inversion.</summary>
    /// <param name="process">Gives the range.</param>
    /// <param name="steps">1 or more.</param>
    /// <param name="final">Whether they go on to 0.</param>
    /// <returns>steps + 1 levels, falling.</returns>
    public static double[] LevelsOf(
        NoiseProcess process, int steps = DefaultSteps, FinalLevel final = FinalLevel.Minimum) =>
        NoiseLevels.Karras(process, steps, final);

    /// <summary>From images to their noise.</summary>
    /// <param name="denoiser">That of what the images show.</param>
    /// <param name="images">[B, C, H, W], in the units of the network's data, at the last of the levels.</param>
    /// <returns>z, which is N(0, I) where the images are the model's and its greatest level hides them: float64 [B, C, H,
    /// W].</returns>
    /// <exception cref="MezzotintException">The solver draws noise.</exception>
    /// <exception cref="ArgumentException">The levels do not fall.</exception>
    public Tensor Encode(IDenoiser denoiser, Tensor images) => Encode(denoiser, images, _ => { });

    /// <summary>From noise to images, the other way on the same levels.</summary>
    /// <param name="denoiser">The same one, which gives the images back, or that of something else.</param>
    /// <param name="noise">z: [B, C, H, W].</param>
    /// <returns>The images at the last of the levels: float64 [B, C, H, W].</returns>
    /// <exception cref="MezzotintException">The solver draws noise.</exception>
    /// <exception cref="ArgumentException">The levels do not fall.</exception>
    public Tensor Decode(IDenoiser denoiser, Tensor noise) => Decode(denoiser, noise, _ => { });

    /// <summary>How often a walk one way asks the denoiser; an estimate where the solver chooses its own steps.</summary>
    internal int Evaluations
    {
        get
        {
            double[] levels = Falling();
            return Solver.Evaluations?.Invoke(levels.Length - 1, levels[^1] == 0) ?? 6 * levels.Length;
        }
    }

    /// <summary>The same, telling after each step how often it has asked the denoiser since the last.</summary>
    internal Tensor Encode(IDenoiser denoiser, Tensor images, Action<int> evaluated)
    {
        ArgumentNullException.ThrowIfNull(denoiser);
        ArgumentNullException.ThrowIfNull(images);
        CheckDeterministic(Solver);
        double[] up = [.. Falling().Reverse()];
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        var x = images.to(float64);
        if (up[0] == 0)
        {
            up = up[1..];
            x = LinearCombination.Sum((2, x), (-1, denoiser.Denoise(x, up[0])));
            evaluated(1);
        }
        return (up.Length > 1 ? Walk(denoiser, x, up, evaluated) : x).Over(up[^1]).MoveToOuterDisposeScope();
    }

    /// <inheritdoc cref="Encode(IDenoiser, Tensor, Action{int})"/>
    internal Tensor Decode(IDenoiser denoiser, Tensor noise, Action<int> evaluated)
    {
        ArgumentNullException.ThrowIfNull(denoiser);
        ArgumentNullException.ThrowIfNull(noise);
        CheckDeterministic(Solver);
        double[] down = Falling();
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        return Walk(denoiser, noise.to(float64).Times(down[0]), down, evaluated).MoveToOuterDisposeScope();
    }

    /// <summary>Falling levels the other way round, without a last 0.</summary>
    internal static double[] Upward(IReadOnlyList<double> levels)
    {
        ArgumentNullException.ThrowIfNull(levels);
        double[] up = [.. levels.Reverse().SkipWhile(level => level == 0)];
        return up.Length >= 2 && up[0] < up[^1] ? up
            : throw new ArgumentException(
                $"{up.Length} levels above 0{(up.Length < 2 ? "" : ", which rise")}: a walk up needs at least two, as they fall.",
                nameof(levels));
    }

    /// <summary>Only a walk without noise of its own can be taken back.</summary>
    internal static void CheckDeterministic(Solver solver)
    {
        ArgumentNullException.ThrowIfNull(solver);
        if (solver.Stochastic)
            throw new MezzotintException(
                $"Sampler '{solver.Name}' draws noise on its way, which cannot be walked from an image to its noise: take one "
                + $"that does not, such as heun, dpmpp-2m or dopri5.");
    }

    private double[] Falling() => Levels.Count >= 2 && Levels[^1] < Levels[0] ? [.. Levels]
        : throw new ArgumentException(
            $"{Levels.Count} levels{(Levels.Count < 2 ? "" : ", which do not fall")}: an inversion needs at least two, as they "
            + $"fall.");

    private Tensor Walk(IDenoiser denoiser, Tensor x, double[] levels, Action<int> evaluated)
    {
        Tensor? end = null;
        int asked = 0;
        foreach (var step in Solver.Walk(new() { Denoiser = denoiser, Levels = levels, X = x }))
        {
            evaluated(step.Evaluations - asked);
            asked = step.Evaluations;
            if (step.Index == levels.Length - 2)
                end = step.X.clone();
        }
        return end!;
    }
}
