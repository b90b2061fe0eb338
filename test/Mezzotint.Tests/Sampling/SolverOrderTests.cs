using Mezzotint.Sampling;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Sampling;

public class SolverOrderTests
{
    // From 80, where the denoiser hardly changes, the low-order first steps of the multistep methods do not show.
    private const double High = 80, Low = 0.1;
    private static readonly Tensor Reference = Reach(Solvers.Dopri5(1e-10, 1e-10), 20, High, Low);

    public static TheoryData<string> Cases { get; } = [.. SolverCases.All.Where(entry => !entry.Value.Stochastic && entry.Key != "dopri5").Select(entry => entry.Key)];

    [Theory, MemberData(nameof(Cases))]
    public void The_error_shrinks_as_the_order_says(string name)
    {
        using var scope = NewDisposeScope();
        var solver = SolverCases.All[name];
        int[] steps = solver.Order <= 2 ? [48, 96, 192] : [128, 256, 512];
        double[] errors = [.. steps.Select(n => Rms(Reach(solver, n, High, Low) - Reference))];
        double slope = Math.Log(errors[0] / errors[^1]) / Math.Log((double)steps[^1] / steps[0]);
        Assert.True(Math.Abs(slope - solver.Order) < 0.2, $"slope {slope:f2}, order {solver.Order}: {string.Join(" ", errors.Select(e => e.ToString("e1")))}");
    }

    [Fact]
    public void Dormand_and_Prince_is_of_order_5_where_every_step_is_accepted()
    {
        // A single-step method has no start to hide: a short range keeps rounding out of the small errors.
        using var scope = NewDisposeScope();
        var solver = Solvers.Dopri5(1e9, 1e9);
        var reference = Reach(solver, 2000, 2, 0.5);
        double[] errors = [.. new[] { 14, 28, 56 }.Select(n => Rms(Reach(solver, n, 2, 0.5) - reference))];
        double slope = Math.Log(errors[0] / errors[^1]) / Math.Log(4);
        Assert.True(Math.Abs(slope - 5) < 0.2, $"slope {slope:f2}: {string.Join(" ", errors.Select(e => e.ToString("e1")))}");
    }

    [Fact]
    public void Dormand_and_Prince_keeps_to_its_tolerance()
    {
        using var scope = NewDisposeScope();
        foreach (double tolerance in new[] { 1e-3, 1e-5, 1e-7 })
            Assert.True(Rms(Reach(Solvers.Dopri5(tolerance, tolerance), 5, High, Low) - Reference) < 20 * tolerance);
    }

    private static Tensor Reach(Solver solver, int steps, double high, double low)
    {
        using var start = GaussianMixture.Start(high, 32);
        return solver.Solve(new() { Denoiser = GaussianMixture.TwoModes, Levels = GaussianMixture.Levels(steps, high, low), X = start, Labels = GaussianMixture.NoLabels });
    }

    private static double Rms(Tensor error) => error.pow(2).mean().sqrt().item<double>();
}
