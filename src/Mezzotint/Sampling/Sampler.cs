using Mezzotint.IO;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>What is to be drawn.</summary>
public sealed record SamplingRequest
{
    /// <summary>The class of each image; their number is the number of images.</summary>
    public required IReadOnlyList<int> Labels { get; init; }

    /// <summary>Image i is drawn from seed + i alone, whatever else is drawn with it: 0 to 2^32 - 1.</summary>
    public long Seed { get; init; }

    /// <summary>Steps of the solver, 1 or more: for most solvers network evaluations an image.</summary>
    public int Steps { get; init; } = 500;

    /// <summary>How the noise is removed; null for the seed's way, <see cref="EulerMaruyama"/> in the model's process.</summary>
    public Solver? Solver { get; init; }

    /// <summary>The levels that the solver walks over, one more than <see cref="Steps"/>; null for the process's own times, <see cref="NoiseLevels.Uniform"/>.</summary>
    public IReadOnlyList<double>? Levels { get; init; }

    /// <summary>The picture to begin from; null for pure noise.</summary>
    public SourceImage? Source { get; init; }

    /// <summary>
    /// Instead of seed + i for image i: the noise of all starts on the great circle from the noise of <see cref="Seed"/> (the first image) to that of this
    /// seed (the last), and what is drawn on the way is the same for all. Shoemake 1985, "Animating Rotation with Quaternion Curves". 0 to 2^32 - 1.
    /// </summary>
    public long? InterpolateTo { get; init; }

    /// <summary>The most images that a thread takes at once; it changes memory and speed, not the images (rounding aside).</summary>
    public int BatchSize { get; init; } = 32;
}

/// <summary>How far a request is.</summary>
/// <param name="Evaluations">Network evaluations done, counted by image.</param>
/// <param name="TotalEvaluations">Those of the whole request; an estimate where the solver chooses its own steps.</param>
public sealed record SamplingProgress(long Evaluations, long TotalEvaluations);

/// <summary>Draws images with a trained network: the hot path of sampling.</summary>
public sealed class Sampler
{
    private static readonly Scalar Black = 0, White = 1, Levels = 255, Half = 0.5f;

    private readonly UNet _network;
    private readonly VarianceExploding _process;
    private readonly int _height, _width;
    private readonly Device _device;

    /// <summary>Wraps a network.</summary>
    /// <param name="network">The trained network, on <paramref name="device"/>.</param>
    /// <param name="process">The process that it was trained in.</param>
    /// <param name="height">Rows of an image: a multiple of the network's stride.</param>
    /// <param name="width">Columns of an image: likewise.</param>
    /// <param name="device">Where; the CPU unless told otherwise.</param>
    public Sampler(UNet network, VarianceExploding process, int height, int width, Device? device = null) =>
        (_network, _process, _height, _width, _device) = (network, process, height, width, device ?? CPU);

    /// <summary>Draws the images of a request.</summary>
    /// <param name="request">What is to be drawn.</param>
    /// <param name="threads">Images are shared out over these; their number does not change the images (rounding aside).</param>
    /// <param name="progress">Told after each step of each batch, from the threads that work.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    /// <returns>Values 0 to 255: [N, C, H, W].</returns>
    /// <exception cref="ArgumentException">A label, the seed or the steps are out of their range.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public ImageBatch Sample(SamplingRequest request, WorkerThreads threads, IProgress<SamplingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(threads);
        Check(request);
        int count = request.Labels.Count;
        int channels = _network.Config.InChannels;
        var pixels = new byte[(long)count * channels * _height * _width];
        var parts = Parts(count, threads.Count, request.BatchSize);
        request.Source?.Check(channels, _height, _width);
        var plan = Plan(request);
        long total = (long)count * (plan.Solver.Evaluations?.Invoke(plan.Levels.Length - 1, plan.Levels[^1] == 0) ?? 6 * plan.Levels.Length);
        long evaluations = 0;
        int next = -1;
        threads.Run(_ =>
        {
            while (Interlocked.Increment(ref next) is var part && part < parts.Count && !cancellation.IsCancellationRequested)
            {
                var (start, length) = parts[part];
                Draw(request, plan, start, length, pixels.AsMemory(start * channels * _height * _width), asked =>
                    progress?.Report(new SamplingProgress(Interlocked.Add(ref evaluations, (long)asked * length), total)), cancellation);
            }
        });
        cancellation.ThrowIfCancellationRequested();
        return new ImageBatch(count, channels, _height, _width, pixels);
    }

    private (Solver Solver, double[] Levels) Plan(SamplingRequest request)
    {
        var solver = request.Solver ?? EulerMaruyama.For(_process);
        double[] levels = request.Levels is null ? NoiseLevels.Uniform(_process, request.Steps) : [.. request.Levels];
        return request.Source is { } source ? (Resampling.Of(solver, source.Resampling), source.Rest(levels)) : (solver, levels);
    }

    private void Draw(SamplingRequest request, (Solver Solver, double[] Levels) plan, int start, int count, Memory<byte> pixels, Action<int> evaluated, CancellationToken cancellation)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var labels = tensor([.. request.Labels.Skip(start).Take(count).Select(label => (long)label)], [count, 1], device: _device);
        long[] seeds = [.. Enumerable.Range(start, count).Select(i => request.InterpolateTo is null ? request.Seed + i : request.Seed)];
        using var noise = new ImageNoise(seeds, _network.Config.InChannels, _height, _width, _device);
        using var path = plan.Solver is { Stochastic: true, FollowsPath: true } && plan.Levels.Length > 2
            ? new BrownianTree(seeds, _network.Config.InChannels, _height, _width, plan.Levels.Last(level => level > 0), plan.Levels[0], _device)
            : null;
        var z = noise.Next();
        if (request.InterpolateTo is { } end)
            z = Between(z, end, request.Labels.Count, start);
        var x = z.Times(plan.Levels[0]);
        IDenoiser denoiser = new ScoreDenoiser(_network, _process);
        if (request.Source is { } source)
        {
            var image = ToTensor(source.Image);
            x = x.Plus(image);
            if (source.Mask is not null)
                denoiser = new InpaintingDenoiser(denoiser, image, ToTensor(source.Mask).ge(Half));
        }
        var input = new SolverInput
        {
            Denoiser = denoiser,
            Levels = plan.Levels,
            X = x,
            Labels = labels,
            Noise = path is null ? (_, _) => noise.Next() : path.Noise,
        };
        int asked = 0;
        foreach (var step in plan.Solver.Walk(input))
        {
            evaluated(step.Evaluations - asked);
            asked = step.Evaluations;
            if (cancellation.IsCancellationRequested)
                return;
            if (step.Index == plan.Levels.Length - 2)
                step.X.clamp(Black, White).mul(Levels).round().to(ScalarType.Byte).cpu().contiguous().bytes.CopyTo(pixels.Span);
        }
    }

    /// <summary>Noise on the great circle from each image's own z to that of another seed, as far as the image's place among all says: [B, C, H, W].</summary>
    private Tensor Between(Tensor z, long seed, int total, int start)
    {
        using var end = new ImageNoise([seed], z.shape[1], _height, _width, _device);
        var z1 = end.Next()[0];
        var along = new List<Tensor>();
        for (int i = 0; i < z.shape[0]; i++)
        {
            var z0 = z[i];
            double angle = Math.Acos(Math.Clamp((z0 * z1).sum().item<float>() / (double)(z0.norm() * z1.norm()).item<float>(), -1, 1));
            double w = total == 1 ? 0 : (start + i) / (double)(total - 1);
            along.Add(angle < 1e-6 ? z0 : z0.Times(Math.Sin((1 - w) * angle) / Math.Sin(angle)).Plus(Math.Sin(w * angle) / Math.Sin(angle), z1));
        }
        return stack(along);
    }

    /// <summary>Values 0 to 1: [1, C, H, W].</summary>
    private Tensor ToTensor(ImageBatch image) =>
        tensor(image.Pixels, [1, image.Channels, image.Height, image.Width]).to(float32).div_(Levels).to(_device);

    /// <summary>Equal parts, none above the batch size, and no fewer than there are threads to keep busy.</summary>
    private static List<(int Start, int Count)> Parts(int count, int threads, int batchSize)
    {
        int parts = Math.Max((count + batchSize - 1) / batchSize, Math.Min(threads, count));
        parts = (parts + threads - 1) / threads * threads;
        parts = Math.Min(parts, count);
        return [.. Enumerable.Range(0, parts).Select(i => ((int)((long)count * i / parts), (int)((long)count * (i + 1) / parts - (long)count * i / parts)))];
    }

    private void Check(SamplingRequest request)
    {
        if (request.Labels.Count == 0)
            throw new ArgumentException("A request has at least one image.", nameof(request));
        foreach (int label in request.Labels)
            if (label < 0 || label >= _network.Config.CorpusLength)
                throw new ArgumentException($"Label {label} is not one of the {_network.Config.CorpusLength} that the model knows (0 to {_network.Config.CorpusLength - 1}).", nameof(request));
        if (request.Steps < 1)
            throw new ArgumentException($"{request.Steps} steps: at least 1 is needed.", nameof(request));
        if (request.Levels is { } levels && levels.Count != request.Steps + 1)
            throw new ArgumentException($"{request.Steps} steps walk over {request.Steps + 1} levels, not {levels.Count}.", nameof(request));
        if (request.BatchSize < 1)
            throw new ArgumentException($"A batch of {request.BatchSize} images: at least 1 is needed.", nameof(request));
        if (request.Seed < 0 || request.Seed + (request.InterpolateTo is null ? request.Labels.Count - 1 : 0) > uint.MaxValue || request.InterpolateTo is < 0 or > uint.MaxValue)
            throw new ArgumentException($"Seed {request.Seed} for {request.Labels.Count} images: seed + i must lie between 0 and 4294967295.", nameof(request));
    }
}
