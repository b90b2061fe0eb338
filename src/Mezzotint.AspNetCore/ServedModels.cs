using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using Mezzotint.AspNetCore.Api;
using Mezzotint.Serving;
using Microsoft.Extensions.Logging;

namespace Mezzotint.AspNetCore;

/// <summary>
/// The models that requests can ask for. One that is not loaded is loaded when it is asked for. Where memory is limited, those
/// that were asked for least recently make room: they take no new request, and go when their last one is answered.
/// </summary>
internal sealed partial class ServedModels : IAsyncDisposable, IDisposable
{
    private const double Megabyte = 1e6;
    private const int MostOfRuns = 3; // models of the runs folder that are loaded at once

    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _loading = new(1); // one load at a time: each makes room for itself
    private readonly ServedRuns _runs;
    private readonly List<ServedModel> _ofRuns = []; // those that were asked for, and are loaded or being loaded
    private readonly double _budget;
    private readonly ILogger _log;
    private readonly Histogram<double> _loadTime;
    private TaskCompletionSource _changed = Signal();
    private PipelineWork _gone = new(0, 0, 0, 0); // what models had done that are loaded no more
    private long _clock;
    private bool _ended;

    /// <summary>A pipeline of the caller's.</summary>
    public ServedModels(DiffusionPipeline pipeline, ServedRuns runs, IMeterFactory meters, ILogger<ServedModels> log)
        : this([new(pipeline)], runs, 0, meters, log)
    {
    }

    /// <summary>Models of folders.</summary>
    /// <exception cref="MezzotintException">There is none, a folder is no model, or one does not fit into the
    /// memory.</exception>
    public ServedModels(MezzotintOptions options, ServedRuns runs, IMeterFactory meters, ILogger<ServedModels> log)
        : this([.. options.Models.Select(model => Read(model.Key, model.Value))], runs, options.MemoryBudget, meters, log)
    {
    }

    private ServedModels(
        IReadOnlyList<ServedModel> models, ServedRuns runs, double megabytes, IMeterFactory meters, ILogger<ServedModels> log)
    {
        (All, _runs, _log) = (models, runs, log);
        _budget = megabytes > 0 ? megabytes * Megabyte : double.PositiveInfinity;
        if (All.Count == 0)
            throw new MezzotintException("There is no model to draw with: name one, as Models:mnist:Folder = models/mnist.")
                { Key = "Models" };
        if (All.FirstOrDefault(model => model.Bytes > _budget) is { } large)
            throw new MezzotintException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"The model '{large.Name}' takes {large.Bytes / Megabyte:F0} MB, and MemoryBudget (--memory-budget) is "
                    + $"{megabytes}: raise it, or give the model fewer threads.")) { Key = "MemoryBudget" };
        var meter = meters.Create(MezzotintTelemetry.Name);
        _loadTime = meter.CreateHistogram<double>("mezzotint.model.load", "s", "Time that a model took to load.");
        meter.CreateObservableUpDownCounter(
            "mezzotint.models.memory", () => (long)BytesTaken, "By", "Memory of the models that are loaded, by an estimate.");
    }

    /// <summary>All of them; the first is drawn with where no other is asked for.</summary>
    public IReadOnlyList<ServedModel> All { get; }

    private IEnumerable<ServedModel> Everything => All.Concat(_ofRuns);

    /// <summary>How often a model was loaded.</summary>
    public int Loads { get; private set; }

    /// <summary>Memory of those that are loaded: an estimate.</summary>
    public double BytesTaken
    {
        get
        {
            lock (_lock)
                return Everything.Where(model => model.Loaded is not null).Sum(model => model.Bytes);
        }
    }

    /// <summary>What all of them have done and have to do.</summary>
    public PipelineWork Work
    {
        get
        {
            lock (_lock)
                return Everything.Select(model => model.Loaded?.Work).OfType<PipelineWork>().Aggregate(_gone, Sum);
        }
    }

    /// <summary>The model of a name.</summary>
    /// <param name="name">Null for the first.</param>
    /// <exception cref="ApiError">There is none.</exception>
    public ServedModel Find(string? name) => name is null ? All[0]
        : All.FirstOrDefault(model => model.Name == name) ?? _runs.Find(name)
            ?? throw ApiError.NoModel(name, string.Join("', '", All.Select(model => model.Name)));

    /// <summary>Whether the model of an entry is in memory.</summary>
    public bool IsLoaded(ServedModel model)
    {
        lock (_lock)
            return model.Loaded is not null;
    }

    /// <summary>The pipeline of a model, until the lease ends. Loads it where it is not loaded.</summary>
    /// <param name="name">Null for the first.</param>
    /// <param name="stop">Stops waiting.</param>
    /// <exception cref="ApiError">There is no such model.</exception>
    /// <exception cref="MezzotintException">It cannot be loaded.</exception>
    public async Task<ModelLease> RentAsync(string? name, CancellationToken stop)
    {
        var model = Find(name);
        while (true)
        {
            Task waited;
            Task<DiffusionPipeline>? pipeline = null;
            lock (_lock)
            {
                ObjectDisposedException.ThrowIf(_ended, this);
                waited = _changed.Task;
                if (!model.IsLeaving)
                {
                    model.Leases++;
                    model.LastUse = ++_clock;
                    if (model.IsOfRun && !_ofRuns.Contains(model))
                        _ofRuns.Add(model);
                    pipeline = model.Pipeline ??= LoadAsync(model);
                }
            }
            if (pipeline is null)
            {
                await waited.WaitAsync(stop).ConfigureAwait(false);
                continue;
            }
            try
            {
                return new ModelLease(await pipeline.WaitAsync(stop).ConfigureAwait(false), () => Return(model));
            }
            catch
            {
                Return(model);
                throw;
            }
        }
    }

    /// <summary>Loads models in their order, as far as they fit beside each other.</summary>
    public async Task WarmUpAsync(CancellationToken stop)
    {
        double taken = 0;
        foreach (var model in All.TakeWhile(model => (taken += model.Bytes) <= _budget))
            (await RentAsync(model.Name, stop).ConfigureAwait(false)).Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        List<Task<DiffusionPipeline>> loaded;
        lock (_lock)
        {
            _ended = true;
            loaded =
            [
                .. Everything.Where(model => model.CanGo).Select(model => model.Pipeline).OfType<Task<DiffusionPipeline>>(),
            ];
        }
        foreach (var pipeline in loaded)
        {
            await ((Task)pipeline).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (pipeline.IsCompletedSuccessfully)
                (await pipeline.ConfigureAwait(false)).Dispose();
        }
        _loading.Dispose();
    }

    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    private static ServedModel Read(string name, ModelOptions options)
    {
        try
        {
            return new(name, options);
        }
        catch (Exception wrong) when (wrong is MezzotintException or ArgumentException)
        {
            throw new MezzotintException($"The model '{name}': {wrong.Message}", wrong) { Key = $"Models:{name}" };
        }
    }

    private async Task<DiffusionPipeline> LoadAsync(ServedModel model)
    {
        await Task.Yield(); // the caller holds the lock
        await _loading.WaitAsync().ConfigureAwait(false);
        try
        {
            await MakeRoomAsync(model).ConfigureAwait(false);
            long since = Stopwatch.GetTimestamp();
            var pipeline = await Task.Run(model.Load).ConfigureAwait(false);
            lock (_lock)
            {
                Loads++;
                model.Loaded = pipeline; // before others may load: they make room for what is there
            }
            double seconds = Stopwatch.GetElapsedTime(since).TotalSeconds;
            _loadTime.Record(seconds, new KeyValuePair<string, object?>(MezzotintTelemetry.ModelTag, model.Name));
            IsLoadedNow(model.Name, seconds, model.Bytes / Megabyte);
            return pipeline;
        }
        catch (Exception error)
        {
            CannotBeLoaded(model.Name, error);
            lock (_lock)
                model.Pipeline = null; // the next request tries again
            throw;
        }
        finally
        {
            _loading.Release();
        }
    }

    /// <summary>Waits until a model fits beside those that are loaded.</summary>
    private async Task MakeRoomAsync(ServedModel wanted)
    {
        while (true)
        {
            Task waited;
            DiffusionPipeline? gone = null;
            lock (_lock)
            {
                var others = Everything.Where(model => model != wanted && model.CanGo && model.Loaded is not null).ToList();
                bool many = wanted.IsOfRun && others.Count(model => model.IsOfRun) >= MostOfRuns;
                if (others.Count == 0 || !many && others.Sum(model => model.Bytes) + wanted.Bytes <= _budget)
                    return;
                var oldest = others.Where(model => model.IsOfRun || !many).MinBy(model => model.LastUse)!;
                oldest.IsLeaving = true;
                waited = _changed.Task;
                if (oldest.Leases == 0)
                {
                    gone = oldest.Loaded!;
                    _gone = Sum(_gone, gone.Work);
                    (oldest.Pipeline, oldest.Loaded, oldest.IsLeaving) = (null, null, false);
                    _ofRuns.Remove(oldest);
                    Tell();
                }
            }
            if (gone is null)
            {
                await waited.ConfigureAwait(false);
                continue;
            }
            await Task.Run(gone.Dispose).ConfigureAwait(false);
            HasMadeRoom(gone.Name, wanted.Name);
        }
    }

    private void Return(ServedModel model)
    {
        lock (_lock)
        {
            model.Leases--;
            Tell();
        }
    }

    private static PipelineWork Sum(PipelineWork a, PipelineWork b) => new(
        a.Waiting + b.Waiting, a.Images + b.Images, a.Evaluations + b.Evaluations, a.Batches + b.Batches);

    [LoggerMessage(
        Level = LogLevel.Information, Message = "The model '{Model}' was loaded in {Seconds:F1} s, {Megabytes:F0} MB.")]
    private partial void IsLoadedNow(string model, double seconds, double megabytes);

    [LoggerMessage(Level = LogLevel.Information, Message = "The model '{Model}' has made room for '{Other}'.")]
    private partial void HasMadeRoom(string model, string other);

    [LoggerMessage(Level = LogLevel.Error, Message = "The model '{Model}' cannot be loaded.")]
    private partial void CannotBeLoaded(string model, Exception error);

    /// <summary>Wakes whoever waits for a change; called with the lock held.</summary>
    private void Tell()
    {
        _changed.SetResult();
        _changed = Signal();
    }

    private static TaskCompletionSource Signal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

/// <summary>A model that stays loaded as long as this is not disposed.</summary>
/// <param name="pipeline">Draws.</param>
/// <param name="end">Called once at the end.</param>
internal sealed class ModelLease(DiffusionPipeline pipeline, Action end) : IDisposable
{
    private int _ended;

    public DiffusionPipeline Pipeline => pipeline;

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _ended, 1) == 0)
            end();
    }
}
