using System.Diagnostics;
using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Serving;

/// <summary>Draws for a pipeline: shares the images of a request out over walks, and the evaluations of all walks over the
/// threads that evaluate.</summary>
internal sealed class PipelineWalks : IDisposable
{
    /// <summary>Walks at once for each evaluator: while it evaluates the questions of some, the others wait with
    /// theirs.</summary>
    private const int WalksOfAnEvaluator = 16;

    private static readonly Scalar Half = 0.5f;

    private readonly ModelInfo _info;
    private readonly Device _device;
    private readonly Sampler _sampler;
    private readonly SharedEvaluations _network;
    private readonly Walkers _walkers;
    private readonly NetworkMemory? _memory;
    private long _images;

    /// <summary>Prepares.</summary>
    /// <param name="model">The model; it stays the caller's.</param>
    /// <param name="threads">How many threads evaluate.</param>
    public PipelineWalks(LoadedModel model, int threads)
    {
        (_info, _device, Threads) = (model.Info, model.Device, threads);
        var (_, height, width) = _info.Numbers;
        _memory = _device.type == DeviceType.CPU ? new NetworkMemory(_info.Model, height, width, model.Precision) : null;
        _sampler = model.CreateSampler();
        _network = new SharedEvaluations(Enumerable.Range(0, threads).Select(_ => _sampler.NewEvaluator()));
        _walkers = new Walkers(threads * WalksOfAnEvaluator);
    }

    /// <summary>How many threads evaluate.</summary>
    public int Threads { get; }

    /// <summary>With what numbers the network is computed.</summary>
    public string Precision => _sampler.Precision;

    /// <summary>How much has been done and is to be done.</summary>
    public PipelineWork Work => new(_walkers.Waiting, Interlocked.Read(ref _images), _network.Evaluations, _network.Batches);

    /// <summary>The most images that walk together on one thread. On a CPU they are few, as the solver's own arithmetic is a
    /// small part of the work. On other devices, whose speed grows with the batch, they are many.</summary>
    private int ImagesOfAWalk => _memory is null ? 64 : ImagesOfAWalkOnCpu;

    private const int ImagesOfAWalkOnCpu = 8, MostImagesOfAThread = WalksOfAnEvaluator * ImagesOfAWalkOnCpu;

    /// <summary>What drawing with a model takes on the CPU when as many images are drawn at once as ever are: its weights, and
    /// the maps of all threads.</summary>
    public static double MostBytes(ModelInfo info, int threads, string precision)
    {
        var (_, height, width) = info.Numbers;
        var memory = new NetworkMemory(info.Model, height, width, precision);
        return info.Model.ParameterCount * (double)sizeof(float)
            + DrawingMemory.Of(memory, threads, MostImagesOfAThread, "threads", "").Bytes;
    }

    /// <summary>Makes sure that so many images fit into memory when they are drawn at once.</summary>
    /// <param name="images">How many; null for the most that are drawn at once, whatever is asked for.</param>
    /// <exception cref="MezzotintException">They do not.</exception>
    public void CheckMemory(long? images = null)
    {
        if (_memory is null)
            return;
        int each = MostImagesOfAThread;
        (string key, string remedy) = images is null
            ? ("threads", $"Evaluate on fewer threads than {Threads}") : ("count", "Draw fewer at once");
        if (images is { } few)
            each = (int)Math.Clamp((few + Threads - 1) / Threads, 1, each);
        DrawingMemory.Of(_memory, Threads, each, key, remedy).Check();
    }

    /// <summary>Checks that a plan can be drawn.</summary>
    /// <exception cref="MezzotintException">Something does not fit.</exception>
    /// <exception cref="ArgumentException">Likewise.</exception>
    public void Check(GenerationPlan plan)
    {
        _sampler.Check(plan.Request);
        CheckMemory(plan.Labels.Count);
    }

    /// <summary>Network evaluations for one image; an estimate where the solver chooses its own steps.</summary>
    public long EvaluationsOf(GenerationPlan plan) =>
        _sampler.EvaluationsOf(plan.Request, plan.Source?.Strength, plan.Source?.Resampling ?? 1);

    /// <summary>Draws.</summary>
    public async Task<ImageBatch> RunAsync(GenerationPlan plan, GenerationWatch watch, CancellationToken cancellation)
    {
        int count = plan.Labels.Count, length = _info.Channels * _info.Height * _info.Width;
        using var source = Encoded(plan);
        var drawing = new Drawing(plan, watch, source, new byte[(long)count * length]);
        using var weaker = plan.Request.WeakerModel is { } other
            ? new SharedEvaluations(Enumerable.Range(0, Threads).Select(_ => other.NewEvaluator())) : null;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation); // one failed part stops the others
        long asked = Stopwatch.GetTimestamp();
        int begun = 0;
        var parts = Parts(count, Threads, plan.Request.Solver is { Evaluations: null } ? 1 : ImagesOfAWalk).Select(part =>
        {
            var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _walkers.Run(() =>
            {
                if (Interlocked.Exchange(ref begun, 1) == 0)
                    MezzotintTelemetry.Begun(_info.Name, Stopwatch.GetElapsedTime(asked));
                try
                {
                    Walk(drawing, part.Start, part.Count, weaker, stop.Token);
                    done.SetResult();
                }
                catch (OperationCanceledException stopped)
                {
                    done.SetCanceled(stopped.CancellationToken);
                }
#pragma warning disable CA1031 // whatever it is, it is raised again where the images are awaited
                catch (Exception error)
                {
                    done.SetException(error);
                    stop.Cancel();
                }
#pragma warning restore CA1031
            });
            return done.Task;
        }).ToList();
        var all = Task.WhenAll(parts); // the error, if any part has one, is that of the whole; else the cancellation
        await all.ConfigureAwait(false);
        Interlocked.Add(ref _images, count);
        return new ImageBatch(count, _info.Channels, _info.Height, _info.Width, drawing.Pixels);
    }

    /// <summary>Equal parts, none above the most, and no fewer than there are threads to keep busy. A solver that chooses its own
    /// steps chooses them for all images of a walk together: there each image is a walk, so that it depends on no
    /// other.</summary>
    internal static List<(int Start, int Count)> Parts(int count, int threads, int most)
    {
        int parts = Math.Max((count + most - 1) / most, Math.Min(threads, count));
        parts = Math.Min((parts + threads - 1) / threads * threads, count);
        int From(int part) => (int)((long)count * part / parts);
        return [.. Enumerable.Range(0, parts).Select(part => (From(part), From(part + 1) - From(part)))];
    }

    public void Dispose()
    {
        _walkers.Dispose();
        _network.Dispose();
    }

    private void Walk(Drawing drawing, int start, int count, SharedEvaluations? weaker, CancellationToken stop)
    {
        stop.ThrowIfCancellationRequested();
        int steps = drawing.Plan.Steps;
        long before = 0;
        _network.Walk(count);
        weaker?.Walk(count);
        try
        {
            using var scope = NewDisposeScope();
            var request = drawing.Source is { } source
                ? drawing.Plan.Request with { Source = source.Source } : drawing.Plan.Request;
            NetworkCall? weakerCall = weaker is null ? null : weaker.Evaluate;
            _sampler.Walk(request, start, count, _network.Evaluate, weakerCall, (step, evaluations) =>
            {
                drawing.Watch.Count(evaluations - before);
                before = evaluations;
                bool last = step.Index == steps - 1,
                    shown = drawing.Watch.Seen is not null && (last || drawing.Watch.Wanted(step.Index, steps));
                if (last || shown)
                    Show(drawing, start, count, step, steps, evaluations, last, shown);
            }, stop);
        }
        finally
        {
            weaker?.Walk(-count);
            _network.Walk(-count);
        }
    }

    private void Show(
        Drawing drawing, int start, int count, SamplingStep step, int steps, long evaluations, bool last, bool shown)
    {
        byte[] values = Decoded(last ? step.X : step.Denoised, drawing.Source, last);
        int length = values.Length / count;
        if (last)
            values.CopyTo(drawing.Pixels, (long)start * length);
        for (int i = 0; shown && i < count; i++)
            drawing.Watch.Seen!(new GenerationStep(start + i, step.Index, steps, step.Sigma,
                new ImageBatch(1, _info.Channels, _info.Height, _info.Width, values.AsSpan(i * length, length).ToArray()))
                { Evaluations = evaluations / count });
    }

    /// <summary>The picture to begin from, in the network's numbers; null where there is none.</summary>
    private EncodedSource? Encoded(GenerationPlan plan)
    {
        if (plan.Source is not { } source)
            return null;
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var pixels = PixelTensors.Of(source.Image);
        var mask = source.Mask is null ? null : PixelTensors.Of(source.Mask).ge(Half);
        return new(new SamplingSource
        {
            Numbers = _info.Pixels.Encode(pixels).DetachFromDisposeScope(),
            Mask = mask is null ? null : _info.Pixels.EncodeMask(mask).DetachFromDisposeScope(),
            Strength = source.Strength,
            Resampling = source.Resampling,
        }, pixels.DetachFromDisposeScope(), mask?.DetachFromDisposeScope());
    }

    /// <summary>Values 0 to 255: [B, C, H, W]. Where a mask keeps the picture, its own pixels.</summary>
    private byte[] Decoded(Tensor numbers, EncodedSource? source, bool last)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var pixels = (last ? _info.Pixels.Decode(numbers) : _info.Pixels.Preview(numbers)).cpu();
        return PixelTensors.Bytes(source?.Mask is null ? pixels : where(source.Mask, pixels, source.Pixels));
    }

    /// <summary>A picture to begin from: its numbers, and its pixels with the mask of those that are drawn anew.</summary>
    private sealed record EncodedSource(SamplingSource Source, Tensor Pixels, Tensor? Mask) : IDisposable
    {
        public void Dispose()
        {
            Source.Numbers.Dispose();
            Source.Mask?.Dispose();
            Pixels.Dispose();
            Mask?.Dispose();
        }
    }

    /// <summary>What all walks of a request share.</summary>
    private sealed record Drawing(GenerationPlan Plan, GenerationWatch Watch, EncodedSource? Source, byte[] Pixels);
}
