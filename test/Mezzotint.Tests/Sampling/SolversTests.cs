using System.Text.Json;
using Mezzotint.Sampling;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Sampling;

public class SolversTests
{
    [Fact]
    public void The_names_are_those_of_the_design() => Assert.Equal(
        [
            "ddpm", "ddim", "euler", "euler-ancestral", "heun", "dpm2", "dpm2-ancestral", "dpmpp-2s",
            "dpmpp-2s-alternating", "dpmpp-2m", "dpmpp-3m", "dpmpp-sde", "dpmpp-2m-sde", "dpmpp-3m-sde",
            "lms", "plms", "ipndm", "deis", "unipc", "sa-solver", "lcm", "predictor-corrector", "dopri5",
        ],
        Solvers.All.Select(solver => solver.Name));

    [Theory]
    [InlineData("huen", "did you mean 'heun'?")]
    [InlineData("dpmpp-2m-sed", "did you mean 'dpmpp-2m-sde'?")]
    [InlineData("DDIM", "did you mean 'ddim'?")]
    [InlineData("magic", "'magic' is not known; there are euler-maruyama, ddpm, ddim")]
    public void An_unknown_name_is_answered_with_the_nearest_and_all(string name, string expected)
    {
        string message = Assert.Throws<MezzotintException>(() => Solvers.Named(name)).Message;
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.Contains("dopri5", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_that_are_given_replace_the_defaults_and_the_others_stay()
    {
        Assert.Equal(new SolverOptions { Eta = 0 }, Solvers.Named("ddim").Options);
        var heun = Solvers.Named("heun", new() { Churn = 40, ChurnMin = 0.05 });
        Assert.True(heun.Stochastic);
        Assert.Equal(
            new SolverOptions { Churn = 40, ChurnMin = 0.05, ChurnMax = double.PositiveInfinity, NoiseScale = 1 }, heun.Options);
        Assert.Equal(
            "order = 3, variant = bh2, corrector = false",
            Solvers.Named("unipc", new() { Order = 3, Corrector = false }).Options.ToString());
        Assert.Equal("", Solvers.Named("ddpm").Options.ToString());
    }

    [Fact]
    public void Every_solver_can_be_made_again_from_its_own_options()
    {
        foreach (var solver in Solvers.All)
        {
            var again = Solvers.Named(solver.Name, solver.Options);
            Assert.Equal(
                (solver.Name, solver.Order, solver.Options, solver.Stochastic),
                (again.Name, again.Order, again.Options, again.Stochastic));
            Assert.NotEmpty(solver.Source);
        }
    }

    [Fact]
    public void Every_option_is_listed_under_the_name_that_a_configuration_gives_it() => Assert.Equal(
        typeof(SolverOptions).GetProperties().Where(property => property.Name != nameof(SolverOptions.All)).Select(property =>
            JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name)),
        SolverOptions.All.Select(option => option.Name));

    [Theory]
    [InlineData("heun", "'heun' takes no eta; it takes churn, churn_min, churn_max, noise_scale, coordinate.")]
    [InlineData("ddpm", "'ddpm' takes no eta; it takes none.")]
    public void An_option_that_a_solver_does_not_take_is_refused(string name, string message) =>
        Assert.Contains(
            message, Assert.Throws<MezzotintException>(() => Solvers.Named(name, new() { Eta = 1 })).Message,
            StringComparison.Ordinal);

    public static TheoryData<string, SolverOptions, string> OutOfRange { get; } = new()
    {
        { "ddim", new() { Eta = 1.5 }, "eta = 1.5" },
        { "ddim", new() { Eta = double.NaN }, "eta = NaN" },
        { "dpmpp-2m-sde", new() { Eta = -1 }, "eta = -1" },
        { "heun", new() { Churn = -1 }, "churn = -1" },
        { "heun", new() { ChurnMin = 3, ChurnMax = 2 }, "churn_max = 2" },
        { "heun", new() { NoiseScale = 0 }, "noise_scale = 0" },
        { "lms", new() { Order = 5 }, "order = 5" },
        { "deis", new() { Order = 0 }, "order = 0" },
        { "unipc", new() { Order = 4 }, "order = 4" },
        { "predictor-corrector", new() { Snr = 0 }, "snr = 0" },
        { "predictor-corrector", new() { CorrectorSteps = -1 }, "corrector_steps = -1" },
        { "dopri5", new() { Rtol = 0 }, "rtol = 0" },
        { "dopri5", new() { Atol = double.PositiveInfinity }, "atol = " },
    };

    [Theory, MemberData(nameof(OutOfRange))]
    public void A_value_out_of_range_is_refused_by_name(string name, SolverOptions options, string message) =>
        Assert.Contains(
            message, Assert.Throws<MezzotintException>(() => Solvers.Named(name, options)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(new double[] { 1 }, "1 levels")]
    [InlineData(new double[] { 2, 2, 3, 1 }, "Levels 2 and 3")]
    [InlineData(new double[] { 3, 1, 2 }, "Levels 1 and 2")]
    [InlineData(new double[] { 1, 2, 1 }, "Levels 1 and 2")]
    [InlineData(new double[] { 0, 1 }, "Level 0 is 0")]
    [InlineData(new double[] { 2, -1 }, "Level 1 is -1")]
    [InlineData(new double[] { double.PositiveInfinity, 1 }, "Level 0")]
    [InlineData(new double[] { 2, double.NaN }, "Level 1")]
    [InlineData(new double[] { 2, 0, 1 }, "Level 1 is 0")]
    public void Levels_that_cannot_be_walked_are_refused_before_the_first_step(double[] levels, string message)
    {
        var x = ones(1, 1, 1, 1);
        var input = new SolverInput { Denoiser = GaussianMixtureDenoiser.TwoModes, Levels = levels, X = x };
        var refused = Assert.Throws<ArgumentException>(() => Solvers.Euler().Walk(input));
        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_denoiser_that_gives_no_numbers_ends_dopri5_with_a_reason()
    {
        using var scope = NewDisposeScope();
        var input = new SolverInput { Denoiser = new NotANumber(), Levels = [2, 1], X = ones(1, 1, 1, 1) };
        Assert.Contains(
            "dopri5 at sigma = 2", Assert.Throws<MezzotintException>(() => Solvers.Dopri5().Solve(input)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_program_adds_a_solver_of_its_own_and_may_walk_it_twice()
    {
        // The midpoint rule in sigma.
        using var scope = NewDisposeScope();
        var midpoint = new Solver
        {
            Name = "midpoint",
            Order = 2,
            Evaluations = (steps, _) => 2 * steps,
            Walk = input => SolverLoop.Walk(input, step =>
            {
                var here = step.Evaluate();
                double middle = (step.From + step.To) / 2;
                var u = step.X + (middle - step.From) * here.Slope();
                return (step.X + (step.To - step.From) * step.Evaluate(u, middle).Slope(), here);
            }),
        };
        var start = new SolverInput
        {
            Denoiser = GaussianMixtureDenoiser.TwoModes, Levels = SolverInputs.Levels(64), X = SolverInputs.Start(20, 4),
        };
        var walk = midpoint.Walk(start);
        var ends = new List<Tensor>();
        for (int round = 0; round < 2; round++)
            foreach (var step in walk)
                if (step.Index == 63)
                    ends.Add(step.X.clone());
        Assert.True(ends[0].Equals(ends[1]));
        var heun = Solvers.Heun().Solve(start);
        Assert.True((ends[0] - heun).abs().max().item<double>() < 0.01);
    }

    private sealed class NotANumber : IDenoiser
    {
        public Tensor Denoise(Tensor x, double sigma) => full_like(x, double.NaN);
    }
}
