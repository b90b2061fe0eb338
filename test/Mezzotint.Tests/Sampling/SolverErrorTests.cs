using Mezzotint.Noise;
using Mezzotint.Sampling;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Sampling;

/// <summary>What solvers are given where nothing is said: levels, coordinate, order of the last steps.</summary>
public class SolverErrorTests
{
    private const int Paths = 256;
    private static readonly int[] Evaluations = [8, 9, 10, 12, 15, 20, 30, 50];
    private static readonly GaussianMixtureDenoiser Mixture = GaussianMixtureDenoiser.TwoModes;

    private static readonly IReadOnlyDictionary<string, NoiseProcess> Processes = new Dictionary<string, NoiseProcess>
    {
        ["ve"] = new VarianceExploding(),
        ["vp"] = new VariancePreserving(),
        ["scaled-linear"] = new VariancePreserving { Schedule = new ScaledLinearSchedule() },
        ["cosine"] = new VariancePreserving { Schedule = new CosineSchedule() },
        ["sigmoid"] = new VariancePreserving { Schedule = new SigmoidSchedule() },
        ["zero-snr"] = new VariancePreserving { Schedule = TableSchedule.Linear().WithZeroTerminalSnr() },
        ["sub-vp"] = new SubVariancePreserving(),
        ["edm"] = new Edm(),
        ["flow"] = new FlowMatching(),
    };

    public static TheoryData<string> Names { get; } = [.. Processes.Keys];

    private static Solver ByDefault(string name, NoiseProcess process) =>
        Solvers.Named(name, process, Solvers.Recommended(name));

    [Theory, MemberData(nameof(Names))]
    public void No_solver_of_order_2_or_more_loses_to_Euler_at_its_default_coordinate_and_levels(string process)
    {
        using var scope = NewDisposeScope();
        var measured = new Measured(Processes[process]);
        foreach (int evaluations in Evaluations)
        {
            double euler = measured.Error(Solvers.Euler(), evaluations);
            foreach (var solver in Solvers.All)
            {
                if (solver is not { Stochastic: false, Order: >= 2, Evaluations: not null })
                    continue;
                double error = measured.Error(ByDefault(solver.Name, Processes[process]), evaluations);
                Assert.True(error < euler, $"{solver.Name}, {evaluations} evaluations: {error:g3}, Euler {euler:g3}");
            }
        }
    }

    /// <summary>Over the process's own times, in 10 steps, heun in sigma is many times worse than Euler.</summary>
    [Theory]
    [InlineData("flow"), InlineData("cosine"), InlineData("sigmoid")]
    public void In_flow_time_Heun_is_right_where_levels_start_at_thousands(string process)
    {
        using var scope = NewDisposeScope();
        var measured = new Measured(Processes[process]);
        double[] levels = NoiseLevels.Uniform(Processes[process], 10);
        double euler = measured.Error(Solvers.Euler(), levels), own = measured.Error(Solvers.Heun(), levels);
        Assert.True(own > 5 * euler, $"{own:g3}");
        Assert.InRange(measured.Error(Solvers.Heun().In(SolverCoordinate.Flow), levels), 0, euler / 5);
    }

    [Theory]
    [InlineData("dpmpp-2m"), InlineData("dpmpp-3m"), InlineData("unipc")]
    public void Last_steps_of_lower_order_mend_levels_that_end_with_a_long_step(string name)
    {
        using var scope = NewDisposeScope();
        foreach (string process in (string[])["vp", "flow"])
        {
            var measured = new Measured(Processes[process]);
            double[] levels = NoiseLevels.Uniform(Processes[process], 10);
            double plain = measured.Error(Solvers.Named(name), levels);
            var lowered = Solvers.Named(name, new SolverOptions { LowerOrderFinal = true });
            Assert.InRange(measured.Error(lowered, levels), 0, plain / 2);
        }
    }

    [Fact]
    public void A_coordinate_that_a_solver_does_not_take_is_refused_with_those_that_it_does()
    {
        string Refused(Func<Solver> make) => Assert.Throws<MezzotintException>(make).Message;
        Assert.Contains(
            "takes no coordinate = time; it takes own, log, flow", Refused(() => Solvers.Dpm2().In(SolverCoordinate.Time)),
            StringComparison.Ordinal);
        Assert.Contains(
            "in its own coordinate alone", Refused(() => Solvers.Named("ddim", new() { Coordinate = SolverCoordinate.Flow })),
            StringComparison.Ordinal);
        Assert.Contains(
            "draws noise with these options",
            Refused(() => Solvers.Named("heun", new() { Churn = 5, Coordinate = SolverCoordinate.Flow })),
            StringComparison.Ordinal);
        Assert.Contains("say which process", Refused(() => Solvers.Heun().In(SolverCoordinate.Time)), StringComparison.Ordinal);
        Assert.Contains(
            "published_weights", Refused(() => Solvers.Named("heun", new() { PublishedWeights = true })),
            StringComparison.Ordinal);
    }

    [Fact]
    public void An_own_coordinate_by_its_name_changes_nothing()
    {
        using var scope = NewDisposeScope();
        var measured = new Measured(new Edm());
        double[] levels = NoiseLevels.Karras(new Edm(), 9);
        foreach (var (solver, coordinate) in ((Solver, SolverCoordinate)[])
            [
                (Solvers.Heun(), SolverCoordinate.Sigma), (Solvers.Lms(), SolverCoordinate.Sigma),
                (Solvers.Dpm2(), SolverCoordinate.Log), (Solvers.DpmPlusPlus3M(), SolverCoordinate.Log),
                (Solvers.Deis(), SolverCoordinate.Own),
            ])
            Assert.Equal(measured.Error(solver, levels), measured.Error(solver.In(coordinate), levels));
    }

    [Fact]
    public void A_walk_up_in_flow_time_gives_the_noise_that_leads_back()
    {
        using var scope = NewDisposeScope();
        var process = new FlowMatching();
        var inversion = new Inversion
        {
            Levels = NoiseLevels.Flow(process, 60, FinalLevel.Minimum), Solver = Solvers.Heun().In(SolverCoordinate.Flow),
        };
        var x = Mixture.Draw(process.MinimumLevel, 64, 1, seed: 3);
        var back = inversion.Decode(Mixture, inversion.Encode(Mixture, x));
        Assert.InRange((back - x).abs().max().item<double>(), 0, 0.02);
    }

    /// <summary>256 paths of a process to level 0, and their true ends.</summary>
    private sealed class Measured
    {
        private readonly NoiseProcess _process;
        private readonly Tensor _start, _truth;

        public Measured(NoiseProcess process)
        {
            _process = process;
            _start = Mixture.Draw(process.MaximumLevel, Paths, 1, seed: 42);
            double least = Math.Min(1e-4, process.MinimumLevel);
            _truth = Walk(Solvers.Dopri5(1e-10, 1e-10), NoiseLevels.Karras(process.MaximumLevel, least, 20));
        }

        /// <summary>With the most steps over the default levels that so many evaluations suffice for.</summary>
        public double Error(Solver solver, int evaluations)
        {
            int steps = Enumerable.Range(1, evaluations).Last(n => solver.Evaluations!(n) <= evaluations);
            return Error(solver, NoiseLevels.Flow(_process, steps));
        }

        public double Error(Solver solver, double[] levels) =>
            (Walk(solver, levels) - _truth).pow(2).mean().sqrt().item<double>();

        private Tensor Walk(Solver solver, double[] levels) =>
            solver.Solve(new() { Denoiser = Mixture, Levels = levels, X = _start });
    }
}
