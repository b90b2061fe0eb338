using System.Collections.Concurrent;
using System.Diagnostics;
using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Runtime;
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

    private readonly LoadedModel _model;
    private readonly SizedNetworks _networks;
    private readonly Walkers _walkers;
    private readonly bool _onCpu;
    private readonly ConcurrentDictionary<(int Height, int Width), NetworkMemory> _memory = [];
    private readonly Exchange _exchange;
    private readonly SemaphoreSlim _attending = new(1); // what libtorch holds of one image is as much as is checked for
    private long _images;
    private bool _freed;

    /// <summary>Prepares.</summary>
    /// <param name="model">The model; it stays the caller's.</param>
    /// <param name="threads">How many threads evaluate.</param>
    /// <param name="exchange">The processes that draw together.</param>
    /// <param name="name">What telemetry calls the model.</param>
    public PipelineWalks(LoadedModel model, int threads, Exchange exchange, string name)
    {
        (_model, Threads, _exchange, Name) = (model, threads, exchange, name);
        _onCpu = model.Device.type == DeviceType.CPU;
        _networks = new SizedNetworks(model, threads);
        _networks.Take(model.Info).Dispose(); // its own size is ready from the start
        _walkers = new Walkers(threads * WalksOfAnEvaluator);
    }

    /// <summary>What the model is called.</summary>
    public string Name { get; }

    /// <summary>How many threads evaluate.</summary>
    public int Threads { get; }

    /// <summary>With what numbers the network is computed.</summary>
    public string Precision => _model.Precision;

    /// <summary>Whether the network is freed once all images of a drawing have been walked, before they are decoded: nothing can
    /// be drawn then.</summary>
    public bool FreesNetwork { get; set; }

    /// <summary>How much has been done and is to be done.</summary>
    public PipelineWork Work => 
        new(_walkers.Waiting, Interlocked.Read(ref _images), _networks.Evaluations, _networks.Batches);

    /// <summary>The most images that walk together on one thread. On a CPU they are few, as the solver's own arithmetic is a
    /// small part of the work. On other devices, whose speed grows with the batch, they are many.</summary>
    private int ImagesOfAWalk => _onCpu ? ImagesOfAWalkOnCpu : 64;

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
    /// <param name="info">The model for their size; null for its own.</param>
    /// <exception cref="MezzotintException">They do not.</exception>
    public void CheckMemory(long? images = null, ModelInfo? info = null)
    {
        if (!_onCpu)
            return;
        var (_, height, width) = (info ?? _model.Info).Numbers;
        var memory = MemoryAt(height, width);
        int each = MostImagesOfAThread;
        (string key, string remedy) = images is null
            ? ("threads", $"Evaluate on fewer threads than {Threads}") : ("count", "Draw fewer at once");
        if (images is { } few)
            each = (int)Math.Clamp((few + Threads - 1) / Threads, 1, each);
        DrawingMemory.Of(memory, Threads, each, key, remedy, Decoding(height, width)).Check();
    }

    private NetworkMemory MemoryAt(int height, int width) => _memory.GetOrAdd((height, width), size =>
        new NetworkMemory(_model.Info.Model, size.Height, size.Width, _model.Precision));

    /// <summary>Bytes that a large autoencoder takes for latents of a size: it decodes one image at a time.</summary>
    private double Decoding(int height, int width) =>
        _model.Autoencoder?.Network is { } network && NetworkEngine.IsLarge(network)
            ? NetworkMemory.Streamed([.. LayerShape.Of(network.DecoderDescription, height, width)]) : 0;

    /// <summary>Checks that a plan can be drawn.</summary>
    /// <exception cref="MezzotintException">Something does not fit.</exception>
    /// <exception cref="ArgumentException">Likewise.</exception>
    public void Check(GenerationPlan plan)
    {
        RefuseFreed();
        _networks.SamplerOf(plan.Model).Check(plan.Request);
        CheckMemory(plan.Labels.Count, plan.Model);
    }

    /// <summary>Network evaluations for one image; an estimate where the solver chooses its own steps.</summary>
    public long EvaluationsOf(GenerationPlan plan) =>
        _networks.SamplerOf(plan.Model).EvaluationsOf(plan.Request, plan.Source?.Strength, plan.Source?.Resampling ?? 1);

    /// <summary>How many images this process draws of a plan.</summary>
    public int ImagesHere(GenerationPlan plan) => _exchange.PartOf(plan.Labels.Count).Count;

    /// <summary>Draws.</summary>
    public async Task<ImageBatch> RunAsync(GenerationPlan plan, GenerationWatch watch, CancellationToken cancellation)
    {
        RefuseFreed();
        var info = plan.Model;
        int count = plan.Labels.Count, length = info.Channels * info.Height * info.Width;
        using var source = EncodedSource.Of(plan);
        using var network = _networks.Take(info);
        var drawing = new Drawing(plan, watch, source, network, new byte[(long)count * length])
            { Latents = FreesNetwork ? [] : null };
        using var weaker = plan.Request.WeakerModel is { } other
            ? new SharedEvaluations(other.NewEvaluators(Threads)) : null;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation); // one failed part stops the others
        long asked = Stopwatch.GetTimestamp();
        int begun = 0;
        var own = _exchange.PartOf(count);
        int most = plan.Request.Solver is { Evaluations: null } ? 1 : ImagesOfAWalk;
        var parts = Parts(own.Count, Threads, most).Select(part =>
        {
            var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _walkers.Run(() =>
            {
                if (Interlocked.Exchange(ref begun, 1) == 0)
                    MezzotintTelemetry.Begun(Name, Stopwatch.GetElapsedTime(asked));
                try
                {
                    Walk(drawing, own.Start + part.Start, part.Count, weaker, stop.Token);
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
        if (drawing.Latents is not null)
            FreeAndDecode(drawing);
        Interlocked.Add(ref _images, own.Count);
        if (!_exchange.IsAlone)
            Collect(drawing.Pixels, own.Start * (long)length, own.Count * (long)length);
        return new ImageBatch(count, info.Channels, info.Height, info.Width, drawing.Pixels);
    }

    /// <summary>Frees the network, and decodes what was walked.</summary>
    private void FreeAndDecode(Drawing drawing)
    {
        _freed = true;
        _networks.Dispose();
        _model.Network.Dispose();
        FreedMemory.GiveBack();
        foreach (var (start, count, step, evaluations) in drawing.Latents!)
        {
            using var numbers = step.X;
            Show(drawing, start, count, step, drawing.Plan.Steps, evaluations, last: true,
                shown: drawing.Watch.Seen is not null);
        }
    }

    private void RefuseFreed()
    {
        if (_freed)
            throw new MezzotintException("The network was freed to save memory: nothing more is drawn. Open the model again.")
                { Key = "memory" };
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

    /// <summary>Brings the images of all processes to process 0.</summary>
    private void Collect(byte[] pixels, long start, long count)
    {
        long end = 0;
        foreach (byte[] part in _exchange.Gather(pixels.AsSpan(checked((int)start), checked((int)count))))
        {
            part.CopyTo(pixels, end);
            end += part.Length;
        }
    }

    /// <summary>Adds noise of one level to the picture of a plan, and asks for the estimates: a walk of one step, to
    /// nothing.</summary>
    public Task<NoisyEstimates> EstimateAsync(GenerationPlan plan, double level, CancellationToken cancellation)
    {
        NoisyWalk.Check(plan, level);
        return OnWalkerAsync(() =>
        {
            using var network = _networks.Take(plan.Model);
            return NoisyWalk.Run(plan, level, network, call: null, cancellation);
        });
    }

    /// <summary>Checks that a plan can be shown with what the network attends to.</summary>
    /// <exception cref="InvalidRequestException">It cannot.</exception>
    public void CheckAttention(GenerationPlan plan, double level, string? layer = null)
    {
        NoisyWalk.Check(plan, level);
        AttentionMaps.Check(plan, _model.Network, layer);
        RefuseFreed();
        if (!_onCpu)
            return;
        var (_, height, width) = plan.Model.Numbers;
        AttentionMaps.CheckMemory(MemoryAt(height, width).OneInLibtorch, MemoryNeed.Available, Environment.WorkingSet);
    }

    /// <summary>The same of one image without guidance, in libtorch, which shows what the network attends to: one at a
    /// time.</summary>
    public async Task<AttentionMaps> AttendAsync(GenerationPlan plan, double level, CancellationToken cancellation)
    {
        CheckAttention(plan, level);
        await _attending.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            return await OnWalkerAsync(() =>
            {
                using var network = _networks.Take(plan.Model);
                return AttentionMaps.Of(plan, level, network, _model.Network, cancellation);
            }).ConfigureAwait(false);
        }
        finally
        {
            _attending.Release();
        }
    }

    private Task<T> OnWalkerAsync<T>(Func<T> work)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _walkers.Run(() =>
        {
            try
            {
                done.SetResult(work());
            }
            catch (OperationCanceledException stopped)
            {
                done.SetCanceled(stopped.CancellationToken);
            }
#pragma warning disable CA1031 // whatever it is, it is raised again where the result is awaited
            catch (Exception error)
            {
                done.SetException(error);
            }
#pragma warning restore CA1031
        });
        return done.Task;
    }

    public void Dispose()
    {
        _walkers.Dispose();
        _networks.Dispose();
        _attending.Dispose();
    }

    private static void Walk(Drawing drawing, int start, int count, SharedEvaluations? weaker, CancellationToken stop)
    {
        stop.ThrowIfCancellationRequested();
        int steps = drawing.Plan.Steps;
        long before = 0;
        var (sampler, network) = (drawing.Network.Sampler, drawing.Network.Network);
        bool walking = true;
        network.Walk(count);
        weaker?.Walk(count);
        void Ended()
        {
            if (!walking)
                return;
            walking = false;
            weaker?.Walk(-count);
            network.Walk(-count);
        }
        try
        {
            using var scope = NewDisposeScope();
            var request = drawing.Plan.Request with { Source = drawing.Source.Source, Beside = drawing.Source.Beside };
            NetworkCall Call(SharedEvaluations of) => (x, t, condition) => of.Evaluate(x, t, condition, stop);
            var weakerCall = weaker is null ? null : Call(weaker);
            sampler.Walk(request, start, count, Call(network), weakerCall, (step, evaluations) =>
            {
                drawing.Watch.Count(evaluations - before);
                before = evaluations;
                bool last = step.Index == steps - 1,
                    shown = drawing.Watch.Seen is not null && (last || drawing.Watch.Wanted(step.Index, steps));
                if (last)
                    Ended(); // so that decoding finds its maps' room free
                if (last && drawing.Latents is { } kept)
                    kept.Add((start, count, step with { X = step.X.detach().clone().DetachFromDisposeScope(), From = null },
                        evaluations));
                else if (last || shown)
                    Show(drawing, start, count, step, steps, evaluations, last, shown);
            }, stop);
        }
        finally
        {
            Ended();
        }
    }

    private static void Show(
        Drawing drawing, int start, int count, SamplingStep step, int steps, long evaluations, bool last, bool shown)
    {
        var info = drawing.Plan.Model;
        byte[] values = Decoded(info, last ? step.X : step.Denoised, drawing.Source, last);
        byte[]? noisy = shown && drawing.Watch.Noisy && step.From is not null ? Noisy(info, step) : null;
        int length = values.Length / count;
        if (last)
            values.CopyTo(drawing.Pixels, (long)start * length);
        ImageBatch One(byte[] of, int i) =>
            new(1, info.Channels, info.Height, info.Width, of.AsSpan(i * length, length).ToArray());
        for (int i = 0; shown && i < count; i++)
            drawing.Watch.Seen!(new GenerationStep(start + i, step.Index, steps, step.Sigma, One(values, i))
                { Evaluations = evaluations / count, Noisy = noisy is null ? null : One(noisy, i) });
    }

    /// <summary>What a step started from, in the coordinates of a variance-preserving process: 0 to 255, [B, C, H, W].</summary>
    private static byte[] Noisy(ModelInfo info, SamplingStep step)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        return PixelTensors.Bytes(info.Pixels.Preview(step.From!.Over(Math.Sqrt(1 + step.Sigma * step.Sigma))).cpu());
    }

    /// <summary>Values 0 to 255: [B, C, H, W]. Where a mask keeps the picture, its own pixels.</summary>
    private static byte[] Decoded(ModelInfo info, Tensor numbers, EncodedSource source, bool last)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var pixels = (last ? info.Pixels.Decode(numbers) : info.Pixels.Preview(numbers)).cpu();
        return PixelTensors.Bytes(source.Mask is null ? pixels : where(source.Mask, pixels, source.Pixels!));
    }

    /// <summary>What all walks of a request share.</summary>
    private sealed record Drawing(
        GenerationPlan Plan, GenerationWatch Watch, EncodedSource Source, SizedNetworks.Lease Network, byte[] Pixels)
    {
        /// <summary>What is decoded after all walks, where the network is freed before: the first image, how many, the last
        /// step, and its evaluations. Else null.</summary>
        public ConcurrentBag<(int Start, int Count, SamplingStep Step, long Evaluations)>? Latents { get; init; }
    }
}
