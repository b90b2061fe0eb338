using CsCheck;
using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using Mezzotint.Tests.Noise;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Evaluation;

public class LikelihoodTests
{
    private static readonly GaussianMixtureDenoiser Mixture = GaussianMixtureDenoiser.TwoModes;

    /// <summary>The range is wide enough for the mixture to vanish in the prior, which is part of the model: at the seed's 9.8 it
    /// does not quite.</summary>
    private static readonly IReadOnlyDictionary<string, NoiseProcess> Processes = Mezzotint.Tests.Noise.Processes.OfWideRange;

    public static TheoryData<string> Names { get; } = [.. Processes.Keys];

    [Theory, MemberData(nameof(Names))]
    public void The_mixture_has_its_closed_form_within_half_a_per_cent_by_the_exact_trace(string process)
    {
        using var scope = NewDisposeScope();
        var (x, truth) = Drawn(Processes[process], count: 64, pixels: 4);
        // 200 steps, for flow has six orders of magnitude to walk; in 100 it is 0.8 % off, the others less than 0.5.
        var likelihood = Of(Processes[process], TraceMethod.Exact) with { Levels = Inversion.LevelsOf(Processes[process], 200) };
        double[] found = Numbers(likelihood.LogDensity(Mixture, x));
        Assert.InRange(found.Average() / truth.Average(), 0.995, 1.005);
        Assert.All(found.Zip(truth), pair => Assert.Equal(pair.Second, pair.First, 0.03)); // nats, for 4 pixels
    }

    [Theory, MemberData(nameof(Names))]
    public void Hutchinsons_trace_has_no_bias_within_its_standard_error(string process)
    {
        using var scope = NewDisposeScope();
        var (x, truth) = Drawn(Processes[process], count: 200, pixels: 4);
        double[] exact = Numbers(Of(Processes[process], TraceMethod.Exact).LogDensity(Mixture, x));
        double[] estimated = Numbers(Of(Processes[process], TraceMethod.Hutchinson).LogDensity(Mixture, x));
        double[] errors = [.. estimated.Zip(exact, (e, t) => e - t)];
        double standardError = Deviation(errors) / Math.Sqrt(errors.Length);
        Assert.InRange(Math.Abs(errors.Average()), 0, 4 * standardError);
        Assert.True(standardError > 1e-4, "In the mixture a probe does not see the whole trace.");
        Assert.InRange(Math.Abs(estimated.Average() - truth.Average()), 0, 4 * standardError + 0.005 * Math.Abs(truth.Average()));
    }

    [Fact]
    public void Sixteen_probes_have_a_quarter_of_the_error_of_one()
    {
        using var scope = NewDisposeScope();
        var (x, _) = Drawn(Processes["EDM"], count: 300, pixels: 4);
        var one = Of(Processes["EDM"], TraceMethod.Hutchinson) with { Levels = Inversion.LevelsOf(Processes["EDM"], 20) };
        double[] exact = Numbers((one with { Trace = TraceMethod.Exact }).LogDensity(Mixture, x));
        double[] Estimated(int probes) => Numbers((one with { Probes = probes }).LogDensity(Mixture, x));
        double ErrorOf(int probes) => Deviation([.. Estimated(probes).Zip(exact, (e, t) => e - t)]);
        Assert.InRange(ErrorOf(1) / ErrorOf(16), 3, 5.5);
    }

    [Fact]
    public void A_gaussian_has_its_own_density()
    {
        // Its flow is linear, x ~ sqrt(s^2 + sigma^2); to 1e4 the prior is right to 1e-9.
        using var scope = NewDisposeScope();
        var gaussian = new GaussianMixtureDenoiser([1], [0], [0.7]);
        var process = new Edm { MaximumSigma = 1e4 };
        var x = gaussian.Draw(process.MinimumLevel, 8, 3, seed: 5);
        var likelihood = Of(process, TraceMethod.Exact) with { Solver = Solvers.Dopri5(1e-10, 1e-10) };
        double variance = 0.7 * 0.7 + process.MinimumLevel * process.MinimumLevel;
        double[] truth = Numbers(x.pow(2).flatten(1).sum(1).mul(-0.5 / variance).sub(1.5 * Math.Log(2 * Math.PI * variance)));
        Assert.All(Numbers(likelihood.LogDensity(gaussian, x)).Zip(truth), pair => Assert.Equal(pair.Second, pair.First, 1e-6));
    }

    [Fact]
    public void Bits_are_those_of_the_dequantised_noisy_pixels_whatever_their_scaling()
    {
        // ln p of (pixel + u - 1/2) / 255 + s z, for a Gaussian about 0.5: in the model's numbers, (y - mean) / scale, its
        // deviation is another.
        using var scope = NewDisposeScope();
        using var threads = new WorkerThreads(2);
        var images = Noise(count: 3, side: 4);
        const double std = 0.3, least = 0.02;
        foreach (
            var pixels in new PixelScaling[]
                { new(), new() { Mean = 0.5, Scale = 0.5 }, new() { Mean = 0.1307, Scale = 0.3081 } })
        {
            var process = new Edm { MinimumTime = least / pixels.Scale, MaximumSigma = 1e4 };
            var likelihood = new Likelihood
            {
                DenoiserOf = _ => new GaussianMixtureDenoiser([1], [(0.5 - pixels.Mean) / pixels.Scale], [std / pixels.Scale]),
                Process = process, Pixels = pixels, Seed = 9, Trace = TraceMethod.Exact, Solver = Solvers.Dopri5(1e-9, 1e-9),
            };
            var result = likelihood.Evaluate(images, threads);
            Assert.Equal(16, result.Dimensions);
            for (int i = 0; i < 3; i++)
            {
                using var generator = RandomSeeds.Generator(9, RandomPurpose.Dequantisation, i);
                double[] u = Numbers(rand([16], float64, generator: generator));
                double[] z = Numbers(randn([16], float64, generator: generator));
                double[] y =
                [
                    .. images.Image(i).ToArray().Zip(u, z).Select(at => (at.First + at.Second - 0.5) / 255 + least * at.Third),
                ];
                double variance = std * std + least * least;
                double bits = Math.Log2(255)
                    + y.Sum(value =>
                        (value - 0.5) * (value - 0.5) / (2 * variance)
                            + 0.5 * Math.Log(2 * Math.PI * variance)) / 16 / Math.Log(2);
                Assert.Equal(bits, result.BitsOf(i), 1e-4);
            }
        }
    }

    [Fact]
    public void The_result_does_not_depend_on_batches_or_threads()
    {
        var images = Noise(count: 7, side: 4);
        double[] Evaluate(int batch, int count, TraceMethod trace)
        {
            using var threads = new WorkerThreads(count);
            return
            [
                .. (Of(new Edm(), trace) with { BatchSize = batch, Levels = Inversion.LevelsOf(new Edm(), 8) }).Evaluate(
                    images, threads).LogDensities,
            ];
        }
        var traces = new[] { TraceMethod.Hutchinson, TraceMethod.Exact }.ToDictionary(
            trace => trace, trace => Evaluate(7, 1, trace));
        Gen.Select(Gen.Int[1, 8], Gen.Int[1, 3], Gen.Bool).Sample((batch, threads, exact) =>
        {
            var trace = exact ? TraceMethod.Exact : TraceMethod.Hutchinson;
            Assert.All(
                Evaluate(batch, threads, trace).Zip(traces[trace]),
                pair => Assert.Equal(pair.Second, pair.First, 1e-8 * Math.Abs(pair.Second)));
        }, iter: 12, threads: 1);
    }

    [Fact]
    public void Each_image_is_asked_about_as_what_it_shows()
    {
        var noise = Noise(count: 7, side: 4);
        var images = new ImageSet("noise", noise.Pixels, [0, 1, 1, 0, 0, 1, 0], 1, 4, 4, ["a", "b"]);
        using var threads = new WorkerThreads(1); // takes the parts in their order
        var parts = new List<ImageSet>();
        var likelihood = Of(new Edm(), TraceMethod.Hutchinson) with { BatchSize = 3, Levels = Inversion.LevelsOf(new Edm(), 2) };
        (likelihood with { DenoiserOf = part => Seen(part) }).Evaluate(images, threads);
        Assert.Equal([3, 3, 1], parts.Select(part => part.Count));
        Assert.Equal(images.Labels, parts.SelectMany(part => part.Labels));
        Assert.Equal(images.Pixels, parts.SelectMany(part => part.Pixels));

        IDenoiser Seen(ImageSet part)
        {
            parts.Add(part);
            return Mixture;
        }
    }

    [Fact]
    public void Progress_ends_at_the_total_and_a_stop_is_heeded()
    {
        using var threads = new WorkerThreads(2);
        var likelihood = Of(new Edm(), TraceMethod.Hutchinson) with { BatchSize = 2, Levels = Inversion.LevelsOf(new Edm(), 8) };
        var reports = new System.Collections.Concurrent.ConcurrentBag<SamplingProgress>();
        var result = likelihood.Evaluate(Noise(5, 4), threads, new Reported(reports.Add));
        Assert.Equal((5 * 16, 5 * 16L), (result.Evaluations, reports.Max(report => report.Evaluations)));
        Assert.All(reports, report => Assert.Equal(5 * 16, report.TotalEvaluations));
        Assert.Throws<OperationCanceledException>(() =>
            likelihood.Evaluate(Noise(5, 4), threads, cancellation: new CancellationToken(true)));
    }

    [Fact]
    public void Mean_and_standard_error_are_over_images()
    {
        var result = new LikelihoodResult { LogDensities = [-10, -14, -12], Dimensions = 2, Evaluations = 0 };
        Assert.Equal(Math.Log2(255) + 12 / (2 * Math.Log(2)), result.BitsPerDimension, 1e-12);
        Assert.Equal(2 / Math.Sqrt(3) / (2 * Math.Log(2)), result.StandardError!.Value, 1e-12);
        Assert.Null((result with { LogDensities = [-10] }).StandardError);
    }

    [Fact]
    public void What_cannot_be_is_refused_with_its_reason()
    {
        using var scope = NewDisposeScope();
        using var threads = new WorkerThreads(1);
        var good = Of(new Edm(), TraceMethod.Hutchinson);
        void Refused<T>(Likelihood likelihood, string why) where T : Exception =>
            Assert.Contains(
                why, Assert.Throws<T>(() => likelihood.Evaluate(Noise(1, 4), threads)).Message, StringComparison.Ordinal);
        Refused<MezzotintException>(good with { Solver = Solvers.Ddpm() }, "Sampler 'ddpm' draws noise");
        Refused<MezzotintException>(good with { Levels = [40, 1, 0.002] }, "These levels begin at 40");
        Refused<ArgumentException>(good with { Levels = [80, 0] }, "at least two");
        Refused<ArgumentException>(good with { Levels = [0.002, 1, 80] }, "which rise");
        Refused<ArgumentException>(good with { Probes = 0 }, "0 probes");
        Refused<ArgumentException>(good with { BatchSize = 0 }, "A batch of 0");
        Refused<ArgumentException>(good with { Seed = -1 }, "Seed -1");
        Refused<MezzotintException>(good with { Pixels = new PixelScaling { Scale = 0 } }, "pixels.scale");
        Refused<ArgumentException>(good with { DenoiserOf = _ => new Other(x => x.detach().clone()) }, "has no derivative");
        Refused<ArgumentException>(good with { DenoiserOf = _ => new Other(x => x.flatten(1)) }, "has the shape of its image");
        Refused<MezzotintException>(good with { DenoiserOf = _ => new Other(x => x * double.NaN) }, "is not finite");
        Assert.Contains(
            "at least one image", Assert.Throws<ArgumentException>(() => good.Evaluate(Noise(1, 4).Take(0), threads)).Message,
            StringComparison.Ordinal);
    }

    private static Likelihood Of(NoiseProcess process, TraceMethod trace) =>
        new() { DenoiserOf = _ => Mixture, Process = process, Trace = trace };

    /// <summary>Draws of the mixture with the noise of the least level on them, and ln p of each.</summary>
    private static (Tensor X, double[] Truth) Drawn(NoiseProcess process, int count, int pixels)
    {
        var x = Mixture.Draw(process.MinimumLevel, count, pixels, seed: 11);
        return (x, Numbers(Mixture.LogDensity(x, process.MinimumLevel)));
    }

    private static ImageSet Noise(int count, int side)
    {
        var stream = new RandomStream(3);
        byte[] pixels = [.. Enumerable.Range(0, count * side * side).Select(_ => (byte)(256 * stream.NextDouble()))];
        return new ImageSet("noise", pixels, new byte[count], 1, side, side, ["a"]);
    }

    private static double[] Numbers(Tensor numbers) => numbers.to(float64).data<double>().ToArray();

    private static double Deviation(double[] numbers) =>
        Math.Sqrt(numbers.Average(number => Math.Pow(number - numbers.Average(), 2)));

    private sealed class Other(Func<Tensor, Tensor> estimate) : IDenoiser
    {
        public Tensor Denoise(Tensor x, double sigma) => estimate(x);
    }

    private sealed class Reported(Action<SamplingProgress> handle) : IProgress<SamplingProgress>
    {
        public void Report(SamplingProgress value) => handle(value);
    }
}
