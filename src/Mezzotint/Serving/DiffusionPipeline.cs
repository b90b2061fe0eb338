using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Threading.Channels;
using Mezzotint.Engine;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Runtime;
using Mezzotint.Sampling;

namespace Mezzotint.Serving;

/// <summary>
/// A model, ready to draw: <c>DiffusionPipeline.Load("models/seed").Generate("7").SavePng("seven.png")</c>. Any number of threads may ask at once; their images
/// share the network's evaluations (<see cref="SharedEvaluations"/>), and each is the same as alone.
/// </summary>
public sealed class DiffusionPipeline : IDisposable
{
    /// <summary>The most images that walk together on one thread: the solver's own arithmetic is then a small part of the work.</summary>
    internal const int ImagesOfAWalk = 8;

    /// <summary>Walks at once for each evaluator: while it evaluates the questions of some, the others wait with theirs.</summary>
    private const int WalksOfAnEvaluator = 16;

    private readonly LoadedModel _model;
    private readonly bool _ownsModel;
    private readonly Sampler _sampler;
    private readonly WorkerThreads _libtorch;
    private readonly SharedEvaluations _network;
    private readonly Walkers _walkers;
    private readonly int _threads;
    private long _images;

    /// <summary>Wraps a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="name">What it is called: an identifier, as <c>seed</c>.</param>
    /// <param name="hash">Its fingerprint, where it has one.</param>
    /// <param name="threads">How many threads evaluate side by side; 0 for one a core, on a GPU for 1.</param>
    /// <param name="ownsModel">Whether the model is freed with the pipeline.</param>
    /// <exception cref="MezzotintException">The model's images are no pictures.</exception>
    public DiffusionPipeline(LoadedModel model, string name, string? hash = null, int threads = 0, bool ownsModel = false)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        if (model.Info.Model.InChannels is not (1 or 3))
            throw new MezzotintException($"The model '{model.Info.Name}' has images of {model.Info.Model.InChannels} channels; only 1 (grey) and 3 (colour) can be drawn.");
        (_model, Name, ModelHash, _ownsModel) = (model, name, hash, ownsModel);
        _threads = threads == 0 ? model.Threads : threads;
        if (model.Device.type == TorchSharp.DeviceType.CPU)
            CheckMemory();
        _libtorch = new WorkerThreads(1); // sets libtorch to one thread an operator; threads that start later follow
        _sampler = model.CreateSampler();
        _network = new SharedEvaluations(Enumerable.Range(0, _threads).Select(_ => _sampler.NewEvaluator()));
        _walkers = new Walkers(_threads * WalksOfAnEvaluator);
    }

    /// <summary>Loads a model.</summary>
    /// <param name="folder">The folder of a model, or of a PyTorch checkpoint of the seed system.</param>
    /// <param name="threads">How many threads evaluate side by side; 0 for one a core.</param>
    /// <param name="name">What it is called; null for the name of the folder.</param>
    /// <param name="device">The name of where it is evaluated: see <see cref="ComputeDevice"/>.</param>
    /// <param name="precision">With what numbers: see <see cref="ComputePrecision"/>.</param>
    /// <exception cref="MezzotintException">The folder is no model, its files are damaged, or there is no such device or precision.</exception>
    public static DiffusionPipeline Load(string folder, int threads = 0, string? name = null, string device = ComputeDevice.Cpu, string precision = ComputePrecision.Automatic)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        bool checkpoint = !ModelFolder.Exists(folder) && SeedCheckpoint.Exists(folder);
        var model = checkpoint ? SeedCheckpoint.Read(folder) : ModelFolder.Read(folder);
        model.To(ComputeDevice.Named(device)).With(precision);
        name ??= Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        return new DiffusionPipeline(model, name.Length == 0 ? "model" : name, checkpoint ? null : ModelFolder.Hash(folder), threads, ownsModel: true);
    }

    /// <summary>What the model is called.</summary>
    public string Name { get; }

    /// <summary>The name of where it is evaluated, as <see cref="ComputeDevice"/> has it.</summary>
    public string Device => _model.Device.ToString();

    /// <summary>What is known about the model.</summary>
    public ModelInfo Model => _model.Info;

    /// <summary>The model's fingerprint, <see cref="ModelFolder.Hash"/>; null where it has none.</summary>
    public string? ModelHash { get; }

    /// <summary>How many threads evaluate the network side by side.</summary>
    public int Threads => _threads;

    /// <summary>How much it has done and what it has to do.</summary>
    public PipelineWork Work => new(_walkers.Waiting, Interlocked.Read(ref _images), _network.Evaluations, _network.Batches);

    /// <summary>The label that a prompt asks for, by the rule of <see cref="PromptLabels"/>.</summary>
    /// <exception cref="InvalidRequestException">The prompt is not understood.</exception>
    public int LabelOf(string prompt) => PromptLabels.Parse(prompt, Model.ClassNames);

    /// <summary>Draws what a prompt asks for.</summary>
    /// <param name="prompt">As "7", "seven" or "a handwritten 7": see <see cref="PromptLabels"/>.</param>
    /// <param name="options">How; the model's own way where nothing is said.</param>
    /// <param name="cancellation">Stops after the step that is under way.</param>
    /// <exception cref="InvalidRequestException">The prompt is not understood, or an option is out of its range.</exception>
    public GeneratedImages Generate(string prompt, GenerationOptions? options = null, CancellationToken cancellation = default) =>
        Generate([LabelOf(prompt)], options, cancellation);

    /// <summary>Draws images of classes.</summary>
    /// <param name="labels">The classes; <see cref="GenerationOptions.Count"/> images of each, one after the other.</param>
    /// <param name="options">How; the model's own way where nothing is said.</param>
    /// <param name="cancellation">Stops after the step that is under way.</param>
    /// <exception cref="InvalidRequestException">A label or an option is out of its range.</exception>
    public GeneratedImages Generate(IReadOnlyList<int> labels, GenerationOptions? options = null, CancellationToken cancellation = default) =>
        GenerateAsync(labels, options, cancellation).GetAwaiter().GetResult();

    /// <inheritdoc cref="Generate(string, GenerationOptions?, CancellationToken)"/>
    public Task<GeneratedImages> GenerateAsync(string prompt, GenerationOptions? options = null, CancellationToken cancellation = default) =>
        GenerateAsync([LabelOf(prompt)], options, cancellation);

    /// <inheritdoc cref="Generate(IReadOnlyList{int}, GenerationOptions?, CancellationToken)"/>
    public Task<GeneratedImages> GenerateAsync(IReadOnlyList<int> labels, GenerationOptions? options = null, CancellationToken cancellation = default) =>
        Prepare(labels, options).RunAsync(cancellation: cancellation);

    /// <summary>
    /// Draws, and tells each image's running estimate at each step, while the steps are walked: those of one image in their order, those of different images as they
    /// come. Whoever stops listening stops the drawing.
    /// </summary>
    /// <param name="labels">The classes; <see cref="GenerationOptions.Count"/> images of each.</param>
    /// <param name="options">How; the model's own way where nothing is said.</param>
    /// <param name="cancellation">Stops after the step that is under way.</param>
    /// <exception cref="InvalidRequestException">A label or an option is out of its range.</exception>
    public IAsyncEnumerable<GenerationStep> StreamAsync(IReadOnlyList<int> labels, GenerationOptions? options = null, CancellationToken cancellation = default) =>
        Stream(Prepare(labels, options), cancellation);

    /// <inheritdoc cref="StreamAsync(IReadOnlyList{int}, GenerationOptions?, CancellationToken)"/>
    public IAsyncEnumerable<GenerationStep> StreamAsync(string prompt, GenerationOptions? options = null, CancellationToken cancellation = default) =>
        StreamAsync([LabelOf(prompt)], options, cancellation);

    /// <summary>Checks a request, draws its seed, and does nothing yet: what is wrong with it is known before it waits for anything.</summary>
    /// <param name="labels">The classes; <see cref="GenerationOptions.Count"/> images of each.</param>
    /// <param name="options">How; the model's own way where nothing is said.</param>
    /// <exception cref="InvalidRequestException">A label or an option is out of its range, or the model cannot do it; the key
    /// says which.</exception>
    public PreparedGeneration Prepare(IReadOnlyList<int> labels, GenerationOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(labels);
        options ??= new GenerationOptions();
        // A drawn seed leaves room for those that follow it.
        long seed = options.Seed ?? RandomNumberGenerator.GetInt32(int.MaxValue);
        try
        {
            return Prepare(labels, options, seed);
        }
        // The model's own settings were checked when it was loaded: what is wrong here is what is asked for.
        catch (MezzotintException wrong) when (wrong is not InvalidRequestException)
        {
            throw new InvalidRequestException(wrong.Message, wrong) { Key = wrong.Key };
        }
    }

    private void CheckMemory()
    {
        int images = WalksOfAnEvaluator * ImagesOfAWalk;
        var memory = new NetworkMemory(Model.Model, Model.Height, Model.Width, _model.Precision);
        DrawingMemory.Of(memory, _threads, images, "threads", $"Evaluate on fewer threads than {_threads}").Check();
    }

    private PreparedGeneration Prepare(IReadOnlyList<int> labels, GenerationOptions options, long seed)
    {
        Check.Range("labels", labels.Count, labels.Count > 0, "at least one");
        foreach (int label in labels)
            Check.Range("label", label, label >= 0 && label < Model.ClassNames.Count, $"0 to {Model.ClassNames.Count - 1}, the classes that the model knows");
        var (request, recipe) = options.For(Model.Sampling, Model, labels, seed);
        string? key = "source";
        try
        {
            request.Source?.Check(Model.Model.InChannels, Model.Height, Model.Width);
            key = null;
            _sampler.Check(request);
        }
        catch (ArgumentException wrong)
        {
            throw new InvalidRequestException(wrong.Message.Split(" (Parameter")[0], wrong) { Key = key };
        }
        return new PreparedGeneration(this, request, ImageReceipt.For(request, recipe, Model, ModelHash) with { Precision = _sampler.Precision });
    }

    /// <summary>Waits until everything that was asked for has been drawn or given up, and frees the threads, and the model if it is the pipeline's own.</summary>
    public void Dispose()
    {
        _walkers.Dispose();
        _network.Dispose();
        _libtorch.Dispose();
        if (_ownsModel)
            _model.Dispose();
    }

    internal long EvaluationsOf(SamplingRequest request) => _sampler.EvaluationsOf(request);

    /// <summary>Draws a request on the walkers' threads.</summary>
    internal async Task<ImageBatch> RunAsync(SamplingRequest request, Action<GenerationStep>? seen, Func<int, int, bool> wanted, CancellationToken cancellation)
    {
        int channels = Model.Model.InChannels, length = channels * Model.Height * Model.Width;
        var pixels = new byte[(long)request.Labels.Count * length];
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation); // one failed part stops the others
        var parts = Sampler.Parts(request.Labels.Count, _threads, Sampler.BatchSize(request, request.Solver)).Select(part =>
        {
            var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _walkers.Run(() =>
            {
                try
                {
                    Walk(request, part.Start, part.Count, pixels, length, seen, wanted, stop.Token);
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
        Interlocked.Add(ref _images, request.Labels.Count);
        return new ImageBatch(request.Labels.Count, channels, Model.Height, Model.Width, pixels);
    }

    private void Walk(SamplingRequest request, int start, int count, byte[] pixels, int length, Action<GenerationStep>? seen, Func<int, int, bool> wanted, CancellationToken stop)
    {
        stop.ThrowIfCancellationRequested();
        _network.Walk(count);
        try
        {
            _sampler.Draw(request, start, count, _network.Evaluate, (step, steps, sigma, estimate, evaluations) =>
            {
                bool last = step == steps - 1;
                if (!last && (seen is null || !wanted(step, steps)))
                    return;
                byte[] values = _sampler.ToBytes(estimate);
                if (last)
                    values.CopyTo(pixels, (long)start * length);
                for (int i = 0; seen is not null && i < count; i++)
                    seen(new GenerationStep(
                        start + i, step, steps, sigma,
                        new ImageBatch(
                        1, Model.Model.InChannels, Model.Height, Model.Width, values.AsSpan(i * length, length).ToArray()))
                        { Evaluations = evaluations / count });
            }, stop);
        }
        finally
        {
            _network.Walk(-count);
        }
    }

    private static async IAsyncEnumerable<GenerationStep> Stream(PreparedGeneration generation, [EnumeratorCancellation] CancellationToken cancellation)
    {
        // Unbounded: a slow reader must hold up no walk, because others share its evaluations.
        var channel = Channel.CreateUnbounded<GenerationStep>(new UnboundedChannelOptions { SingleReader = true });
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var drawing = generation.RunAsync(step => channel.Writer.TryWrite(step), cancellation: stop.Token);
        _ = drawing.ContinueWith(done => channel.Writer.TryComplete(done.Exception?.InnerException), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        try
        {
            await foreach (var step in channel.Reader.ReadAllAsync(cancellation).ConfigureAwait(false))
                yield return step;
            await drawing.ConfigureAwait(false);
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await ((Task)drawing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // it uses the token until its end
        }
    }
}

/// <summary>What a pipeline has done and has to do.</summary>
/// <param name="Waiting">Walks that wait for a thread.</param>
/// <param name="Images">Images drawn so far.</param>
/// <param name="Evaluations">Network evaluations so far, counted by image.</param>
/// <param name="Batches">Batches that they were made in.</param>
public sealed record PipelineWork(int Waiting, long Images, long Evaluations, long Batches);
