using System.Collections.Concurrent;
using System.Globalization;
using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Formats;
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

    /// <summary>How the images are driven further towards their classes; null for not at all.</summary>
    public Guidance? Guidance { get; init; }

    /// <summary>The weaker model of <see cref="Autoguidance"/>, by its own sampler, on the same device. Other kinds have no use for it.</summary>
    public Sampler? WeakerModel { get; init; }

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
/// <param name="Evaluations">Network evaluations done, counted by image; a guided estimate takes two, the weaker model's being one.</param>
/// <param name="TotalEvaluations">Those of the whole request; an estimate where the solver chooses its own steps.</param>
public sealed record SamplingProgress(long Evaluations, long TotalEvaluations);

/// <summary>Draws images with a trained network: the hot path of sampling.</summary>
public sealed class Sampler
{
    private static readonly Scalar Half = 0.5f;

    private readonly DenoisingNetwork _network;
    private readonly NoiseProcess _process;
    private readonly int _height, _width;
    private readonly Device _device;
    private readonly ConcurrentBag<NetworkEvaluator> _evaluators = []; // those that no thread is using
    private NetworkMemory? _memory;

    /// <summary>Wraps a network.</summary>
    /// <param name="network">The trained network, on <paramref name="device"/>.</param>
    /// <param name="process">The process that it was trained in.</param>
    /// <param name="height">Rows of an image: a multiple of the network's stride.</param>
    /// <param name="width">Columns of an image: likewise.</param>
    /// <param name="device">Where; the CPU unless told otherwise.</param>
    public Sampler(DenoisingNetwork network, NoiseProcess process, int height, int width, Device? device = null) =>
        (_network, _process, _height, _width, _device) = (network, process, height, width, device ?? CPU);

    /// <summary>What the network's output means; the seed's unless told otherwise.</summary>
    public Parameterisation Parameterisation { get; init; } = new ScoreParameterisation();

    /// <summary>How pixels became the numbers that the network was trained on.</summary>
    public PixelScaling Pixels { get; init; } = new();

    /// <summary>With what numbers the network is computed: see <see cref="ComputePrecision"/>.</summary>
    public string Precision { get; init; } = ComputePrecision.Automatic;

    /// <summary>Draws the images of a request.</summary>
    /// <param name="request">What is to be drawn.</param>
    /// <param name="threads">Images are shared out over these; their number does not change the images (rounding aside).</param>
    /// <param name="progress">Told after each step of each batch, from the threads that work.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    /// <returns>Values 0 to 255: [N, C, H, W].</returns>
    /// <exception cref="ArgumentException">A label, the seed or the steps are out of their range.</exception>
    /// <exception cref="MezzotintException">The network, the solver or the weaker model does not fit the guidance, or the images
    /// together take 2 GiB or more; the message says what to do.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public ImageBatch Sample(SamplingRequest request, WorkerThreads threads, IProgress<SamplingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(threads);
        Check(request);
        int count = request.Labels.Count;
        int channels = _network.Config.InChannels;
        var pixels = new byte[(long)count * channels * _height * _width];
        var plan = Plan(request);
        var parts = Parts(count, threads.Count, BatchSize(request, plan.Solver));
        if (_device.type == DeviceType.CPU)
        {
            int most = parts.Max(part => part.Count);
            _memory ??= new NetworkMemory(_network.Config, _height, _width, Precision);
            DrawingMemory.Of(_memory, Math.Min(threads.Count, parts.Count), most, "count", "Draw fewer at once").Check();
        }
        long total = count * EvaluationsOfOne(request, plan);
        long evaluations = 0;
        int next = -1;
        threads.Run(_ =>
        {
            if (next + 1 >= parts.Count)
                return; // the others have taken everything
            if (_evaluators.TryTake(out var evaluator))
                evaluator.Refresh();
            else
                evaluator = NewEvaluator();
            while (Interlocked.Increment(ref next) is var part && part < parts.Count && !cancellation.IsCancellationRequested)
            {
                var (start, length) = parts[part];
                Draw(request, plan, start, length, evaluator.Evaluate, pixels.AsMemory(start * channels * _height * _width), asked =>
                    progress?.Report(new SamplingProgress(Interlocked.Add(ref evaluations, asked), total)), cancellation);
            }
            _evaluators.Add(evaluator);
        });
        cancellation.ThrowIfCancellationRequested();
        return new ImageBatch(count, channels, _height, _width, pixels);
    }

    /// <summary>
    /// Draws some images of a request on this thread: for serving, where many such walks, of whatever requests, share the evaluations of one network.
    /// </summary>
    /// <param name="request">The whole request.</param>
    /// <param name="start">The first of the images.</param>
    /// <param name="count">How many.</param>
    /// <param name="network">Asked in place of the network.</param>
    /// <param name="seen">
    /// Told each step's number, of how many, its level, the estimate, or after the last step the result: [B, C, H, W], alive
    /// during the call, and the evaluations of the network so far, counted by image.
    /// </param>
    /// <param name="cancellation">Stops after the step that is under way.</param>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    internal void Draw(
        SamplingRequest request, int start, int count, NetworkCall network, Action<int, int, double, Tensor, long> seen,
        CancellationToken cancellation)
    {
        var plan = Plan(request);
        int steps = plan.Levels.Length - 1;
        Walk(request, plan, start, count, network, (step, evaluations) =>
        {
            if (!cancellation.IsCancellationRequested)
                seen(step.Index, steps, step.Sigma, step.Index == steps - 1 ? step.X : step.Denoised, evaluations);
        }, cancellation);
        cancellation.ThrowIfCancellationRequested();
    }

    /// <summary>How many steps a request walks: fewer than it says where it begins from a picture.</summary>
    internal static int StepsOf(SamplingRequest request) =>
        request.Source is { } source ? source.Rest(new double[request.Steps + 1]).Length - 1 : request.Steps;

    /// <summary>Network evaluations for one image; an estimate where the solver chooses its own steps.</summary>
    internal long EvaluationsOf(SamplingRequest request) => EvaluationsOfOne(request, Plan(request));

    /// <summary>Values 0 to 255 of images in the network's numbers: [B, C, H, W].</summary>
    internal byte[] ToBytes(Tensor x)
    {
        using var scope = NewDisposeScope();
        return PixelTensors.Bytes(Pixels.ToPixels(x));
    }

    /// <summary>A solver that chooses its own steps chooses them for all images of a batch together: there each image is a batch, so that it depends on no other.</summary>
    internal static int BatchSize(SamplingRequest request, Solver? solver) => solver is { Evaluations: null } ? 1 : request.BatchSize;

    private (Solver Solver, double[] Levels) Plan(SamplingRequest request)
    {
        var solver = request.Solver ?? EulerMaruyama.For(_process);
        double[] levels = request.Levels is null ? NoiseLevels.Uniform(_process, request.Steps) : [.. request.Levels];
        return request.Source is { } source ? (Resampling.Of(solver, source.Resampling), source.Rest(levels)) : (solver, levels);
    }

    /// <summary>Network evaluations for one image.</summary>
    private static long EvaluationsOfOne(SamplingRequest request, (Solver Solver, double[] Levels) plan)
    {
        int steps = plan.Levels.Length - 1;
        long asked = plan.Solver.Evaluations?.Invoke(steps, plan.Levels[^1] == 0) ?? 6 * plan.Levels.Length;
        if (request.Guidance is not { IsNone: false } guidance)
            return asked;
        if (guidance.Low <= 0 && double.IsPositiveInfinity(guidance.High))
            return 2 * asked;
        return plan.Solver.Evaluations is null
            ? asked + (long)Math.Round(asked * (double)plan.Levels.Take(steps).Count(guidance.Covers) / steps)
            : Counted(plan.Solver, plan.Levels, guidance);
    }

    /// <summary>
    /// Walks over the levels with an image of one pixel, and counts: a solver may ask at levels between those of its steps, and
    /// the guidance may cover some of them.
    /// </summary>
    private static long Counted(Solver solver, double[] levels, Guidance guidance)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var counter = new CountingDenoiser(guidance);
        var nothing = zeros(1, 1, 1, 1);
        foreach (
            var _ in solver.Walk(
            new SolverInput { Denoiser = counter, Levels = levels, X = nothing, Noise = (_, _) => nothing }))
        {
            // What it asks for is counted; where it arrives does not matter.
        }
        return counter.Evaluations;
    }

    /// <summary>Estimates nothing, and counts what a guided network would be asked.</summary>
    private sealed class CountingDenoiser(Guidance guidance) : IDenoiser
    {
        public long Evaluations { get; private set; }

        public Tensor Denoise(Tensor x, double sigma)
        {
            Evaluations += guidance.Covers(sigma) ? 2 : 1;
            return zeros_like(x);
        }

        public Estimates Estimate(Tensor x, double sigma)
        {
            var estimate = Denoise(x, sigma);
            return new(estimate, guidance.Renoises && guidance.Covers(sigma) ? estimate : null);
        }
    }

    /// <summary>What evaluates the network for one thread.</summary>
    internal NetworkEvaluator NewEvaluator() => new(_network, _height, _width, _device, Precision);

    private void Draw(SamplingRequest request, (Solver Solver, double[] Levels) plan, int start, int count, NetworkCall network, Memory<byte> pixels, Action<long> evaluated, CancellationToken cancellation)
    {
        long before = 0;
        Walk(request, plan, start, count, network, (step, evaluations) =>
        {
            evaluated(evaluations - before);
            before = evaluations;
            if (step.Index == plan.Levels.Length - 2 && !cancellation.IsCancellationRequested)
                ToBytes(step.X).CopyTo(pixels);
        }, cancellation);
    }

    /// <summary>Walks, and shows each step with the network evaluations so far, until it is told to stop.</summary>
    private void Walk(SamplingRequest request, (Solver Solver, double[] Levels) plan, int start, int count, NetworkCall call, Action<SamplingStep, long> seen, CancellationToken cancellation)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var labels = ClassLabels.Of(request.Labels.Skip(start).Take(count), _device);
        long[] seeds = [.. Enumerable.Range(start, count).Select(i => request.InterpolateTo is null ? request.Seed + i : request.Seed)];
        using var noise = new ImageNoise(seeds, _network.Config.InChannels, _height, _width, _device);
        using var path = plan.Solver is { Stochastic: true, FollowsPath: true } && plan.Levels.Length > 2
            ? new BrownianTree(seeds, _network.Config.InChannels, _height, _width, plan.Levels.Last(level => level > 0), plan.Levels[0], _device)
            : null;
        var z = noise.Next();
        if (request.InterpolateTo is { } end)
            z = Between(z, end, request.Labels.Count, start);
        var x = z.Times(plan.Levels[0]);
        var network = new NetworkDenoiser(_network, _process, Parameterisation) { Call = call };
        using var weakerEvaluator = request.WeakerModel is { } weak
            ? new NetworkEvaluator(weak._network, _height, _width, _device, weak.Precision)
            : null;
        var weaker = request.WeakerModel is { } other
            ? new NetworkDenoiser(other._network, other._process, other.Parameterisation) { Call = weakerEvaluator!.Evaluate }
            : null;
        IDenoiser denoiser = network.For(labels);
        using var guided = request.Guidance?.Wrap(denoiser, network.Unconditional(), weaker?.For(labels));
        denoiser = guided ?? denoiser;
        if (request.Source is { } source)
        {
            var image = Pixels.ToNumbers(PixelTensors.Of(source.Image).to(_device));
            x = x.Plus(image);
            if (source.Mask is not null)
                denoiser = new InpaintingDenoiser(denoiser, image, PixelTensors.Of(source.Mask).to(_device).ge(Half));
        }
        var input = new SolverInput
        {
            Denoiser = denoiser,
            Levels = plan.Levels,
            X = x,
            Noise = path is null ? (_, _) => noise.Next() : path.Noise,
        };
        foreach (var step in plan.Solver.Walk(input))
        {
            seen(step, network.Evaluations + (weaker?.Evaluations ?? 0));
            if (cancellation.IsCancellationRequested)
                return;
        }
    }

    /// <summary>Noise on the great circle from each image's own z to that of another seed, as far as the image's place among all says: [B, C, H, W].</summary>
    private Tensor Between(Tensor z, long seed, int total, int start)
    {
        using var end = new ImageNoise([seed], z.shape[1], _height, _width, _device);
        var z1 = end.Next()[0];
        return stack([.. Enumerable.Range(0, (int)z.shape[0]).Select(i => GreatCircle.Between(z[i], z1, total == 1 ? 0 : (start + i) / (double)(total - 1)))]);
    }

    /// <summary>Equal parts, none above the batch size, and no fewer than there are threads to keep busy.</summary>
    internal static List<(int Start, int Count)> Parts(int count, int threads, int batchSize)
    {
        int parts = Math.Max((count + batchSize - 1) / batchSize, Math.Min(threads, count));
        parts = (parts + threads - 1) / threads * threads;
        parts = Math.Min(parts, count);
        return [.. Enumerable.Range(0, parts).Select(i => ((int)((long)count * i / parts), (int)((long)count * (i + 1) / parts - (long)count * i / parts)))];
    }

    /// <summary>Checks that the request can be drawn.</summary>
    internal void Check(SamplingRequest request)
    {
        if (request.Labels.Count == 0)
            throw new ArgumentException("A request has at least one image.", nameof(request));
        foreach (int label in request.Labels)
            if (label < 0 || label >= _network.Config.CorpusLength)
                throw new ArgumentException($"Label {label} is not one of the {_network.Config.CorpusLength} that the model knows (0 to {_network.Config.CorpusLength - 1}).", nameof(request));
        RefuseTooMany(request.Labels.Count, _network.Config.InChannels, _height, _width);
        if (request.Steps < 1)
            throw new ArgumentException($"{request.Steps} steps: at least 1 is needed.", nameof(request));
        if (request.Levels is { } levels && levels.Count != request.Steps + 1)
            throw new ArgumentException($"{request.Steps} steps walk over {request.Steps + 1} levels, not {levels.Count}.", nameof(request));
        if (request.BatchSize < 1)
            throw new ArgumentException($"A batch of {request.BatchSize} images: at least 1 is needed.", nameof(request));
        if (request.Seed < 0 || request.Seed + (request.InterpolateTo is null ? request.Labels.Count - 1 : 0) > uint.MaxValue || request.InterpolateTo is < 0 or > uint.MaxValue)
            throw new ArgumentException($"Seed {request.Seed} for {request.Labels.Count} images: seed + i must lie between 0 and 4294967295.", nameof(request));
        request.Source?.Check(_network.Config.InChannels, _height, _width);
        CheckGuidance(request, Plan(request).Solver);
    }

    /// <summary>Refuses images that together have more values than an array holds.</summary>
    /// <exception cref="InvalidRequestException">They do; the key is <c>count</c>.</exception>
    internal static void RefuseTooMany(long count, int channels, int height, int width)
    {
        Int128 values = (Int128)count * channels * height * width;
        if (values > Array.MaxLength)
            throw new InvalidRequestException(string.Create(CultureInfo.InvariantCulture,
                $"{count} images of {channels} x {height} x {width} values have {values} in all, more than the {Array.MaxLength} "
                + $"that are drawn at once: draw fewer at a time.")) { Key = "count" };
    }

    private void CheckGuidance(SamplingRequest request, Solver solver)
    {
        if (request.Guidance is not { } guidance)
            return;
        guidance.Validate();
        guidance.CheckReference(_network.Config.Unconditional, request.WeakerModel is not null);
        guidance.CheckSolver(solver);
        if (!guidance.NeedsWeaker || request.WeakerModel is not { } weaker)
            return;
        if (Described != weaker.Described)
            throw new MezzotintException(
                $"The weaker model draws {weaker.Described}, the model itself {Described}: guidance needs two that draw the same.");
    }

    private string Described => string.Create(CultureInfo.InvariantCulture,
        $"{_network.Config.CorpusLength} classes of {_network.Config.InChannels} x {_height} x {_width} pixels less {Pixels.Mean} over "
        + $"{Pixels.Scale}");
}
