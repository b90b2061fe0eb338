using Mezzotint.Data;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using static TorchSharp.torch;

namespace Mezzotint.Evaluation;

/// <summary>
/// The variational lower bound of the density that a model gives an image, in continuous time: the bits of the random walk that
/// takes the noise off again. With noise of the levels s to S,
/// -ln p(y) &lt;= KL(q(x_S | y) | p(x_S)) + the integral of E|y - D(y + sigma z)|^2 / sigma^3 over sigma from s to S + E[-ln
/// p(y | x_s)], where p(y | x_s) is the Gaussian N(x_s, s^2 I).
/// </summary>
/// <remarks>
/// Kingma et al. 2021, "Variational Diffusion Models", arXiv 2107.00630, equations 11 and 18 (the integral, written with the
/// signal-to-noise ratio 1 / sigma^2); Song et al. 2021, arXiv 2101.09258, theorem 3. The integral is a mean over random levels,
/// so it has no error of steps, and none is extrapolated: the estimate has no bias, whatever <see cref="Draws"/> is. No gradient
/// is needed either, so it is much faster than <see cref="Likelihood"/>. That is the density of another sampler, the flow; where
/// the network is exact, the two are the same.
/// </remarks>
public sealed record VariationalBound
{
    /// <summary>Images that share their levels: a fixed number, so that nothing depends on threads.</summary>
    private const int Block = 32;

    /// <summary>What a figure means, in one line.</summary>
    public const string Convention = "bits/dim = log2 255 - b / (n ln 2), b the bound of ln p(y) of n pixels y = (pixel + u - "
        + "1/2) / 255, u uniform in [0, 1); the last step ends at the model's least level of noise";

    /// <summary>Gives a denoiser for a part of the images, bound to what they show. Several threads call this at once. What
    /// can be disposed of is, after these images.</summary>
    public required Func<ImageSet, IDenoiser> DenoiserOf { get; init; }

    /// <summary>The process that the network was trained in.</summary>
    public required NoiseProcess Process { get; init; }

    /// <summary>The levels at which an image is asked about, one in each of so many equal parts of ln sigma: 1 or more.</summary>
    public int Draws { get; init; } = 100;

    /// <summary>Of levels, noise and what fills the steps between pixel values: 0 to 2^32 - 1.</summary>
    public long Seed { get; init; } = 42;

    /// <summary>How pixels became the numbers that the network was trained on.</summary>
    public ImageCodec Pixels { get; init; } = new PixelScaling();

    /// <summary>Where the denoiser works; by default the CPU.</summary>
    public Device? Device { get; init; }

    /// <summary>That of a model as it was read.</summary>
    /// <param name="model">The model; it stays the caller's.</param>
    public static VariationalBound Of(LoadedModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return new()
        {
            DenoiserOf = images => new Fast(
                model.CreateDenoiser(gradients: false),
                Condition.OfLabels(images.Labels.Select(label => (int)label), model.Device)),
            Process = model.Info.Process,
            Pixels = model.Info.Pixels,
            Device = model.Device,
        };
    }

    /// <summary>The bound of each image. Its pixels are dequantised as <see cref="Likelihood"/> has it.</summary>
    /// <param name="images">One or more, with the labels of what they show.</param>
    /// <param name="threads">Images are shared out over these.</param>
    /// <param name="progress">Told after each level of each block, from the threads that work.</param>
    /// <param name="cancellation">Stops between two levels.</param>
    /// <exception cref="MezzotintException">The numbers of the model are no pixels, or a bound is not finite.</exception>
    /// <exception cref="ArgumentException">No images, no draws, or a seed out of its range.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public LikelihoodResult Evaluate(
        ImageSet images, WorkerThreads threads, IProgress<SamplingProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(threads);
        if (images.Count == 0)
            throw new ArgumentException("A likelihood is of at least one image.", nameof(images));
        Validate();
        return DensityRun.Of(
            images, Block, (long)images.Count * Draws, (first, count, asked) => OfBlock(images, first, count, asked),
            "the model's estimates are not.", threads, progress, cancellation);
    }

    /// <summary>Checks what can be checked before images are there.</summary>
    /// <exception cref="MezzotintException">The numbers of the model are no pixels.</exception>
    /// <exception cref="ArgumentException">A setting is out of its range.</exception>
    public void Validate()
    {
        if (Draws < 1)
            throw new ArgumentException($"{Draws} levels: the integral needs at least 1.");
        if (Seed is < 0 or > uint.MaxValue)
            throw new ArgumentException($"Seed {Seed}: it must lie between 0 and 4294967295.");
        Likelihood.CheckPixels(Pixels);
    }

    /// <summary>The bounds of a block of images, less the logarithm of the pixels' scale: ln p of pixels.</summary>
    private double[] OfBlock(ImageSet images, int first, int count, Action<int> asked)
    {
        using var scope = NewDisposeScope();
        int[] numbers = [.. Enumerable.Range(first, count)];
        Generator[] sources = [.. numbers.Select(image => RandomSeeds.Generator(Seed, RandomPurpose.Dequantisation, image))];
        try
        {
            var y = cat([.. numbers.Zip(sources, (image, source) => Likelihood.Dequantised(images, image, Pixels, source))])
                .to(Device ?? CPU);                                                                     // [B, C, H, W]
            long pixels = y.numel() / count;
            double least = Process.MinimumLevel, most = Process.MaximumLevel, range = Math.Log(most / least);
            var denoiser = DenoiserOf(images.Pick(numbers));
            using var owned = denoiser as IDisposable;
            double offset = rand([1], float64, generator: sources[0]).item<double>();
            var bound = Prior(y, Noise(sources, y), most, pixels).Plus(pixels * (0.5 + Math.Log(least * Math.Sqrt(2 * Math.PI))));
            for (int draw = 0; draw < Draws; draw++)
            {
                using var inner = NewDisposeScope();
                double level = least * Math.Exp(range * (draw + offset) / Draws);
                var noisy = y.Plus(level, Noise(sources, y));
                var error = denoiser.Denoise(noisy.to(float32), level).to(float64) - y;
                bound.AddInPlace(error.Over(level).Squared().flatten(1).sum(1).Times(range / Draws));
                asked(1);
            }
            return bound.Times(-1).Plus(-Math.Log(Pixels.PixelsPerNumber!.Value) * pixels).cpu().data<double>().ToArray();
        }
        finally
        {
            foreach (var source in sources)
                source.Dispose();
        }
    }

    /// <summary>ln q(x_S | y) - ln p(x_S) at one draw of x_S = y + S z: [B].</summary>
    private Tensor Prior(Tensor y, Tensor z, double most, long pixels)
    {
        double alpha = Process.Alpha(Process.MaximumTime); // the prior is over alpha xHat
        var q = z.Squared().flatten(1).sum(1).Times(-0.5).Plus(-pixels * Math.Log(most * Math.Sqrt(2 * Math.PI)));
        var p = Process.PriorLogDensity(y.Plus(most, z).flatten(1).Times(alpha)).Plus(pixels * Math.Log(alpha));
        return q - p;
    }

    private static Tensor Noise(Generator[] sources, Tensor y) =>
        cat([.. sources.Select(source => randn([1, .. y.shape[1..]], float64, generator: source))]).to(y.device);

    /// <summary>A network by its engine, which is made for these images and freed after them.</summary>
    private sealed class Fast(NetworkDenoiser network, Condition condition) : IDenoiser, IDisposable
    {
        private readonly IDenoiser _denoiser = network.For(condition);

        public Tensor Denoise(Tensor x, double sigma) => _denoiser.Denoise(x, sigma);

        public void Dispose() => network.Dispose();
    }
}
