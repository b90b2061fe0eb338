using CsCheck;
using Mezzotint.Noise;
using Mezzotint.Tests.Noise;
using Mezzotint.Training;

namespace Mezzotint.Tests.Training;

/// <summary>Weightings, times and learning rates in plain numbers.</summary>
public class TrainingChoicesTests
{
    private static readonly Edm Process = new();

    /// <summary>The weight of |D - x_0|^2, told from that of the output of a network that predicts the image itself.</summary>
    private static double Weight(LossWeighting weighting, double level) =>
        weighting.OfOutput(level, new ImageParameterisation().At(Process, level));

    [Fact]
    public void Weights_are_the_papers()
    {
        foreach (double level in new[] { 0.003, 0.1, 0.5, 1, 3, 70 })
        {
            double snr = 1 / (level * level);
            Assert.Equal(snr, Weight(new SeedWeighting(), level), 1e-12 * snr);
            Assert.Equal(
                (level * level + 0.16) / (level * level * 0.16), Weight(new EdmWeighting { DataStd = 0.4 }, level),
                1e-12 * (snr + 10));
            Assert.Equal(Math.Min(snr, 5), Weight(new MinSnrWeighting(), level), 1e-12);
            Assert.Equal(snr * 4 / (snr + 4), Weight(new SoftMinSnrWeighting(), level), 1e-12);
            Assert.Equal(snr / (1 + snr), Weight(new P2Weighting(), level), 1e-12);
            Assert.Equal(snr / Math.Sqrt(2 + snr), Weight(new P2Weighting { K = 2, Gamma = 0.5 }, level), 1e-12 * snr);
            Assert.Equal(Weight(new SeedWeighting(), level), Weight(new P2Weighting { Gamma = 0 }, level));
        }
    }

    [Fact]
    public void The_simple_loss_is_the_seeds_for_predicted_noise_and_edms_for_its_preconditioning()
    {
        foreach (double level in new[] { 0.01, 0.4, 6.0 })
        {
            Assert.Equal(1, new SeedWeighting().OfOutput(level, new EpsilonParameterisation().At(Process, level)), 1e-12);
            Assert.Equal(1, new SeedWeighting().OfOutput(level, new ScoreParameterisation().At(Process, level)), 1e-12);
            Assert.Equal(
                1, new EdmWeighting { DataStd = 0.3 }.OfOutput(
                    level, new EdmPreconditioning { DataStd = 0.3 }.At(Process, level)), 1e-12);
            Assert.Equal(1, new SimpleWeighting().OfOutput(level, new ImageParameterisation().At(Process, level)));
        }
    }

    public static TheoryData<TimeDistribution> Distributions =>
        [new UniformTimes(), new LogNormalLevels(), new LogNormalLevels { Mean = 8, Std = 5 }, new LogitNormalTimes(),
        new LogitNormalTimes { Mean = -2, Std = 3 }];

    [Theory, MemberData(nameof(Distributions))]
    public void Times_rise_with_the_uniform_number_and_stay_in_the_range_of_any_process(TimeDistribution distribution) =>
        Gen.Select(Processes.Any, Gen.Double[0, 1], Gen.Double[0, 1]).Sample((process, u, v) =>
        {
            double low = distribution.Time(process, Math.Min(u, v)), high = distribution.Time(process, Math.Max(u, v));
            Assert.InRange(low, process.MinimumTime, process.MaximumTime * (1 + 1e-12));
            Assert.InRange(high, low - 1e-9 * Math.Abs(low), process.MaximumTime * (1 + 1e-12));
        }, iter: 300);

    [Fact]
    public void Log_normal_levels_and_logit_normal_times_have_their_quantiles()
    {
        // One standard deviation above the mean is the quantile 0.8413447460685429.
        const double above = 0.8413447460685429;
        Assert.Equal(Math.Exp(-1.2), new LogNormalLevels().Time(Process, 0.5), 1e-9);
        Assert.Equal(1, new LogNormalLevels().Time(Process, above), 1e-9);
        var flow = new FlowMatching();
        Assert.Equal(Math.Exp(0.5) / (1 + Math.Exp(0.5)), new LogNormalLevels { Mean = -0.5, Std = 1 }.Time(flow, above), 1e-9);
        double s = 1 / (1 + Math.Exp(-0.7));
        Assert.Equal(
            flow.MinimumTime + (flow.MaximumTime - flow.MinimumTime) * s,
            new LogitNormalTimes { Mean = 0.2, Std = 0.5 }.Time(flow, above), 1e-9);
    }

    [Fact]
    public void A_low_share_is_even_in_the_logarithm_from_the_least_level_to_the_mean()
    {
        var process = new Edm { MinimumTime = 1e-3 };
        var times = new LogNormalLevels { Mean = -2, Std = 1, LowShare = 0.25 };
        Assert.Equal(1e-3, times.Time(process, 0), 1e-12);
        Assert.Equal((Math.Log(1e-3) - 2) / 2, Math.Log(times.Time(process, 0.125)), 1e-9);
        Assert.Equal(-2, Math.Log(times.Time(process, 0.25 * (1 - 1e-12))), 1e-9);
        Assert.Equal(-2, Math.Log(times.Time(process, 0.625)), 1e-9);                                   // the middle of the rest
        Assert.Equal(-1, Math.Log(times.Time(process, 0.25 + 0.75 * 0.8413447460685429)), 1e-9);
        Assert.Contains(
            "times.low_share", Assert.Throws<MezzotintException>(new LogNormalLevels { LowShare = 1 }.Validate).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Stratified_times_have_one_in_each_part()
    {
        var process = new VarianceExploding { MinimumTime = 1e-9 };
        double[] uniform = [0.9, 0.1, 0.5, 0];
        double[] times = new UniformTimes { Stratified = true }.Times(process, uniform);
        Assert.Equal([0.225, 0.275, 0.625, 0.75], times, (a, b) => Math.Abs(a - b) < 1e-8);
        Assert.Equal(uniform, new UniformTimes().Times(process, uniform), (a, b) => Math.Abs(a - b) < 1e-8);
    }

    [Fact]
    public void Learning_rates_follow_their_curves()
    {
        Assert.All(Enumerable.Range(1, 100), n => Assert.Equal(1, new ConstantRate().Factor(n, 100)));
        Assert.Equal([0.25, 0.5, 0.75, 1, 1], Enumerable.Range(1, 5).Select(n => new ConstantRate { WarmUp = 4 }.Factor(n, 100)));
        Assert.Equal(
            [1, 0.55, 0.1], new long[] { 1, 51, 101 }.Select(n => new LinearRate { Final = 0.1 }.Factor(n, 101)), (a, b) =>
                Math.Abs(a - b) < 1e-12);
        Assert.Equal(
            [1, 0.6, 0.2], new long[] { 1, 51, 101 }.Select(n => new CosineRate { Final = 0.2 }.Factor(n, 101)), (a, b) =>
                Math.Abs(a - b) < 1e-12);
        Assert.Equal([1, 1, 0.5], new long[] { 1, 100, 400 }.Select(n => new InverseSquareRootRate { From = 100 }.Factor(n, 5)));
        // Up in a tenth of 40 steps, at 1 with the fifth, at the middle of the fall after half of the other 36.
        Assert.Equal(
            [0.25, 0.5, 0.75, 1, 1, 0.6],
                new long[] { 1, 2, 3, 4, 5, 23 }.Select(n => new OneCycleRate { Rise = 0.1, Final = 0.2 }.Factor(n, 40)),
            (a, b) => Math.Abs(a - b) < 1e-12);
        foreach (LearningRateSchedule schedule in new LearningRateSchedule[]
            { new LinearRate(), new CosineRate(), new OneCycleRate(), new InverseSquareRootRate(), new ConstantRate() })
            // a training of a single step, and one that went on
            Assert.All(new long[] { 1, 2, 3 }, n => Assert.InRange(schedule.Factor(n, 1), 0, 1));
    }
}
