using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using Mezzotint.Tests.Noise;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Evaluation;

public class VariationalBoundTests
{
    private static readonly GaussianMixtureDenoiser Mixture = GaussianMixtureDenoiser.TwoModes;

    private static readonly IReadOnlyDictionary<string, NoiseProcess> Processes = Mezzotint.Tests.Noise.Processes.OfWideRange;

    private static readonly PixelScaling Pixels = new() { Mean = 0.5, Scale = 0.2 };

    public static TheoryData<string> Names { get; } = [.. Processes.Keys];

    [Theory, MemberData(nameof(Names))]
    public void Of_the_true_denoiser_the_bound_is_the_density(string process)
    {
        // The walk of the true denoiser is the noising backwards, so nothing is lost on the way.
        using var scope = NewDisposeScope();
        using var threads = new WorkerThreads(2);
        var images = Images(count: 256, side: 2);
        var bound = Of(Processes[process], Mixture).Evaluate(images, threads);
        double[] errors = [.. bound.LogDensities.Zip(Truth(images), (found, truth) => found - truth)];
        double mean = errors.Average(), error = Math.Sqrt(errors.Average(e => (e - mean) * (e - mean)) / errors.Length);
        // nats, for 4 pixels; at the least level, 0.03 of VE, a little is lost: the image is not quite what stands there
        Assert.InRange(mean, -4 * error - 0.1, 4 * error);
        Assert.InRange(error, 0, 0.15);
    }

    [Fact]
    public void Of_a_wrong_denoiser_it_is_less()
    {
        using var scope = NewDisposeScope();
        using var threads = new WorkerThreads(2);
        var images = Images(count: 100, side: 4);
        var right = Of(Processes["EDM"], Mixture).Evaluate(images, threads);
        var wrong = Of(Processes["EDM"], new GaussianMixtureDenoiser([1], [0], [0.5])).Evaluate(images, threads);
        Assert.True(wrong.MeanLogDensity < right.MeanLogDensity - 0.5, $"{wrong.MeanLogDensity} beside {right.MeanLogDensity}");
    }

    [Fact]
    public void An_image_has_the_same_bound_whatever_the_threads_and_the_images_behind_it()
    {
        using var scope = NewDisposeScope();
        var images = Images(count: 70, side: 4);
        var bound = Of(Processes["EDM"], Mixture) with { Draws = 10 };
        using var one = new WorkerThreads(1);
        using var three = new WorkerThreads(3);
        var alone = bound.Evaluate(images.Pick([.. Enumerable.Range(0, 64)]), one);
        Assert.Equal(alone.LogDensities, bound.Evaluate(images, three).LogDensities.Take(64));
    }

    [Fact]
    public void More_draws_have_no_other_mean()
    {
        using var scope = NewDisposeScope();
        using var threads = new WorkerThreads(2);
        var images = Images(count: 300, side: 2);
        double Mean(int draws) => (Of(Processes["EDM"], Mixture) with { Draws = draws }).Evaluate(images, threads).MeanLogDensity;
        double few = Mean(25), many = Mean(400);
        Assert.InRange(few - many, -1.2, 1.2); // nats: over three times the deviation of 25 draws
    }

    [Fact]
    public void A_denoiser_is_freed_after_its_images()
    {
        using var threads = new WorkerThreads(2);
        int made = 0, freed = 0;
        var bound = Of(Processes["EDM"], Mixture) with
        {
            Draws = 2,
            DenoiserOf = _ =>
            {
                Interlocked.Increment(ref made);
                return new Freed(() => Interlocked.Increment(ref freed));
            },
        };
        Assert.Equal(140, bound.Evaluate(Images(count: 70, side: 2), threads).Evaluations);
        Assert.Equal((3, 3), (made, freed));
    }

    [Fact]
    public void Estimates_that_are_no_numbers_are_said_and_a_stop_is_heard()
    {
        using var threads = new WorkerThreads(1);
        var images = Images(count: 3, side: 2);
        var bound = Of(Processes["EDM"], Mixture) with { Draws = 3 };
        var message = Assert.Throws<MezzotintException>(
            () => (bound with { DenoiserOf = _ => new Freed(() => { }, double.NaN) }).Evaluate(images, threads)).Message;
        Assert.StartsWith("The density of image 0 is not finite", message, StringComparison.Ordinal);
        using var source = new CancellationTokenSource();
        source.Cancel();
        Assert.Throws<OperationCanceledException>(() => bound.Evaluate(images, threads, cancellation: source.Token));
    }

    [Fact]
    public void What_is_out_of_range_is_refused()
    {
        using var threads = new WorkerThreads(1);
        var images = Images(count: 1, side: 2);
        var bound = Of(Processes["EDM"], Mixture);
        Assert.Throws<ArgumentException>(() => (bound with { Draws = 0 }).Evaluate(images, threads));
        Assert.Throws<ArgumentException>(() => (bound with { Seed = -1 }).Evaluate(images, threads));
        Assert.Throws<ArgumentException>(() => bound.Evaluate(images.Pick([]), threads));
    }

    private static VariationalBound Of(NoiseProcess process, GaussianMixtureDenoiser denoiser) => new()
    {
        DenoiserOf = _ => denoiser, Process = process, Draws = 400, Seed = 3,
        Pixels = Pixels,
    };

    /// <summary>Pixels that the mixture drew.</summary>
    private static ImageSet Images(int count, int side)
    {
        using var scope = NewDisposeScope();
        double[] drawn = Mixture.Draw(0, count, side * side, seed: 4).to(float64).flatten().data<double>().ToArray();
        byte[] pixels = [.. drawn.Select(y => (byte)Math.Clamp(Math.Round(255 * (y * Pixels.Scale + Pixels.Mean)), 0, 255))];
        return new ImageSet("drawn", pixels, new byte[count], 1, side, side, ["a"]);
    }

    /// <summary>The mixture's own density of the dequantised pixels.</summary>
    private static IEnumerable<double> Truth(ImageSet images) => Enumerable.Range(0, images.Count).Select(image =>
    {
        using var scope = NewDisposeScope();
        using var generator = RandomSeeds.Generator(3, RandomPurpose.Dequantisation, image);
        var y = Likelihood.Dequantised(images, image, Pixels, generator);
        return Mixture.LogDensity(y, 0).item<double>() - y.numel() * Math.Log(Pixels.Scale);
    });

    private sealed class Freed(Action freed, double factor = 1) : IDenoiser, IDisposable
    {
        public Tensor Denoise(Tensor x, double sigma) => x.mul(factor);

        public void Dispose() => freed();
    }
}
