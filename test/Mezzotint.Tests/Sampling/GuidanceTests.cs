using Mezzotint.Sampling;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Sampling;

/// <summary>What every kind of guidance makes of the estimates, against formulas in plain numbers.</summary>
public class GuidanceTests
{
    private static readonly Guidance[] WithoutWeaker =
    [
        new ClassifierFreeGuidance(), new RenoisedGuidance(), new ProjectedGuidance { NormThreshold = 0.5 },
    ];

    public static TheoryData<string> Names { get; } = [.. Guidance.Names];

    [Theory]
    [InlineData("cfg")]
    [InlineData("apg")]
    [InlineData("auto")]
    public void A_weight_of_1_is_no_guidance_to_the_bit_and_costs_nothing(string kind)
    {
        using var scope = NewDisposeScope();
        var (mixture, weaker) = (new ClassMixture(), new ClassMixture());
        var x = SolverInputs.Start(1, 5, 3);
        using var guided = Guidance.Named(kind, 1, rescale: 0.5).Wrap(mixture.For(1), mixture.Unconditional(), weaker.For(1));
        AssertSame(new ClassMixture().For(1).Denoise(x, 0.7), guided.Denoise(x, 0.7));
        Assert.Equal((5, 0), (mixture.Evaluations, weaker.Evaluations));
    }

    [Fact]
    public void A_weight_of_0_is_the_estimate_without_a_class()
    {
        using var scope = NewDisposeScope();
        var x = SolverInputs.Start(1, 5, 3);
        using var guided = new ClassMixture().Guided(new ClassifierFreeGuidance { Weight = 0 }, 1);
        AssertSame(new ClassMixture().Unconditional().Denoise(x, 0.7), guided.Denoise(x, 0.7));
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(2)]
    [InlineData(7.5)]
    public void Classifier_free_guidance_is_its_formula_on_the_mixture_in_one_evaluation_of_twice_as_many(double weight)
    {
        using var scope = NewDisposeScope();
        var mixture = new ClassMixture();
        double[] points = [-2, -0.3, 0, 0.4, 3];
        foreach (double sigma in new[] { 0.05, 0.8, 10 })
            foreach (long label in new long[] { 0, 1 })
            {
                using var guided = mixture.Guided(new ClassifierFreeGuidance { Weight = weight }, label);
                double[] d = guided.Denoise(tensor(points, [5, 1, 1, 1]), sigma).data<double>().ToArray();
                for (int i = 0; i < points.Length; i++)
                {
                    double without = ClassMixture.Expected(points[i], sigma, ClassMixture.NoLabel);
                    Assert.Equal(without + weight * (ClassMixture.Expected(points[i], sigma, label) - without), d[i], 1e-12);
                }
            }
        Assert.Equal((6, 6 * 10), (mixture.Calls, mixture.Evaluations));
    }

    [Fact]
    public void Outside_of_its_interval_there_is_no_guidance_and_no_extra_evaluation()
    {
        using var scope = NewDisposeScope();
        var x = SolverInputs.Start(1, 4, 2);
        foreach (var kind in WithoutWeaker)
        {
            var mixture = new ClassMixture();
            using var guided = mixture.Guided(kind with { Weight = 0.5, Low = 0.5, High = 2 }, 0);
            using var everywhere = new ClassMixture().Guided(kind with { Weight = 0.5 }, 0);
            foreach (double sigma in new[] { 0.4999, 2.0001, 30 })
                AssertSame(new ClassMixture().For(0).Denoise(x, sigma), guided.Estimate(x, sigma).Denoised);
            Assert.Equal(12, mixture.Evaluations);
            foreach (double sigma in new[] { 0.5, 1, 2 }) // both ends are inside
                AssertSame(everywhere.Estimate(x, sigma).Denoised, guided.Estimate(x, sigma).Denoised);
            Assert.Equal(12 + 24, mixture.Evaluations);
        }
    }

    [Fact]
    public void Rescaling_by_1_restores_the_deviation_of_each_image_and_by_less_in_proportion()
    {
        using var scope = NewDisposeScope();
        var x = SolverInputs.Start(2, 4, 50);
        Tensor Guided(double rescale)
        {
            using var guided = new ClassMixture().Guided(new ClassifierFreeGuidance { Weight = 6, Rescale = rescale }, 1);
            return guided.Denoise(x, 1);
        }
        double[] Deviations(Tensor images) => images.flatten(1).std(1).data<double>().ToArray();
        double[] own = Deviations(new ClassMixture().For(1).Denoise(x, 1));
        double[] without = Deviations(Guided(0)), half = Deviations(Guided(0.5)), full = Deviations(Guided(1));
        for (int i = 0; i < 4; i++)
        {
            Assert.True(Math.Abs(without[i] / own[i] - 1) > 0.01, "guidance changes it");
            Assert.Equal(own[i], full[i], 1e-12);
            Assert.Equal((own[i] + without[i]) / 2, half[i], 1e-12);
        }
    }

    [Fact]
    public void Projected_guidance_that_keeps_and_remembers_all_is_classifier_free_guidance()
    {
        using var scope = NewDisposeScope();
        var x = SolverInputs.Start(2, 4, 5);
        using var projected = new ClassMixture().Guided(new ProjectedGuidance { Weight = 3, Eta = 1, Momentum = 0 }, 1);
        using var plain = new ClassMixture().Guided(new ClassifierFreeGuidance { Weight = 3 }, 1);
        foreach (double sigma in new[] { 5, 1, 0.1 })
            Assert.InRange((projected.Denoise(x, sigma) - plain.Denoise(x, sigma)).abs().max().item<double>(), 0, 1e-12);
    }

    [Fact]
    public void Projected_guidance_is_its_algorithm_written_out_over_a_walk()
    {
        const double w = 4, eta = 0.3, r = 0.2, beta = -0.6;
        using var scope = NewDisposeScope();
        var guidance = new ProjectedGuidance { Weight = w, Eta = eta, NormThreshold = r, Momentum = beta };
        using var guided = new ClassMixture().Guided(guidance, 1);
        double[] x = [0.3, -0.9, 1.4], before = [0, 0, 0];
        int shortened = 0;
        foreach (double sigma in new[] { 3, 1, 0.3, 0.1 })
        {
            double[] d = Own(x, sigma, 1), d0 = Own(x, sigma, ClassMixture.NoLabel);
            double[] u = [.. d.Select((value, i) => value - d0[i] + beta * before[i])];
            before = u;
            double norm = Math.Sqrt(u.Sum(value => value * value)), scale = Math.Min(1, r / norm);
            shortened += scale < 1 ? 1 : 0;
            u = [.. u.Select(value => value * scale)];
            double length = Math.Sqrt(d.Sum(value => value * value)), dot = u.Select((value, i) => value * d[i] / length).Sum();
            double[] along = [.. d.Select(value => dot * value / length)];
            double[] expected = [.. d.Select((value, i) => value + (w - 1) * (u[i] - along[i] + eta * along[i]))];
            double[] actual = guided.Denoise(tensor(x, [1, 1, 1, 3]), sigma).data<double>().ToArray();
            for (int i = 0; i < 3; i++)
                Assert.Equal(expected[i], actual[i], 1e-12);
        }
        Assert.InRange(shortened, 1, 3);
    }

    [Fact]
    public void A_walk_remembers_nothing_of_another()
    {
        using var scope = NewDisposeScope();
        var x = SolverInputs.Start(1, 2, 3);
        var guidance = new ProjectedGuidance { Weight = 3 };
        Tensor Twice()
        {
            using var guided = new ClassMixture().Guided(guidance, 0);
            guided.Denoise(x, 2);
            return guided.Denoise(x, 1);
        }
        var first = Twice();
        AssertSame(first, Twice());
        using var fresh = new ClassMixture().Guided(guidance, 0);
        Assert.True((first - fresh.Denoise(x, 1)).abs().max().item<double>() > 1e-6);
    }

    [Theory, MemberData(nameof(Names))]
    public void An_image_does_not_depend_on_its_batch(string kind)
    {
        using var scope = NewDisposeScope();
        var x = SolverInputs.Start(2, 3, 4);
        long[] labels = [0, 1, 1];
        Tensor[] Walk(int from, int count)
        {
            var mixture = new ClassMixture();
            using var guided = Guidance.Named(kind, kind == "cfg++" ? 0.8 : 4, rescale: 0.7)
                .Wrap(mixture.For(labels[from..(from + count)]), mixture.Unconditional(), GaussianMixtureDenoiser.TwoModes);
            return [.. new[] { 2, 0.5 }.Select(sigma => guided.Estimate(x.narrow(0, from, count), sigma).Denoised)];
        }
        var all = Walk(0, 3);
        for (int i = 0; i < 3; i++)
        {
            var alone = Walk(i, 1);
            for (int at = 0; at < alone.Length; at++)
                // sums add in another order
                Assert.InRange((all[at].narrow(0, i, 1) - alone[at]).abs().max().item<double>(), 0, 1e-12);
        }
    }

    [Fact]
    public void Autoguidance_by_the_model_itself_is_no_guidance_and_by_another_its_formula()
    {
        using var scope = NewDisposeScope();
        var x = SolverInputs.Start(1, 4, 2);
        var own = new ClassMixture().For(1).Denoise(x, 0.6);
        using var same = new Autoguidance { Weight = 3 }.Wrap(new ClassMixture().For(1), null, new ClassMixture().For(1));
        AssertSame(own, same.Denoise(x, 0.6));
        var weaker = GaussianMixtureDenoiser.TwoModes;
        using var other = new Autoguidance { Weight = 3 }.Wrap(new ClassMixture().For(1), weaker: weaker);
        var weak = weaker.Denoise(x, 0.6);
        Assert.InRange((other.Denoise(x, 0.6) - (weak * -2 + own * 3)).abs().max().item<double>(), 0, 1e-12);
    }

    [Fact]
    public void What_means_nothing_is_refused_with_its_remedy()
    {
        void Refused(string message, Action act) =>
            Assert.Contains(message, Assert.Throws<MezzotintException>(act).Message, StringComparison.Ordinal);
        var mixture = new ClassMixture();
        Refused("'cgf' is not known; did you mean 'cfg'? There are cfg, cfg++, apg, auto.", () => Guidance.Named("cgf", 2));
        Refused("guidance = -0.1: must be 0 to 1000", () => Guidance.Named("cfg", -0.1));
        Refused("guidance = NaN", () => Guidance.Named("auto", double.NaN));
        Refused("guidance = 2: must be 0 to 1 for the kind cfg++", () => Guidance.Named("cfg++", 2));
        Refused("guidance_rescale = 1.5", () => Guidance.Named("cfg", 2, 1.5));
        Refused("guidance_interval = 3,2", () => Guidance.Named("cfg", 2, 0, 3, 2));
        Refused("momentum = 1", () => new ProjectedGuidance { Momentum = 1 }.Validate());
        Refused("norm_threshold = 0", () => new ProjectedGuidance { NormThreshold = 0 }.Validate());
        Refused("label_dropout = 0.1", () => new ClassifierFreeGuidance { Weight = 2 }.Wrap(mixture.For(1)));
        Refused("name that model too", () => new Autoguidance { Weight = 2 }.Wrap(mixture.For(1), mixture.Unconditional()));
        using var none = new ClassifierFreeGuidance().Wrap(mixture.For(1)); // no guidance needs nothing
    }

    [Fact]
    public void A_guidance_says_what_it_is()
    {
        Assert.Equal("cfg 2", Guidance.Named("cfg", 2).ToString());
        Assert.Equal("cfg++ 0.6, rescale 0.7, levels 0.2 to 5.5", Guidance.Named("cfg++", 0.6, 0.7, 0.2, 5.5).ToString());
        Assert.Equal(Guidance.Named("apg", 3), Guidance.Named("apg", 3));
    }

    private static double[] Own(double[] x, double sigma, long label) =>
        new ClassMixture().For(label).Denoise(tensor(x, [1, 1, 1, x.Length]), sigma).data<double>().ToArray();

    private static void AssertSame(Tensor expected, Tensor actual) =>
        Assert.Equal(expected.contiguous().data<double>().ToArray(), actual.contiguous().data<double>().ToArray());
}
