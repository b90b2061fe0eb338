using CsCheck;
using Mezzotint.Noise;
using Mezzotint.Sampling;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Sampling;

/// <summary>Whole walks with guidance, on the mixture of two classes.</summary>
public class GuidedWalkTests
{
    public static TheoryData<string> Names => SolverCases.Names;

    [Fact]
    public void The_more_guidance_the_surer_are_the_samples_of_their_class()
    {
        double[] shares = [.. new[] { 0, 1, 2, 4 }.Select(weight => OwnShare(new ClassifierFreeGuidance { Weight = weight }, 0))];
        for (int i = 1; i < shares.Length; i++)
            Assert.True(shares[i] > shares[i - 1] + 0.02, string.Join(", ", shares));
        // Without a class as many are drawn of the class as there are; with it, as many as overlap allows.
        Assert.Equal(ClassMixture.Weights[0], shares[0], 0.05);
        Assert.True(OwnShare(new RenoisedGuidance { Weight = 0.9 }, 0) > shares[1] + 0.02);
        Assert.True(OwnShare(new ProjectedGuidance { Weight = 4, Eta = 1 }, 0) > shares[1] + 0.02);
    }

    [Fact]
    public void A_step_of_cfg_plus_plus_is_that_of_its_paper_in_the_variance_preserving_process()
    {
        // Algorithm 2 there: x0 by Tweedie from eps_lambda, then x' = sqrt(a') x0 + sqrt(1 - a') eps_0.
        const double a = 0.3, aNext = 0.6, lambda = 0.7;
        double sigma = Math.Sqrt((1 - a) / a), sigmaNext = Math.Sqrt((1 - aNext) / aNext);
        using var scope = NewDisposeScope();
        foreach (double x in new[] { -1.1, 0.2, 0.8 })
        {
            double Epsilon(long label) =>
                (x - Math.Sqrt(a) * ClassMixture.Expected(x / Math.Sqrt(a), sigma, label)) / Math.Sqrt(1 - a);
            double eps0 = Epsilon(ClassMixture.NoLabel), eps = eps0 + lambda * (Epsilon(1) - eps0);
            double x0 = (x - Math.Sqrt(1 - a) * eps) / Math.Sqrt(a);
            double expected = Math.Sqrt(aNext) * x0 + Math.Sqrt(1 - aNext) * eps0;
            foreach (var solver in new[] { Solvers.Ddim(), Solvers.Euler(), Solvers.EulerAncestral(0) })
                Assert.Equal(
                    expected,
                    Math.Sqrt(aNext) * Walk(
                        solver, new RenoisedGuidance { Weight = lambda }, tensor(new[] { x / Math.Sqrt(a) }, [1, 1, 1, 1]), 1,
                        sigma, sigmaNext).item<double>(),
                    1e-12);
        }
    }

    [Fact]
    public void A_step_of_cfg_plus_plus_is_one_of_cfg_whose_weight_grows_as_the_step_shrinks()
    {
        using var scope = NewDisposeScope();
        var x = SolverInputs.Start(2, 6);
        foreach (double next in new[] { 1.9, 1, 0.1, 0 })
        {
            var expected = Walk(Solvers.Euler(), new ClassifierFreeGuidance { Weight = 0.6 / (1 - next / 2) }, x, 1, 2, next);
            Assert.InRange(
                (expected - Walk(Solvers.Euler(), new RenoisedGuidance { Weight = 0.6 }, x, 1, 2, next)).abs().max().item<double>(
                    ),
                0, 1e-12);
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void Every_solver_takes_guidance_at_twice_the_evaluations_or_says_why_not(string name)
    {
        using var scope = NewDisposeScope();
        var solver = SolverCases.All[name];
        foreach (string kind in new[] { "cfg", "cfg++", "apg" })
        {
            var guidance = Guidance.Named(kind, 0.8);
            if (kind == "cfg++" && !solver.Renoises || kind == "apg" && solver.Evaluations is null)
            {
                Assert.Throws<MezzotintException>(() => guidance.CheckSolver(solver));
                continue;
            }
            guidance.CheckSolver(solver);
            var mixture = new ClassMixture();
            var input = Input(mixture.Guided(guidance, 1), SolverInputs.Start(20, 3, 2), SolverInputs.LevelsToZero(7));
            var last = solver.Walk(input).Last();
            Assert.Equal(2 * 3 * last.Evaluations, mixture.Evaluations);
        }
    }

    [Fact]
    public void A_solver_that_asks_for_a_single_estimate_is_never_given_half_of_cfg_plus_plus()
    {
        using var scope = NewDisposeScope();
        var input = Input(
            ThresholdingDenoiser.Static(new ClassMixture().Guided(new RenoisedGuidance { Weight = 0.5 }, 1)),
            SolverInputs.Start(20, 3), SolverInputs.Levels(3));
        var refused = Assert.Throws<MezzotintException>(() => Solvers.Heun().Walk(input).Last());
        Assert.Contains("ddpm, ddim, euler, euler-ancestral", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Thresholding_and_inpainting_change_both_estimates_of_cfg_plus_plus()
    {
        // At W = 0 both are the estimate without a class: the walk is then that without a class, thresholded and inpainted.
        using var scope = NewDisposeScope();
        var x = SolverInputs.Start(5, 4, 2);
        var (image, mask) = (tensor(new[] { 0.1, 0.3 }, [1, 1, 1, 2]), tensor(new[] { true, false }, [1, 1, 1, 2]));
        Tensor Drawn(IDenoiser denoiser)
        {
            var wrapped = new InpaintingDenoiser(ThresholdingDenoiser.Static(denoiser, 0, 0.5), image, mask);
            return Solvers.Ddim().Solve(Input(wrapped, x, SolverInputs.LevelsToZero(6, 5)));
        }
        var expected = Drawn(new ClassMixture().Unconditional());
        var actual = Drawn(new ClassMixture().Guided(new RenoisedGuidance { Weight = 0 }, 1));
        Assert.InRange((expected - actual).abs().max().item<double>(), 0, 1e-12);
        var guided = Drawn(new ClassMixture().Guided(new RenoisedGuidance { Weight = 1 }, 1));
        Assert.Equal([0.3, 0.3, 0.3, 0.3], guided.select(3, 1).contiguous().data<double>().ToArray());
        Assert.True((guided - actual).abs().max().item<double>() > 1e-3);
    }

    [Fact]
    public void Any_guidance_in_any_walk_stays_finite() =>
        Gen.Select(
            Gen.Int[0, 3].Select(i => Guidance.Names[i]), Gen.Double[0, 1], Gen.Double[0, 20], Gen.Double[0, 1], Gen.Double[0, 3],
            Gen.Double[0.01, 30],
            Gen.Int[0, SolverCases.All.Count - 1].Select(i => SolverCases.All.Keys.ElementAt(i)),
            Gen.Select(Gen.Int[1, 20], Gen.Bool))
        .Sample((kind, small, large, rescale, low, length, name, walk) =>
        {
            var solver = name == "dopri5" ? Solvers.Dopri5(1e-2, 1e-2) : SolverCases.All[name];
            var guidance = Guidance.Named(kind, kind == "cfg++" ? small : large, rescale, low, low + length);
            if (guidance is ProjectedGuidance projected)
                guidance = projected with
                {
                    Eta = small, Momentum = 1.8 * small - 0.9,
                    NormThreshold = rescale > 0.5 ? 0.1 + small : double.PositiveInfinity,
                };
            if (solver.Evaluations is null && guidance is ProjectedGuidance || guidance is RenoisedGuidance && !solver.Renoises)
                return;
            using var scope = NewDisposeScope();
            var (steps, single) = walk;
            var mixture = new ClassMixture();
            using var guided = guidance.Wrap(mixture.For(1), mixture.Unconditional(), GaussianMixtureDenoiser.TwoModes);
            var input = Input(guided, SolverInputs.Start(20, 2, 6), SolverInputs.LevelsToZero(steps));
            var noise = input.Noise!;
            if (single)
                input = input with { X = input.X.to(float32), Noise = (from, to) => noise(from, to).to(float32) };
            foreach (var step in solver.Walk(input))
                Assert.True(
                    step.X.isfinite().all().item<bool>() && step.Denoised.isfinite().all().item<bool>(),
                    $"{guidance} by {name}, step {step.Index}");
        }, iter: 150, threads: 1);

    /// <summary>The mean of p(label | x_0) over what is drawn by 40 steps of ddim.</summary>
    private static double OwnShare(Guidance guidance, int label)
    {
        using var scope = NewDisposeScope();
        using var guided = new ClassMixture().Guided(guidance, label);
        var drawn = Solvers.Ddim().Solve(Input(guided, SolverInputs.Start(20, 400), SolverInputs.LevelsToZero(40)));
        double Density(double x, int k) =>
            ClassMixture.Weights[k] / ClassMixture.Stds[k] * Math.Exp(
                -Math.Pow((x - ClassMixture.Means[k]) / ClassMixture.Stds[k], 2) / 2);
        return drawn.data<double>().ToArray().Average(x => Density(x, label) / (Density(x, 0) + Density(x, 1)));
    }

    private static Tensor Walk(Solver solver, Guidance guidance, Tensor x, long label, params double[] levels)
    {
        using var guided = new ClassMixture().Guided(guidance, label);
        return solver.Solve(Input(guided, x, levels));
    }

    private static SolverInput Input(IDenoiser denoiser, Tensor x, double[] levels) =>
        new() { Denoiser = denoiser, Levels = levels, X = x, Noise = SolverInputs.Noise(x.shape) };
}
