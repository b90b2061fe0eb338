using System.Globalization;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Threading.Channels;
using Mezzotint.Engine;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Models.Onnx;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using Mezzotint.Text;
using TorchSharp;

namespace Mezzotint.Serving;

/// <summary>
/// A model, ready to draw: <c>DiffusionPipeline.Load("models/seed").Generate("7").SavePng("seven.png")</c>. Any number of threads
/// may ask at once; their images share the network's evaluations (<see cref="SharedEvaluations"/>), and each is the same as
/// alone.
/// </summary>
public sealed class DiffusionPipeline : IDisposable
{
    private readonly LoadedModel _model;
    private readonly IReadOnlyList<ModelAdapter> _adapters; // as they were when the weights were taken
    private readonly bool _ownsModel;
    private readonly WorkerThreads _libtorch;
    private readonly PipelineWalks _walks;

    /// <summary>Wraps a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="name">What it is called: an identifier, as <c>seed</c>.</param>
    /// <param name="hash">Its fingerprint, where it has one.</param>
    /// <param name="threads">How many threads evaluate side by side; 0 for one a core, on a GPU for 1.</param>
    /// <param name="ownsModel">Whether the model is freed with the pipeline.</param>
    /// <param name="exchange">Processes that draw together, one request at a time and each the same: images are shared out over
    /// them, and process 0 has all in the end, the others their own and black ones. Null for this one alone.</param>
    /// <exception cref="MezzotintException">The model's images are no pictures.</exception>
    public DiffusionPipeline(
        LoadedModel model, string name = "model", string? hash = null, int threads = 0, bool ownsModel = false,
        Exchange? exchange = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        if (model.Info.Channels is not (1 or 3))
            throw new MezzotintException(
                $"The model '{model.Info.Name}' has images of {model.Info.Channels} channels; only 1 (grey) and 3 (colour) can "
                + $"be drawn.");
        (_model, Name, ModelHash, _ownsModel, _adapters) = (model, name, hash, ownsModel, [.. model.Adapters]);
        _libtorch = new WorkerThreads(1); // sets libtorch to one thread an operator; threads that start later follow
        exchange ??= Exchange.Alone;
        int most = threads == 0 ? Math.Max(1, model.Threads / exchange.SizeHere) : threads;
        _walks = new PipelineWalks(model, most, exchange, name);
    }

    /// <summary>Loads a model.</summary>
    /// <param name="folder">The folder of a model, a single file of Stable Diffusion, or a PyTorch checkpoint of the seed
    /// system.</param>
    /// <param name="threads">How many threads evaluate side by side; 0 for one a core.</param>
    /// <param name="name">What it is called; null for the name of the folder.</param>
    /// <param name="device">The name of where it is evaluated: see <see cref="ComputeDevice"/>.</param>
    /// <param name="precision">With what numbers: see <see cref="ComputePrecision"/>.</param>
    /// <param name="opening">What a single file does not say.</param>
    /// <exception cref="MezzotintException">The folder is no model, its files are damaged, or there is no such device or
    /// precision.</exception>
    public static DiffusionPipeline Load(
        string folder, int threads = 0, string? name = null, string device = ComputeDevice.Cpu,
        string precision = ComputePrecision.Automatic, ModelOpening? opening = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var place = ComputeDevice.Named(device);
        opening = (opening ?? new()) with { Narrow = place.type == DeviceType.CPU };
        var model = ModelPath.Read(folder, opening).To(place).With(precision);
        string own = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        name ??= File.Exists(own) ? Path.GetFileNameWithoutExtension(own) : Path.GetFileName(own);
        return new DiffusionPipeline(
            model, name.Length == 0 ? "model" : name, ModelPath.Hash(folder, opening), threads, ownsModel: true);
    }

    /// <summary>What the model is called.</summary>
    public string Name { get; }

    /// <summary>The name of where it is evaluated, as <see cref="ComputeDevice"/> has it.</summary>
    public string Device => _model.Device.ToString();

    /// <summary>What computes the network, for people to read, as <see cref="ComputePrecision.InWords"/> has it.</summary>
    public string ComputedBy => _model.ComputedBy;

    /// <summary>What is known about the model.</summary>
    public ModelInfo Model => _model.Info;

    /// <summary>The model's fingerprint, <see cref="ModelFolder.Hash"/>; null where it has none.</summary>
    public string? ModelHash { get; }

    /// <summary>How many threads evaluate the network side by side.</summary>
    public int Threads => _walks.Threads;

    /// <summary>Whether the network is freed once all images of the next drawing have been walked, before they are decoded: to
    /// save memory. Nothing more can be drawn then.</summary>
    public bool FreesNetwork
    {
        get => _walks.FreesNetwork;
        set => _walks.FreesNetwork = value;
    }

    /// <summary>How much it has done and what it has to do.</summary>
    public PipelineWork Work => _walks.Work;

    /// <summary>Writes the network as an ONNX file, as <see cref="OnnxFile"/> has it.</summary>
    /// <returns>The second file, where the weights are; null where they are in the first.</returns>
    /// <exception cref="MezzotintException">A layer has no operators in ONNX, or the file cannot be written.</exception>
    public string? WriteOnnx(string path) => OnnxFile.Write(path, _model.Network, Model);

    /// <summary>Writes the network's weights as a safetensors file, in float32, with the model's description under
    /// <see cref="OnnxFile.DescriptionKey"/> of its metadata.</summary>
    /// <exception cref="MezzotintException">A weight is not finite, or the file cannot be written.</exception>
    public void WriteSafetensors(string path) => SafetensorsFile.Write(
        path, NetworkWeights.Save(_model.Network),
        new Dictionary<string, string>
            { [OnnxFile.DescriptionKey] = System.Text.Encoding.UTF8.GetString(ModelDescription.Write(Model)) });

    /// <summary>The label that a prompt asks for, as the model reads prompts: by the rule of <see cref="PromptLabels"/>, unless
    /// it has its own.</summary>
    /// <exception cref="InvalidRequestException">The prompt is not understood.</exception>
    public int LabelOf(string prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        using var scope = TorchSharp.torch.NewDisposeScope();
        if (Model.IsAskedInWords)
            throw new InvalidRequestException(
                $"The model '{Model.Name}' is asked in words: prompts name no class.") { Key = "prompt" };
        return (int)Model.Reader.Read([prompt], Model.ClassNames).Classes!.item<long>();
    }

    /// <summary>Draws what a prompt asks for.</summary>
    /// <param name="prompt">Any words, where the model is asked in words; else the name of a class, as "7", "seven" or "a
    /// handwritten 7": see <see cref="PromptLabels"/>.</param>
    /// <param name="options">How; the model's own way where nothing is said.</param>
    /// <param name="cancellation">Stops after the step that is under way.</param>
    /// <exception cref="InvalidRequestException">The prompt is not understood, or an option is out of its range.</exception>
    public GeneratedImages Generate(string prompt, GenerationOptions? options = null, CancellationToken cancellation = default) =>
        GenerateAsync(prompt, options, cancellation).GetAwaiter().GetResult();

    /// <summary>Draws images of classes.</summary>
    /// <param name="labels">The classes; <see cref="GenerationOptions.Count"/> images of each, one after the other.</param>
    /// <param name="options">How; the model's own way where nothing is said.</param>
    /// <param name="cancellation">Stops after the step that is under way.</param>
    /// <exception cref="InvalidRequestException">A label or an option is out of its range.</exception>
    public GeneratedImages Generate(
        IReadOnlyList<int> labels, GenerationOptions? options = null, CancellationToken cancellation = default) =>
        GenerateAsync(labels, options, cancellation).GetAwaiter().GetResult();

    /// <summary>Draws what prompts ask for.</summary>
    /// <param name="prompts">In words, or the names of classes; <see cref="GenerationOptions.Count"/> images of each, one after
    /// the other.</param>
    /// <param name="options">How; the model's own way where nothing is said.</param>
    /// <param name="cancellation">Stops after the step that is under way.</param>
    /// <exception cref="InvalidRequestException">A prompt is not understood, or an option is out of its range.</exception>
    public GeneratedImages Generate(
        IReadOnlyList<string> prompts, GenerationOptions? options = null, CancellationToken cancellation = default) =>
        Prepare(prompts, options).RunAsync(cancellation: cancellation).GetAwaiter().GetResult();

    /// <inheritdoc cref="Generate(string, GenerationOptions?, CancellationToken)"/>
    public Task<GeneratedImages> GenerateAsync(
        string prompt, GenerationOptions? options = null, CancellationToken cancellation = default) =>
        Prepare([prompt], options).RunAsync(cancellation: cancellation);

    /// <inheritdoc cref="Generate(IReadOnlyList{int}, GenerationOptions?, CancellationToken)"/>
    public Task<GeneratedImages> GenerateAsync(
        IReadOnlyList<int> labels, GenerationOptions? options = null, CancellationToken cancellation = default) =>
        Prepare(labels, options).RunAsync(cancellation: cancellation);

    /// <summary>
    /// Draws, and tells each image's running estimate at each step, while the steps are walked: those of one image in their
    /// order, those of different images as they come. Whoever stops listening stops the drawing.
    /// </summary>
    /// <param name="labels">The classes; <see cref="GenerationOptions.Count"/> images of each.</param>
    /// <param name="options">How; the model's own way where nothing is said.</param>
    /// <param name="cancellation">Stops after the step that is under way.</param>
    /// <exception cref="InvalidRequestException">A label or an option is out of its range.</exception>
    public IAsyncEnumerable<GenerationStep> StreamAsync(
        IReadOnlyList<int> labels, GenerationOptions? options = null, CancellationToken cancellation = default) =>
        Stream(Prepare(labels, options), cancellation);

    /// <inheritdoc cref="StreamAsync(IReadOnlyList{int}, GenerationOptions?, CancellationToken)"/>
    public IAsyncEnumerable<GenerationStep> StreamAsync(
        string prompt, GenerationOptions? options = null, CancellationToken cancellation = default) =>
        Stream(Prepare([prompt], options), cancellation);

    /// <summary>Checks a request, draws its seed, and does nothing yet: what is wrong with it is known before it waits for
    /// anything.</summary>
    /// <param name="labels">The classes; <see cref="GenerationOptions.Count"/> images of each.</param>
    /// <param name="options">How; the model's own way where nothing is said.</param>
    /// <exception cref="InvalidRequestException">A label or an option is out of its range, or the model cannot do it; the key
    /// says which.</exception>
    public PreparedGeneration Prepare(IReadOnlyList<int> labels, GenerationOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(labels);
        return Prepare(labels, null, options ?? new GenerationOptions());
    }

    /// <summary>The same for prompts: in words, or the names of classes.</summary>
    /// <param name="prompts">What to draw; <see cref="GenerationOptions.Count"/> images of each.</param>
    /// <param name="options">How; the model's own way where nothing is said.</param>
    /// <exception cref="InvalidRequestException">A prompt is not understood, an option is out of its range, or the model cannot
    /// do it; the key says which.</exception>
    public PreparedGeneration Prepare(IReadOnlyList<string> prompts, GenerationOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        return Model.IsAskedInWords
            ? Prepare([.. Enumerable.Range(0, prompts.Count)], prompts, options ?? new GenerationOptions())
            : Prepare([.. prompts.Select(LabelOf)], null, options ?? new GenerationOptions());
    }

    private PreparedGeneration Prepare(IReadOnlyList<int> labels, IReadOnlyList<string>? prompts, GenerationOptions options)
    {
        // A drawn seed leaves room for those that follow it.
        long seed = options.Seed ?? RandomNumberGenerator.GetInt32(int.MaxValue);
        try
        {
            return Prepare(labels, prompts, options, seed);
        }
        // The model's own settings were checked when it was loaded: what is wrong here is what is asked for.
        catch (MezzotintException wrong) when (wrong is not InvalidRequestException)
        {
            throw new InvalidRequestException(wrong.Message, wrong) { Key = wrong.Key };
        }
    }

    /// <summary>Checks that images can be drawn again as a receipt says, and does nothing yet.</summary>
    /// <param name="receipt">How they were drawn; whether by this model is the caller's to compare.</param>
    /// <exception cref="MezzotintException">The receipt asks for something that there is not.</exception>
    public PreparedGeneration Prepare(ImageReceipt receipt)
    {
        ArgumentNullException.ThrowIfNull(receipt);
        receipt.CheckAdapters(_adapters);
        var plan = receipt.Plan(Model);
        _walks.Check(plan);
        return new(
            _walks, plan,
            receipt with
            {
                ModelName = Model.Name, ClassNames = receipt.Prompts ?? Model.ClassNames, Precision = _walks.Precision,
            });
    }

    /// <summary>Draws pictures anew from their own noise with this model.</summary>
    /// <param name="how">The walk to the noise and back; null for heun over <see cref="Inversion.LevelsOf"/>.</param>
    public PictureInversion Invert(Inversion? how = null) => new(_model) { Inversion = how ?? Inversion.Of(Model.Process) };

    /// <summary>Bytes that a model takes on the CPU when as many images are drawn at once as ever are: an estimate from the
    /// network's layers, without the model's other parts.</summary>
    /// <param name="model">The model, which need not be loaded: <see cref="ModelFolder.ReadInfo"/>.</param>
    /// <param name="threads">How many threads evaluate; 0 for one a core.</param>
    /// <param name="precision">With what numbers: see <see cref="ComputePrecision"/>.</param>
    public static double EstimateBytes(ModelInfo model, int threads = 0, string precision = ComputePrecision.Automatic)
    {
        ArgumentNullException.ThrowIfNull(model);
        return PipelineWalks.MostBytes(model, threads > 0 ? threads : Environment.ProcessorCount, precision);
    }

    /// <summary>Makes sure that the most images that are drawn at once fit into memory, whatever is asked for: before a server
    /// takes requests.</summary>
    /// <exception cref="MezzotintException">They do not; the message has the figures and what to lower.</exception>
    public void CheckFullLoad() => _walks.CheckMemory();

    private PreparedGeneration Prepare(
        IReadOnlyList<int> labels, IReadOnlyList<string>? prompts, GenerationOptions options, long seed)
    {
        Check.Range(prompts is null ? "labels" : "prompt", labels.Count, labels.Count > 0, "at least one");
        foreach (int label in Model.IsAskedInWords ? [] : labels)
            Check.Range("label", label, label >= 0 && label < Model.ClassNames.Count,
                $"0 to {Model.ClassNames.Count - 1}, the classes that the model knows");
        Check.Range("count", options.Count, options.Count >= 1, "1 or more");
        var model = options.Size is { } size ? Model.At(size.Width, size.Height) : Model;
        RefuseTooMany((long)labels.Count * options.Count, model);
        var plan = GenerationPlan.Of(
            [.. labels.SelectMany(label => Enumerable.Repeat(label, options.Count))], prompts, options, model.Sampling, model,
            seed);
        string? key = "source";
        try
        {
            plan.Source?.Check(model.Channels, model.Height, model.Width);
            key = null;
            _walks.Check(plan);
        }
        catch (ArgumentException wrong)
        {
            throw new InvalidRequestException(wrong.Message.Split(" (Parameter")[0], wrong) { Key = key };
        }
        return new PreparedGeneration(
            _walks, plan, ImageReceipt.For(plan, Model, ModelHash) with
            {
                Precision = _walks.Precision, Adapters = _adapters,
            });
    }

    /// <summary>Refuses images that together have more values than an array holds.</summary>
    private static void RefuseTooMany(long count, ModelInfo model)
    {
        Int128 values = (Int128)count * model.Channels * model.Height * model.Width;
        if (values > Array.MaxLength)
            throw new InvalidRequestException(string.Create(CultureInfo.InvariantCulture,
                $"{count} images of {model.Channels} x {model.Height} x {model.Width} values have {values} in all, more than the "
                + $"{Array.MaxLength} that are drawn at once: draw fewer at a time.")) { Key = "count" };
    }

    /// <summary>Waits until everything that was asked for has been drawn or given up, and frees the threads, and the model if it
    /// is the pipeline's own.</summary>
    public void Dispose()
    {
        _walks.Dispose();
        _libtorch.Dispose();
        if (_ownsModel)
            _model.Dispose();
    }

    private static async IAsyncEnumerable<GenerationStep> Stream(
        PreparedGeneration generation, [EnumeratorCancellation] CancellationToken cancellation)
    {
        // Unbounded: a slow reader must hold up no walk, because others share its evaluations.
        var channel = Channel.CreateUnbounded<GenerationStep>(new UnboundedChannelOptions { SingleReader = true });
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var drawing = generation.RunAsync(step => channel.Writer.TryWrite(step), cancellation: stop.Token);
        _ = drawing.ContinueWith(
            done => channel.Writer.TryComplete(done.Exception?.InnerException), CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
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
