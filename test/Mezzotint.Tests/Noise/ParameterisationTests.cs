using CsCheck;
using Mezzotint.Noise;

namespace Mezzotint.Tests.Noise;

/// <summary>In plain numbers: an image x_0 and a noise z, what the paper's output would be, and what becomes of it.</summary>
public class ParameterisationTests
{
    private static readonly Parameterisation[] All =
        [
            new ScoreParameterisation(), new EpsilonParameterisation(), new ImageParameterisation(),
            new VelocityParameterisation(), new FlowParameterisation(), new EdmPreconditioning { DataStd = 0.4 },
        ];

    private static bool Fits(Parameterisation parameterisation, NoiseProcess process)
    {
        try
        {
            parameterisation.Validate(process);
            return true;
        }
        catch (MezzotintException)
        {
            return false;
        }
    }

    [Fact]
    public void The_right_output_becomes_the_right_image_for_every_pair_that_makes_sense() =>
        Gen.Select(Gen.Int[0, All.Length - 1].Select(i => All[i]), Processes.AnyMoment, Gen.Double[-1, 1], Gen.Double[-4, 4])
            .Sample((parameterisation, moment, image, z) =>
        {
            var (process, t) = moment;
            if (!Fits(parameterisation, process))
                return;
            double level = process.Level(t);
            var s = parameterisation.At(process, t);
            var target = s.Target(level);
            double output = target.Image * image + target.Noise * z;
            double denoised = s.Skip * (image + level * z) + s.Out * output;
            Assert.True(
                Math.Abs(denoised - image) < 1e-9 * (1 + level * Math.Abs(z)),
                $"{parameterisation} in {process} at {t}: {denoised} instead of {image}");
            Assert.True(double.IsFinite(s.Time) && s.In > 0);
        }, iter: 2000);

    [Fact]
    public void The_right_output_is_the_papers() =>
        Gen.Select(Processes.AnyMoment, Gen.Double[-1, 1], Gen.Double[-4, 4]).Sample((moment, image, z) =>
        {
            var (process, t) = moment;
            double alpha = process.Alpha(t), std = process.Std(t), level = process.Level(t);
            void Check(Parameterisation parameterisation, double expected)
            {
                if (!Fits(parameterisation, process))
                    return;
                var s = parameterisation.At(process, t);
                var target = s.Target(level);
                double actual = target.Image * image + target.Noise * z;
                Assert.True(
                    Math.Abs(actual - expected) <= 1e-7 * (1 + Math.Abs(expected)),
                    $"{parameterisation} in {process} at {t}: {actual} instead of {expected}");
                Assert.Equal(alpha, s.In, 1e-12);                // the network sees x_t itself
            }
            Check(new ScoreParameterisation(), -z);
            Check(new EpsilonParameterisation(), z);
            Check(new ImageParameterisation(), image);
            Check(new VelocityParameterisation(), alpha * z - std * image);
            Check(new FlowParameterisation(), z - image);
        }, iter: 2000);

    [Fact]
    public void Edm_gives_and_takes_numbers_of_unit_variance() =>
        Gen.Select(Gen.Double[0.05, 3], Gen.Double[-7, 7]).Sample((d, logLevel) =>
        {
            // Var x_0 = d^2, Var z = 1, independent: Karras et al. 2022, equations 114 to 131.
            double level = Math.Exp(logLevel);
            var s = new EdmPreconditioning { DataStd = d }.At(new Edm { MinimumTime = 1e-4, MaximumSigma = 2000 }, level);
            var (image, noise) = s.Target(level);
            Assert.Equal(1, s.In * s.In * (d * d + level * level), 1e-12);
            Assert.Equal(1, image * image * d * d + noise * noise, 1e-9);
            Assert.Equal(logLevel / 4, s.Time, 1e-12);
        });

    [Fact]
    public void V_of_unit_images_is_edms_but_for_its_sign_in_any_vp()
    {
        var process = new VariancePreserving { Schedule = new CosineSchedule() };
        foreach (double t in new[] { 0.01, 0.3, 0.7, 0.99 })
        {
            var v = new VelocityParameterisation().At(process, t);
            var edm = new EdmPreconditioning { DataStd = 1 }.At(process, t);
            Assert.Equal(edm.Skip, v.Skip, 1e-12);
            Assert.Equal(edm.Out, -v.Out, 1e-12);
            Assert.Equal(edm.In, v.In, 1e-12);
        }
    }

    public static TheoryData<string, string> Pairs { get; } = new()
    {
        { "variance-exploding", "score epsilon x0 edm" }, { "edm", "score epsilon x0 edm" },
        { "linear", "score epsilon x0 v edm" },
        { "cosine", "x0 v edm" }, { "cosine-table", "score epsilon x0 v edm" },
        { "scaled-linear-zero-terminal-table", "x0 v edm" },
        { "linear-zero-terminal", "x0 v edm" }, { "sub-variance-preserving", "score epsilon x0 edm" }, { "flow", "x0 flow edm" },
    };

    [Theory, MemberData(nameof(Pairs))]
    public void Pairs_that_make_no_sense_are_refused_with_what_to_take_instead(string process, string fitting)
    {
        string[] names = ["score", "epsilon", "x0", "v", "flow", "edm"];
        for (int i = 0; i < All.Length; i++)
        {
            if (fitting.Split(' ').Contains(names[i]))
                All[i].Validate(Processes.All[process]);
            else
                Assert.Matches(
                    $"^parameterisation.kind = {names[i]}: .+ Take .+",
                    Assert.Throws<MezzotintException>(() => All[i].Validate(Processes.All[process])).Message);
        }
    }

    [Fact]
    public void Normal_quantiles_are_those_of_the_tables()
    {
        // Python 3.11, statistics.NormalDist().inv_cdf (Wichura's AS 241).
        foreach (
            var (p, z) in new[]
            {
                (0.5, 0.0), (0.975, 1.9599639845400536), (0.1, -1.2815515655446008), (1e-9, -5.997807015007686),
                (0.001, -3.090232306167813), (0.9999, 3.7190164854557084),
            })
            Assert.Equal(z, NormalDistribution.Quantile(p), 1e-12);
        Assert.Throws<ArgumentOutOfRangeException>(() => NormalDistribution.Quantile(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => NormalDistribution.Quantile(1));
    }
}
