using Mezzotint.Noise;
using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>How many times a solver asks the denoiser.</summary>
/// <param name="steps">n, at least 1.</param>
/// <param name="toZero">Whether the last level is 0, where many methods need no second look.</param>
public delegate int EvaluationCount(int steps, bool toZero = true);

/// <summary>
/// A way to integrate dx/dsigma = (x - D(x, sigma)) / sigma, or a stochastic equation with the same marginals, from level to
/// level. A value: a program makes its own from a name, an order and a step (<see cref="SolverLoop"/>), and passes it wherever a
/// named one goes.
/// </summary>
/// <remarks>Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", arXiv 2206.00364, equation 1
/// with s(t) = 1.</remarks>
public sealed record Solver
{
    /// <summary>As the command and configurations spell it.</summary>
    public required string Name { get; init; }

    /// <summary>p, where the error shrinks as n^-p on smooth levels; for stochastic solvers p of the same method without its
    /// noise.</summary>
    public required int Order { get; init; }

    /// <summary>Whether it draws noise after the start.</summary>
    public bool Stochastic { get; init; }

    /// <summary>
    /// Whether its noise is that of one path, asked for stretch by stretch and nowhere twice, so that a
    /// <see cref="BrownianTree"/> makes its result converge as the steps get smaller. Churn and Langevin steps need fresh draws
    /// instead.
    /// </summary>
    public bool FollowsPath { get; init; }

    /// <summary>
    /// Whether each step is its estimate with a share of the predicted noise and perhaps fresh noise, x' = D + kept (x - D_n) +
    /// std z: what <see cref="RenoisedGuidance"/> is defined for.
    /// </summary>
    public bool Renoises { get; init; }

    /// <summary>Exact, for n steps; null where the solver chooses its own steps and <see cref="SamplingStep.Evaluations"/>
    /// tells.</summary>
    public EvaluationCount? Evaluations { get; init; }

    /// <summary>The options it takes and their values; unset are those that it does not take, and those of
    /// <see cref="Switches"/> that nobody asked for.</summary>
    public SolverOptions Options { get; init; } = new();

    /// <summary>The names of options that it takes and that may stay unset: <see cref="SolverOptions"/> says what that
    /// means.</summary>
    public IReadOnlyList<string> Switches { get; init; } = [];

    /// <summary>The coordinates that <see cref="In"/> takes.</summary>
    public IReadOnlyList<SolverCoordinate> Coordinates { get; init; } = [SolverCoordinate.Own];

    /// <summary>Which coordinate its own is.</summary>
    internal SolverCoordinate OwnCoordinate { get; init; }

    /// <summary>The solver in a coordinate that is not its own, where that is more than a change of variables around its
    /// steps.</summary>
    internal Func<SolverCoordinate, Solver>? Inside { get; init; }

    /// <summary>The paper, or the program, that it is from.</summary>
    public string Source { get; init; } = "";

    /// <summary>Walks over the levels; steps are computed as they are asked for.</summary>
    public required Func<SolverInput, IEnumerable<SamplingStep>> Walk { get; init; }

    /// <summary>The same solver, stepping in another coordinate. Levels, start, steps and results stay in variance-exploding
    /// coordinates.</summary>
    /// <param name="coordinate">One of <see cref="Coordinates"/>.</param>
    /// <param name="process">The model's process, for <see cref="SolverCoordinate.Time"/>; else it is not asked.</param>
    /// <exception cref="MezzotintException">The solver does not take the coordinate, draws noise, or needs a process.</exception>
    public Solver In(SolverCoordinate coordinate, NoiseProcess? process = null)
    {
        if (coordinate == SolverCoordinate.Own)
            return this;
        string name = SolverOptions.Text(coordinate);
        if (!Coordinates.Contains(coordinate))
            throw new MezzotintException(Coordinates.Count == 1
                ? $"Sampler '{Name}' steps in its own coordinate alone: leave coordinate = {name} out."
                : $"Sampler '{Name}' takes no coordinate = {name}; it takes "
                    + $"{string.Join(", ", Coordinates.Select(SolverOptions.Text<SolverCoordinate>))}.") { Key = "coordinate" };
        if (Stochastic)
            throw new MezzotintException(
                $"Sampler '{Name}' draws noise with these options, and a coordinate = {name} is for walks without: leave it out.")
                { Key = "coordinate" };
        if (coordinate == SolverCoordinate.Time && process is null)
            throw new MezzotintException("coordinate = time is the time of a process: say which process.") { Key = "coordinate" };
        var stepped = coordinate == OwnCoordinate ? this : Inside?.Invoke(coordinate) ?? Framed(coordinate, process);
        return stepped with { Options = stepped.Options with { Coordinate = coordinate }, Coordinates = [SolverCoordinate.Own] };
    }

    private Solver Framed(SolverCoordinate coordinate, NoiseProcess? process)
    {
        Func<double, CoordinateFrame> frame = coordinate switch
        {
            SolverCoordinate.Flow => _ => CoordinateFrame.Flow,
            SolverCoordinate.Log => CoordinateFrame.Log,
            SolverCoordinate.Time => _ => CoordinateFrame.Time(process!),
            _ => throw new ArgumentOutOfRangeException(nameof(coordinate), coordinate, "It is no change of variables."),
        };
        return this with { Walk = input => CoordinateWalk.Of(this, frame, input) };
    }

    /// <summary>Walks to the last level and returns what is there: [B, C, H, W], the caller's to dispose.</summary>
    /// <exception cref="ArgumentException">The levels are not what the solver can walk over, or it has no noise.</exception>
    public Tensor Solve(SolverInput input)
    {
        ArgumentNullException.ThrowIfNull(input);
        Tensor? result = null;
        foreach (var step in Walk(input))
            if (step.Index == input.Levels.Length - 2)
                result = step.X.clone();
        return result
            ?? throw new InvalidOperationException(
                $"Solver {Name} ended before the last of its {input.Levels.Length - 1} steps.");
    }
}
