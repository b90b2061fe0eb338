using System.Globalization;
using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Evaluation;

/// <summary>How the trace of the denoiser's Jacobian is got.</summary>
public enum TraceMethod
{
    /// <summary>Estimated without bias from random probes, a walk back through the network for each.</summary>
    Hutchinson,

    /// <summary>Computed, a walk back for each pixel: hundreds of times slower.</summary>
    Exact,
}

/// <summary>
/// The density that a model gives an image, by the probability flow dx/dsigma = (x - D) / sigma from the least level s to the
/// greatest S: ln p_s(x_s) = ln N(x_S; 0, S^2 I) + n ln(S / s) - the integral of tr(dD/dx) / sigma over sigma from s to S.
/// </summary>
/// <remarks>
/// Song et al. 2021, "Score-Based Generative Modeling through Stochastic Differential Equations", arXiv 2011.13456, equation 39
/// in section D.2, in variance-exploding coordinates; Chen et al. 2018, "Neural Ordinary Differential Equations", arXiv
/// 1806.07366, theorem 1. The state is in float64, and the denoiser is asked in it. The result is exact up to the steps and the
/// trace, and does not depend on batches or threads. A solver that chooses its steps for a whole batch (dopri5) depends on it
/// within its tolerance.
/// </remarks>
public sealed record Likelihood
{
    /// <summary>
    /// Gives a denoiser for a part of the images, bound to what they show. It is made of tensor operations that libtorch
    /// differentiates. Several threads call this at once.
    /// </summary>
    public required Func<ImageSet, IDenoiser> DenoiserOf { get; init; }

    /// <summary>The process that the network was trained in: its prior is the density at the greatest level.</summary>
    public required NoiseProcess Process { get; init; }

    /// <summary>One that draws no noise on its way.</summary>
    public Solver Solver { get; init; } = Solvers.Heun();

    /// <summary>
    /// As <see cref="NoiseLevels"/> makes them, falling from the process's greatest. A last 0 is left out: the density is that at
    /// the least level above it. null for those of <see cref="Inversion.LevelsOf"/>.
    /// </summary>
    public IReadOnlyList<double>? Levels { get; init; }

    /// <summary>How the trace is got.</summary>
    public TraceMethod Trace { get; init; } = TraceMethod.Hutchinson;

    /// <summary>The probes of an image, 1 or more, the same on its whole way: each is a walk back through the network at each
    /// evaluation.</summary>
    public int Probes { get; init; } = 1;

    /// <summary>Of the probes and of what fills the steps between pixel values: 0 to 2^32 - 1.</summary>
    public long Seed { get; init; } = 42;

    /// <summary>How pixels became the numbers that the network was trained on. A density of pixels is the one of these numbers
    /// divided by scale^n.</summary>
    public ImageCodec Pixels { get; init; } = new PixelScaling();

    /// <summary>The most images that a thread takes at once; it changes memory and speed alone.</summary>
    public int BatchSize { get; init; } = 32;

    /// <summary>Where the denoiser works; by default the CPU.</summary>
    public Device? Device { get; init; }

    /// <summary>That of a model as it was read.</summary>
    /// <param name="model">The model; it stays the caller's.</param>
    public static Likelihood Of(LoadedModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var network = model.CreateDenoiser();
        return new()
        {
            DenoiserOf = images => network.For(Condition.OfLabels(images.Labels.Select(label => (int)label), model.Device)),
            Process = model.Info.Process,
            Pixels = model.Info.Pixels,
            Device = model.Device,
        };
    }

    /// <summary>
    /// The likelihood of a set of images. Their pixels are dequantised, y = (pixel + u - 1/2) / 255 with u uniform in [0, 1), and
    /// get the noise of the least level s: ln p_s(y + s z), z ~ N(0, I).
    /// </summary>
    /// <remarks>
    /// Of p_s the network has seen noisy images alone. Clean ones lead it where its Jacobian is that of no density: the seed's
    /// model gives them more than images with noise on them can have. In the mean, ln p_s(y + s z) is a lower bound on ln p(y) of
    /// the model that draws x_s and adds noise of the same size once more. In this evidence lower bound (Kingma, Welling 2014,
    /// arXiv 1312.6114, equation 2), p(y | x_s) and q(x_s | y) are one Gaussian and cancel.
    /// </remarks>
    /// <param name="images">One or more, with the labels of what they show.</param>
    /// <param name="threads">Images are shared out over these.</param>
    /// <param name="progress">Told after each step of each batch, from the threads that work.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    /// <exception cref="MezzotintException">The solver draws noise, the levels do not end at the process's greatest, or a density
    /// is not finite.</exception>
    /// <exception cref="ArgumentException">No images, no probes, or another setting out of its range.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public LikelihoodResult Evaluate(
        ImageSet images, WorkerThreads threads, IProgress<SamplingProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(threads);
        if (images.Count == 0)
            throw new ArgumentException("A likelihood is of at least one image.", nameof(images));
        double[] up = Check();
        int size = Math.Min(BatchSize, (images.Count + threads.Count - 1) / threads.Count);
        long total = images.Count * (long)(Solver.Evaluations?.Invoke(up.Length - 1, false) ?? 6 * up.Length);
        return DensityRun.Of(images, size, total, (first, count, asked) => Batch(images, first, count, up, asked),
            "the walk does not follow the flow. Take more steps, or another sampler or other levels.", threads, progress,
            cancellation);
    }

    /// <summary>ln p of each image at the least level, in nats.</summary>
    /// <param name="denoiser">That of what the images show.</param>
    /// <param name="x">In the units of the network's data, with noise of the least level on them: [B, C, H, W].</param>
    /// <param name="first">The number of the first image: it names the probes.</param>
    /// <returns>float64 [B].</returns>
    /// <exception cref="MezzotintException">The solver draws noise, or the levels do not end at the process's
    /// greatest.</exception>
    /// <exception cref="ArgumentException">A setting is out of its range, or the denoiser cannot be differentiated.</exception>
    public Tensor LogDensity(IDenoiser denoiser, Tensor x, long first = 0)
    {
        ArgumentNullException.ThrowIfNull(denoiser);
        ArgumentNullException.ThrowIfNull(x);
        return LogDensity(denoiser, x, first, Check(), _ => { });
    }

    private double[] Batch(ImageSet images, int first, int count, double[] up, Action<int> evaluated)
    {
        using var scope = NewDisposeScope();
        int[] numbers = [.. Enumerable.Range(first, count)];
        var x = cat([.. numbers.Select(image => Noisy(images, image, up[0]))]).to(Device ?? CPU); // [B, C, H, W]
        var density = LogDensity(DenoiserOf(images.Pick(numbers)), x, first, up, evaluated)
            .Plus(-Math.Log(Pixels.PixelsPerNumber!.Value) * (x.numel() / count));
        return density.cpu().data<double>().ToArray();
    }

    /// <summary>The same with s z added.</summary>
    private Tensor Noisy(ImageSet images, int image, double s)
    {
        using var generator = RandomSeeds.Generator(Seed, RandomPurpose.Dequantisation, image);
        var y = Dequantised(images, image, Pixels, generator);
        return y.Plus(s, randn(y.shape, float64, generator: generator));
    }

    /// <summary>(pixel + u - 1/2) / 255 in the network's numbers: float64 [1, C, H, W].</summary>
    internal static Tensor Dequantised(ImageSet images, int image, ImageCodec pixels, Generator generator)
    {
        long[] shape = [1, images.Channels, images.Height, images.Width];
        return pixels.Encode(tensor(images.Image(image).ToArray(), shape).to(float64)
            .Plus(rand(shape, float64, generator: generator).Plus(-0.5)).Over(255));
    }

    /// <summary>Makes sure that the numbers of a network are pixels, so that these have a density.</summary>
    internal static void CheckPixels(ImageCodec pixels)
    {
        pixels.Validate();
        if (pixels.PixelsPerNumber is null)
            throw new MezzotintException(
                "Pixels have no density in this model: its numbers are no pixels that were shifted and scaled, but latents or "
                + "the like.") { Key = "pixels" };
    }

    private Tensor LogDensity(IDenoiser denoiser, Tensor x, long first, double[] up, Action<int> evaluated)
    {
        using var scope = NewDisposeScope();
        long count = x.shape[0], pixels = x.numel() / count;
        var probes = Trace == TraceMethod.Exact ? null : JacobianTrace.Rademacher(Seed, first, Probes, x.shape, x.device);
        var input = new SolverInput
        {
            Denoiser = new DensityDenoiser(denoiser, x.shape[1..], probes),
            Levels = up,
            X = cat([x.detach().to(float64).flatten(1), zeros(count, 1, float64, x.device)], 1), // [x | l], l = 0
        };
        Tensor? end = null;
        int asked = 0;
        foreach (var step in Solver.Walk(input))
        {
            evaluated(step.Evaluations - asked);
            asked = step.Evaluations;
            if (step.Index == up.Length - 2)
                end = step.X.clone();
        }
        double alpha = Process.Alpha(Process.MaximumTime); // the prior is over alpha xHat
        var prior = Process.PriorLogDensity(end!.narrow(1, 0, pixels).Times(alpha)).Plus(pixels * Math.Log(alpha));
        var l = end.narrow(1, pixels, 1).squeeze(1);
        return (prior - l).Plus(DensityDenoiser.Known(pixels, up[0], up[^1])).MoveToOuterDisposeScope();
    }

    /// <summary>Checks what can be checked before images are there.</summary>
    /// <exception cref="MezzotintException">The solver draws noise, or the levels do not begin at the process's
    /// greatest.</exception>
    /// <exception cref="ArgumentException">A setting is out of its range.</exception>
    public void Validate() => Check();

    /// <summary>The levels that are walked.</summary>
    private double[] Check()
    {
        Inversion.CheckDeterministic(Solver);
        if (Probes < 1)
            throw new ArgumentException($"{Probes} probes: the trace needs at least 1.");
        if (BatchSize < 1)
            throw new ArgumentException($"A batch of {BatchSize} images: at least 1 is needed.");
        if (Seed is < 0 or > uint.MaxValue)
            throw new ArgumentException($"Seed {Seed}: it must lie between 0 and 4294967295.");
        CheckPixels(Pixels);
        double[] up = Inversion.Upward(Levels ?? Inversion.LevelsOf(Process));
        double most = Process.MaximumLevel;
        if (Math.Abs(up[^1] - most) > 1e-9 * most)
            throw new MezzotintException(string.Create(
                CultureInfo.InvariantCulture,
                $"These levels begin at {up[^1]:g6}, where the density is not known: it is at the process's greatest, {most:g6}. "
                + $"Take karras, exponential or others that begin there."));
        return up;
    }
}
