using CsCheck;
using Mezzotint.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Sampling;

/// <summary>What holds for all solvers, and between some of them.</summary>
public class SolverLawTests
{
    public static TheoryData<string> All => SolverCases.Names;
    public static TheoryData<string> Deterministic => SolverCases.Deterministic;
    public static TheoryData<string> Stochastic => SolverCases.Stochastic;

    [Theory, MemberData(nameof(All))]
    public void Any_levels_give_finite_images_with_the_promised_evaluations(string name)
    {
        var solver = SolverCases.All[name];
        var gap = Gen.Double[-4, 0.5].Select(log => Math.Pow(10, log)); // steps in ln sigma, even and uneven
        Gen.Select(gap.Array[1, 40], Gen.Double[0.002, 0.2], Gen.Bool).Sample((gaps, low, toZero) =>
        {
            var levels = new List<double> { low };
            foreach (double step in gaps)
                levels.Insert(
                    0,
                    Math.Min(levels[0] * Math.Exp(step), 1e3 * (1 + gaps.Length - levels.Count)) is var up && up > levels[0]
                        ? up : levels[0] * 1.5);
            if (toZero)
                levels.Add(0);
            AssertPromise(solver, [.. levels]);
        }, iter: name == "dopri5" ? 10 : 40, threads: 1);
        foreach (int n in new[] { 1, 2, 3, 300 })
            AssertPromise(solver, SolverInputs.LevelsToZero(n));
    }

    [Fact]
    public void A_thousand_steps_are_as_good_as_ten()
    {
        foreach (var solver in Solvers.All.Where(solver => solver.Name != "dopri5"))
            AssertPromise(solver, SolverInputs.LevelsToZero(1000, 80, 0.002));
    }

    [Theory, MemberData(nameof(All))]
    public void A_level_that_stands_there_twice_is_a_step_that_changes_nothing_or_puts_noise_in_and_takes_it_out(string name)
    {
        var solver = SolverCases.All[name];
        bool puts = solver.Stochastic && !solver.FollowsPath;
        Gen.Select(Gen.Int[1, 3].Array[2, 12], Gen.Bool).Sample((times, toZero) =>
        {
            using var scope = NewDisposeScope();
            double[] once = SolverInputs.Levels(times.Length - 1);
            double[] levels = [.. once.Zip(times).SelectMany(level => Enumerable.Repeat(level.First, level.Second))];
            if (toZero)
                (once, levels) = ([.. once, 0], [.. levels, 0]);
            var start = SolverInputs.Start(levels[0], 3, 2);
            var counting = new CountingDenoiser(GaussianMixtureDenoiser.TwoModes);
            using var tree = solver.FollowsPath
                ? new BrownianTree([1, 2, 3], 1, 1, 2, once.Last(level => level > 0), once[0], type: ScalarType.Float64) : null;
            var input = Input(levels, start) with
            {
                Denoiser = counting, Noise = tree is null ? SolverInputs.Noise(start.shape) : tree.Noise,
            };
            int steps = 0;
            using var end = start.clone();
            foreach (var step in solver.Walk(input))
            {
                Assert.Equal((steps++, levels[step.Index]), (step.Index, step.Sigma));
                Assert.True(step.X.isfinite().all().item<bool>() && step.Denoised.isfinite().all().item<bool>());
                if (!puts && levels[step.Index] == levels[step.Index + 1])
                    Assert.True((step.X - end).abs().max().item<double>() < 1e-12, $"step {step.Index}");
                end.copy_(step.X);
            }
            Assert.Equal(levels.Length - 1, steps);
            if (puts)
                return; // SolverDistributionTests says what they draw
            var plain = new CountingDenoiser(GaussianMixtureDenoiser.TwoModes);
            var without = solver.Solve(input with { Levels = once, Denoiser = plain });
            Assert.True(without.Equals(end), "other images than without the repeats");
            Assert.Equal(plain.Calls, counting.Calls);
        }, iter: name == "dopri5" ? 4 : 15, threads: 1);
    }

    [Theory, MemberData(nameof(All))]
    public void A_walk_over_one_level_again_and_again_stays_where_it_is_or_near(string name)
    {
        using var scope = NewDisposeScope();
        var solver = SolverCases.All[name];
        var x = SolverInputs.Start(5, 3, 2);
        var end = solver.Solve(Input([5, 5, 5], x));
        Assert.True(end.isfinite().all().item<bool>());
        if (!solver.Stochastic || solver.FollowsPath)
            Assert.True((end - x).abs().max().item<double>() < 1e-12);
        end = Resampling.Of(solver, 2).Solve(Input([5, 5, 3, 3, 0], x));
        Assert.True(end.isfinite().all().item<bool>());
    }

    [Theory, MemberData(nameof(All))]
    public void One_step_to_zero_returns_the_estimate(string name)
    {
        using var scope = NewDisposeScope();
        foreach (var step in SolverCases.All[name].Walk(Input([5, 0], SolverInputs.Start(5, 4, 2))))
            Assert.True((step.X - step.Denoised).abs().max().item<double>() < 1e-12);
    }

    [Theory, MemberData(nameof(All))]
    public void The_same_draws_give_the_same_images_whatever_else_is_in_the_batch(string name)
    {
        using var scope = NewDisposeScope();
        var levels = SolverInputs.LevelsToZero(9);
        var start = SolverInputs.Start(levels[0], 5, 3);
        var draws = SolverInputs.Start(1, 5 * 60, 3, seed: 8).reshape(60, 5, 1, 1, 3);
        Tensor Solve(TensorIndex images)
        {
            int next = 0;
            return SolverCases.All[name].Solve(
                Input(levels, start[images]) with { Noise = (_, _) => draws[next++][images].clone() });
        }

        var all = Solve(TensorIndex.Colon);
        Assert.True(all.Equals(Solve(TensorIndex.Colon)));
        for (int i = 0; i < 5; i++)
            // dopri5: its tolerance
            Assert.True(
                (all[i] - Solve(TensorIndex.Slice(i, i + 1))[0]).abs().max().item<double>() < (name == "dopri5" ? 1e-4 : 1e-12));
    }

    [Theory, MemberData(nameof(Deterministic))]
    public void There_and_back_again_is_near_the_start(string name)
    {
        using var scope = NewDisposeScope();
        var solver = SolverCases.All[name];
        var x = GaussianMixtureDenoiser.TwoModes.Draw(0.05, 64, 1, seed: 6);
        var down = SolverInputs.Levels(100);
        var noisy = solver.Solve(Input([.. down.Reverse()], x));
        var back = solver.Solve(Input(down, noisy));
        double rms = (back - x).pow(2).mean().sqrt().item<double>();
        Assert.True(noisy.std().item<double>() > 10, "the noisy images are not noise");
        Assert.True(rms < (solver.Order == 1 ? 0.05 : 1e-3), $"{rms:e2}");
    }

    [Theory, MemberData(nameof(Stochastic))]
    public void A_solver_that_draws_noise_goes_down_only_and_says_so_when_it_has_none(string name)
    {
        using var scope = NewDisposeScope();
        var x = SolverInputs.Start(1, 2);
        Assert.Contains(
            "down only", Assert.Throws<ArgumentException>(() => SolverCases.All[name].Solve(Input([1, 2], x))).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "draws noise",
            Assert.Throws<ArgumentException>(() => SolverCases.All[name].Solve(Input([2, 1], x) with { Noise = null })).Message,
            StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(All))]
    public void Noise_is_asked_for_by_stochastic_solvers_alone_and_along_a_path_nowhere_twice(string name)
    {
        using var scope = NewDisposeScope();
        var solver = SolverCases.All[name];
        var asked = new List<(double From, double To)>();
        var x = SolverInputs.Start(20, 2);
        var fresh = SolverInputs.Noise(x.shape);
        solver.Solve(
            Input(SolverInputs.Levels(12), x) with { Noise = (from, to) => { asked.Add((from, to)); return fresh(from, to); } });
        Assert.Equal(solver.Stochastic, asked.Count > 0);
        if (!solver.FollowsPath)
            return;
        Assert.All(asked, stretch => Assert.True(stretch.From > stretch.To));
        Assert.All(asked.Zip(asked.Skip(1)), pair => Assert.Equal(pair.First.To, pair.Second.From));
    }

    public static TheoryData<string, Solver, Solver> Theorems { get; } = new()
    {
        { "ddim is Euler's method", Solvers.Ddim(), Solvers.Euler() },
        { "ddpm is ddim with eta 1", Solvers.Ddpm(), Solvers.Ddim(1) },
        { "ddpm is euler-ancestral with eta 1", Solvers.Ddpm(), Solvers.EulerAncestral() },
        { "euler-ancestral without noise is Euler's method", Solvers.EulerAncestral(0), Solvers.Euler() },
        { "unipc of order 1 without corrector is ddim", Solvers.UniPc(1, UniPcVariant.Bh1, corrector: false), Solvers.Ddim() },
        {
            "unipc of order 2 bh2 without corrector is dpmpp-2m", Solvers.UniPc(2, UniPcVariant.Bh2, corrector: false),
            Solvers.DpmPlusPlus2M()
        },
        { "lms of order 1 is Euler's method", Solvers.Lms(1), Solvers.Euler() },
        { "deis of order 1 is ddim", Solvers.Deis(1), Solvers.Ddim() },
        { "dpmpp-2m-sde without noise is dpmpp-2m", Solvers.DpmPlusPlus2MSde(0), Solvers.DpmPlusPlus2M() },
        { "dpmpp-3m-sde without noise is dpmpp-3m", Solvers.DpmPlusPlus3MSde(0), Solvers.DpmPlusPlus3M() },
        { "dpmpp-sde without noise is dpmpp-2s", Solvers.DpmPlusPlusSde(0), Solvers.DpmPlusPlus2S() },
        { "dpm2-ancestral without noise is dpm2", Solvers.Dpm2Ancestral(0), Solvers.Dpm2() },
        { "churn below every level is none", Solvers.Heun(new Churn { Amount = 5, Min = 100 }), Solvers.Heun() },
    };

    [Theory, MemberData(nameof(Theorems))]
    public void Solvers_that_are_one_formula_agree(string theorem, Solver one, Solver other)
    {
        using var scope = NewDisposeScope();
        var levels = SolverInputs.LevelsToZero(12);
        var x = SolverInputs.Start(levels[0], 8, 2);
        Tensor Solve(Solver solver) => solver.Solve(Input(levels, x));
        Assert.True((Solve(one) - Solve(other)).abs().max().item<double>() < 1e-12, theorem);
    }

    [Theory]
    [InlineData("dpmpp-2m")]
    [InlineData("dpmpp-3m")]
    [InlineData("lms")]
    [InlineData("deis")]
    [InlineData("unipc")]
    public void A_multistep_method_starts_with_Eulers_step(string name)
    {
        using var scope = NewDisposeScope();
        var x = SolverInputs.Start(5, 8, 2);
        Assert.True(
            (SolverCases.All[name].Solve(Input([5, 3], x)) - Solvers.Euler().Solve(Input([5, 3], x))).abs().max()
                .item<double>() < 1e-12);
    }

    [Theory, MemberData(nameof(All))]
    public void No_tensor_is_left_behind_not_even_by_a_walk_that_is_abandoned(string name)
    {
        var x = SolverInputs.Start(20, 2).DetachFromDisposeScope();
        var fresh = SolverInputs.Noise(x.shape);
        var input = Input(SolverInputs.LevelsToZero(6), x) with { Noise = fresh };
        SolverCases.All[name].Solve(input).Dispose();
        GC.Collect(); // what earlier tests left is not counted
        GC.WaitForPendingFinalizers();
        long before = Tensor.TotalCount;
        SolverCases.All[name].Solve(input).Dispose();
        foreach (var step in SolverCases.All[name].Walk(input))
            if (step.Index == 3)
                break;
        Assert.Equal(before, Tensor.TotalCount);
        x.Dispose();
    }

    [Theory, MemberData(nameof(All))]
    public void Float32_images_stay_float32_and_near_the_float64_ones(string name)
    {
        using var scope = NewDisposeScope();
        var levels = SolverInputs.LevelsToZero(10);
        var x = SolverInputs.Start(levels[0], 8, 2);
        var single =
            SolverCases.All[name].Solve(Input(levels, x.to(float32)) with { Noise = Single(SolverInputs.Noise(x.shape)) });
        Assert.Equal(ScalarType.Float32, single.dtype);
        Assert.True((SolverCases.All[name].Solve(Input(levels, x)) - single).abs().max().item<double>() < 1e-3);

        static Func<double, double, Tensor> Single(Func<double, double, Tensor> noise) =>
            (from, to) => noise(from, to).to(float32);
    }

    private static void AssertPromise(Solver solver, double[] levels)
    {
        using var scope = NewDisposeScope();
        var mixture = new CountingDenoiser(GaussianMixtureDenoiser.TwoModes);
        int steps = 0, evaluations = 0;
        foreach (var step in solver.Walk(Input(levels, SolverInputs.Start(levels[0], 3, 2)) with { Denoiser = mixture }))
        {
            Assert.Equal(steps++, step.Index);
            Assert.Equal(levels[step.Index], step.Sigma);
            Assert.True(
                step.X.isfinite().all().item<bool>() && step.Denoised.isfinite().all().item<bool>(),
                $"step {step.Index} of {string.Join(", ", levels)}");
            evaluations = step.Evaluations;
        }
        Assert.Equal(levels.Length - 1, steps);
        Assert.Equal(mixture.Calls, evaluations);
        if (solver.Evaluations is { } promised)
            Assert.Equal(promised(steps, levels[^1] == 0), evaluations);
    }

    private static SolverInput Input(double[] levels, Tensor x) =>
        new() { Denoiser = GaussianMixtureDenoiser.TwoModes, Levels = levels, X = x, Noise = SolverInputs.Noise(x.shape) };
}
