using Mezzotint.Noise;
using Mezzotint.Sampling;
using Mezzotint.Tests.Noise;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Sampling;

/// <summary>The error of every deterministic solver shrinks as n^-order, over the levels of every process.</summary>
public class SolverOrderTests
{
    /// <summary>
    /// Each over its whole range, from its most noise to its least. VE has its sigma from large images (142 at t = 1): at the
    /// seed's 9.8 the first steps of the multistep methods, which are of lower order, show; that has a test of its own.
    /// </summary>
    private static readonly IReadOnlyDictionary<string, NoiseProcess> Processes = Mezzotint.Tests.Noise.Processes.OfWideRange;

    private static readonly VarianceExploding Seed = new();
    private static readonly Dictionary<NoiseProcess, Tensor> References = [];

    /// <summary>Not dopri5, nor what is of another order by intent: last steps of lower order, and the published weights of
    /// dpmpp-3m, whose order shows after thousands of steps. lms of order 4 shows its start in flow time, too.</summary>
    private static IEnumerable<string> FixedSteps => SolverCases.All
        .Where(entry => entry.Value is { Stochastic: false, Options: { LowerOrderFinal: null, PublishedWeights: null } }
            && entry.Key is not ("dopri5" or "lms flow" or "plms runge-kutta")).Select(entry => entry.Key);

    public static TheoryData<string, string> Cases { get; } =
    [
        .. from process in Processes.Keys from solver in FixedSteps select (process, solver),
    ];

    public static TheoryData<string> Solvers_of_fixed_steps { get; } = [.. FixedSteps];

    public static TheoryData<string> Names { get; } = [.. Processes.Keys];

    [Theory, MemberData(nameof(Cases))]
    public void The_error_shrinks_as_the_order_says(string process, string solver)
    {
        using var scope = NewDisposeScope();
        AssertSlope(Slope(Processes[process], SolverCases.All[solver]), SolverCases.All[solver].Order, 0.2);
    }

    /// <summary>
    /// From 9.8 down, where D changes in the very first step, one step of Euler's (an error of n^-2) is what the methods of order
    /// 3 and 4 without a corrector end with: no worse than order 2, and no better than their own.
    /// </summary>
    [Theory, MemberData(nameof(Solvers_of_fixed_steps))]
    public void On_the_levels_of_the_seed_the_start_of_a_multistep_method_shows_and_nothing_else(string name)
    {
        using var scope = NewDisposeScope();
        var solver = SolverCases.All[name];
        bool startShows =
            solver.Order >= 3 && solver.Options.Corrector != true;
        var measured = Slope(Seed, solver);
        if (startShows)
            Assert.InRange(measured.Slope, 1.8, solver.Order - 0.2);
        else
            AssertSlope(measured, solver.Order, 0.2);
    }

    /// <summary>The published weights make one part of the error first order in the second difference: twice the steps, four
    /// times less. With ours it is eight.</summary>
    [Fact]
    public void The_published_weights_err_less_in_20_steps_and_more_in_600()
    {
        using var scope = NewDisposeScope();
        foreach (var process in new NoiseProcess[] { new Edm(), Seed })
        {
            double Error(bool published, int steps) =>
                Rms(Reach(Solvers.DpmPlusPlus3M(publishedWeights: published), Levels(process, steps)) - Reference(process));
            Assert.InRange(Error(true, 20) / Error(false, 20), 0, 0.7);
            Assert.InRange(Error(true, 600) / Error(false, 600), 1.5, double.PositiveInfinity);
        }
    }

    public static TheoryData<string, SolverCoordinate> OtherCoordinates { get; } =
    [
        .. from process in Processes.Keys
           from coordinate in (SolverCoordinate[])[SolverCoordinate.Log, SolverCoordinate.Time, SolverCoordinate.Flow]
           select (process, coordinate),
    ];

    [Theory, MemberData(nameof(OtherCoordinates))]
    public void In_every_coordinate_a_solver_keeps_its_order(string process, SolverCoordinate coordinate)
    {
        using var scope = NewDisposeScope();
        AssertSlope(Slope(Processes[process], Solvers.Heun().In(coordinate, Processes[process])), 2, 0.3);
    }

    /// <summary>
    /// A single-step method has no start to hide. At order 5 the errors meet rounding, 1e-13 of the first level, before they
    /// settle over a whole range: so a part of it, from level 2 to 0.7, where the modes part, at even times of the process.
    /// </summary>
    [Theory, MemberData(nameof(Names))]
    public void Dormand_and_Prince_is_of_order_5_where_every_step_is_accepted(string name)
    {
        using var scope = NewDisposeScope();
        var process = Processes[name];
        var solver = Solvers.Dopri5(1e9, 1e9);
        Tensor Reach(int n) =>
            SolverOrderTests.Reach(
                solver,
                [
                    .. Enumerable.Range(0, n + 1).Select(i =>
                        process.Level(process.Time(2) + (process.Time(0.7) - process.Time(2)) * i / n)),
                ]);
        var reference = Reach(2000);
        AssertSlope(SlopeOf([16, 32, 64], n => Rms(Reach(n) - reference)), 5, 0.2);
    }

    [Theory, MemberData(nameof(Names))]
    public void Dormand_and_Prince_keeps_to_its_tolerance(string name)
    {
        using var scope = NewDisposeScope();
        foreach (double tolerance in new[] { 1e-3, 1e-5, 1e-7 })
            Assert.InRange(
                Rms(Reach(Solvers.Dopri5(tolerance, tolerance), Levels(Processes[name], 5)) - Reference(Processes[name])), 0,
                20 * tolerance);
    }

    /// <summary>
    /// Evenly spaced in level^(1/7), in which all these ranges are smooth and their steps short at both ends. A process's even
    /// times are not: beside level 0 (EDM, VE) or beside pure noise (flow) a single step spans most of ln level, until there are
    /// thousands. The end above 0 leaves out the last step to 0, which is of first order in most solvers.
    /// </summary>
    private static double[] Levels(NoiseProcess process, int steps) => NoiseLevels.Karras(process, steps, FinalLevel.Minimum);

    /// <summary>More steps for higher orders, whose errors settle later, and are far above rounding still: 1e-8 and
    /// more.</summary>
    private static (double Slope, double[] Errors) Slope(NoiseProcess process, Solver solver) =>
        SlopeOf(
            solver.Order <= 2 ? [96, 192, 384] : [256, 512, 1024],
            n => Rms(Reach(solver, Levels(process, n)) - Reference(process)));

    private static (double Slope, double[] Errors) SlopeOf(int[] steps, Func<int, double> error)
    {
        double[] errors = [.. steps.Select(error)];
        return (Math.Log(errors[0] / errors[^1]) / Math.Log((double)steps[^1] / steps[0]), errors);
    }

    private static void AssertSlope((double Slope, double[] Errors) measured, int order, double tolerance) =>
        Assert.True(
            Math.Abs(measured.Slope - order) < tolerance,
            $"slope {measured.Slope:f2}, order {order}: {string.Join(" ", measured.Errors.Select(e => e.ToString("e1")))}");

    /// <summary>Where the paths end, to 1e-11: by the one solver that watches its own error.</summary>
    private static Tensor Reference(NoiseProcess process)
    {
        if (!References.TryGetValue(process, out var reference))
            References[process] = reference = Reach(Solvers.Dopri5(1e-12, 1e-12), Levels(process, 20)).DetachFromDisposeScope();
        return reference;
    }

    private static Tensor Reach(Solver solver, double[] levels)
    {
        using var start = SolverInputs.Start(levels[0], 32);
        return solver.Solve(new() { Denoiser = GaussianMixtureDenoiser.TwoModes, Levels = levels, X = start });
    }

    private static double Rms(Tensor error) => error.pow(2).mean().sqrt().item<double>();
}
