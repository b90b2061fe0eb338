using System.Globalization;
using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Serving;
using Mezzotint.Text;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Runs;

/// <summary>A model that draws, and pictures of it after each epoch.</summary>
internal sealed class DenoiserProduct : RunProduct
{
    private const int SampleScale = 2;

    /// <summary>Captions in the grid of a model that is asked in words.</summary>
    private const int Rows = 8;

    private readonly ExperimentConfig _config; // with the numbers of the data
    private readonly RunFolder? _folder;
    private readonly ImageSet _train, _test;
    private readonly Device? _device;
    private readonly Exchange _exchange;
    private readonly ExperimentParts _parts;
    private readonly LoadedModel? _start, _teacher;
    private readonly NetworkConfig? _begun;
    private readonly IReadOnlyList<string> _classNames;

    /// <summary>Reads the model that the run began with, and takes the open numbers of the network from the data.</summary>
    /// <param name="config">The settings.</param>
    /// <param name="folder">Where the run is kept; null in a process that only helps.</param>
    /// <param name="train">What is learned.</param>
    /// <param name="test">What the loss is evaluated on.</param>
    /// <param name="device">Where; the CPU unless told otherwise.</param>
    /// <param name="goesOn">Whether there is a checkpoint: then the network keeps its classes.</param>
    /// <param name="exchange">The processes that train together.</param>
    public DenoiserProduct(ExperimentConfig config, RunFolder? folder, ImageSet train, ImageSet test, Device? device, bool goesOn,
        Exchange exchange)
    {
        (_folder, _train, _test, _device, _exchange) = (folder, train, test, device, exchange);
        _parts = ExperimentParts.Open(config);
        config = (ExperimentConfig)_parts.Experiment;
        _start = folder is not null && ModelFolder.Exists(folder.Start) ? ModelFolder.Read(folder.Start) : null;
        _teacher = folder is not null && ModelFolder.Exists(folder.Teacher) ? ModelFolder.Read(folder.Teacher) : null;
        _begun = _start?.Info.Model ?? (goesOn ? config.Model : null);
        _config = config.Fit(train, _begun);
        _classNames = DataFit.ClassNames(ClassesOf(_config.Model, train), _start?.Info.ClassNames ?? [],
            _config.Model.CorpusLength);
    }

    public override TrainingConfig Training => _config.Training;

    protected override DataConfig Data => _config.Data;

    public override Trainer NewTrainer() => new(
        _config, _train, _test, _device, _start?.Network, _begun, _exchange, _teacher?.Network);

    public override string WithRate(double rate) => string.Create(
        CultureInfo.InvariantCulture, $"for instance --resume --set training.learning_rate={rate:G3}");

    public override void Check()
    {
        _ = Configuration.Write(_config); // a loss weighting or schedule of a program's own may have no name in files
        var info = Description(new RunLogEntry { Step = 0, Epoch = 0, TrainLoss = 0, EvalLoss = 0, Seconds = 0 });
        info.Validate();
        _ = ModelDescription.Write(info);
        if (info.Sampling.Classifier is not null) // does it see such images, and know their classes?
            _ = new GenerationOptions().GuidanceByClassifier([.. Enumerable.Range(0, _classNames.Count)], info.Sampling, info);
        int each = _config.Training.SamplesPerLabel;
        if (each == 0)
            return;
        int rows = _config.Model.HasClasses ? _classNames.Count : Rows;
        var size = PictureSize.OfGrid(each * rows, _train.Height, _train.Width, each, SampleScale);
        Mezzotint.Check.Range(
            "training.samples_per_label", each, size.Fits,
            $"lower: the grid of {rows} rows would have {size} pixels, and at most {PictureSize.MostPixels} are "
            + "written");
    }

    /// <summary>A grid with a row a label, of the same seeds after each epoch.</summary>
    public override string? DrawSamples(Trainer trainer, RunLogEntry epoch, CancellationToken cancellation)
    {
        int columns = _config.Training.SamplesPerLabel;
        if (columns == 0)
            return null;
        var (network, info, coder) = Parts(trainer, epoch);
        using var _ = coder;
        var model = new LoadedModel(network, info).With(_config.Training.Precision);
        using var pipeline = new DiffusionPipeline(model, threads: _config.Training.ReplicasOf(_exchange));
        var options = new GenerationOptions { Count = columns, Seed = 0, Steps = _config.Training.SampleSteps };
        var drawn = model.Info.IsAskedInWords
            ? pipeline.Generate(SampleCaptions(_test), options, cancellation)
            : pipeline.Generate([.. Enumerable.Range(0, DataFit.ClassesOf(_train))], options, cancellation);
        string file = Path.Combine(_folder!.Samples, $"epoch-{trainer.EpochsDone:D3}.png");
        PngFile.Write(file, drawn.Images.Grid(columns), SampleScale);
        return file;
    }

    private static IReadOnlyList<string> ClassesOf(NetworkConfig model, ImageSet train) =>
        !model.HasClasses ? [] : train.HasClasses ? train.ClassNames : [DataFit.OnlyClass];

    /// <summary>The first captions of images that are spread over a set, as many as there are rows.</summary>
    private static string[] SampleCaptions(ImageSet set) =>
    [
        .. Enumerable.Range(0, Rows).Select(
            row => set.Captions((int)((long)row * set.Count / Rows)) is [var first, ..] ? first : ""),
    ];

    private PromptExamples? Examples => _config.Model.HasClasses ? null
        : new() { Learned = Lines(_train), Unseen = Lines(_test) };

    private static string[] Lines(ImageSet set) =>
        [.. SampleCaptions(set).Where(caption => ModelInfo.IsLine(caption, 300)).Distinct()];

    public override void Write(Trainer trainer, RunLogEntry epoch)
    {
        var (network, info, coder) = Parts(trainer, epoch);
        using var _ = coder;
        ModelFolder.Write(_folder!.Model, network, info);
        if (trainer.Changes.Count > 0)
            LowRankAdapter.Write(_folder.Adapter, trainer.Changes, _config.Training.LowRank, info.Name);
    }

    /// <summary>The network as it is now and its description; and what reads prompts for it, where the text encoder learns: it
    /// is the caller's to free, and the encoder stays the trainer's.</summary>
    private (DenoisingNetwork Network, ModelInfo Info, TextCoder? Coder) Parts(Trainer trainer, RunLogEntry epoch)
    {
        var (network, encoder) = PromptedNetwork.Parts(trainer.Network);
        var info = Description(epoch);
        if (encoder is null)
            return (network, info, null);
        var prompts = (TextPrompts)info.Prompts!;
        var coder = new TextCoder(prompts.Opened.Tokenizer, encoder);
        return (network, info with { Prompts = prompts with { Coder = coder, Sha256 = null } }, coder);
    }

    public override void Dispose()
    {
        _start?.Dispose();
        _teacher?.Dispose();
        _parts.Dispose();
    }

    private ModelInfo Description(RunLogEntry epoch) => new()
    {
        Name = $"{Path.GetFileName(Path.GetFullPath(_folder!.Path))} after {epoch.Epoch:0} epochs",
        Model = _config.Model,
        Process = _config.Process,
        Parameterisation = _config.Parameterisation,
        Loss = _config.Loss,
        Times = _config.Times,
        Pixels = _config.Pixels,
        Prompts = _config.Prompts,
        Examples = Examples,
        ImageChannels = _train.Channels == _config.Model.InChannels ? null : _train.Channels,
        Sampling = _config.Sampling,
        Classifier = _parts.Classifier,
        Height = _train.Height,
        Width = _train.Width,
        ClassNames = _classNames,
        Dataset = _config.Data.Name,
        Background = _train.Reading is null ? null : _config.Data.Background,
        Size = _config.Data.Size,
        Data = _config.Data,
        Steps = epoch.Step,
        Epochs = epoch.Epoch,
        TrainLoss = epoch.TrainLoss,
        EvalLoss = epoch.EvalLoss,
        TrainingSeconds = epoch.Seconds,
        Seed = _config.Training.Seed,
        Provenance = Provenance,
    };
}
