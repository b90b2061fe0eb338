using System.Globalization;
using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Runtime;
using Mezzotint.Serving;
using Mezzotint.Text;
using Mezzotint.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Runs;

/// <summary>The file of an adapter, or of a word, and pictures that are drawn with it.</summary>
internal sealed class AdapterProduct : RunProduct
{
    private const int Rows = 4, SampleScale = 1;

    private readonly AdapterExperiment _config;
    private readonly LoadedModel _model;
    private readonly RunFolder _folder;
    private readonly ImageSet _train, _test;
    private readonly string _file;
    private readonly FrozenWeights _frozen;
    private readonly TrainingTask _task;

    /// <summary>Takes gradients from what stays as it is.</summary>
    /// <param name="config">The settings.</param>
    /// <param name="model">The model; it stays the caller's.</param>
    /// <param name="folder">Where the run is kept.</param>
    /// <param name="train">What is learned.</param>
    /// <param name="test">What the loss is evaluated on.</param>
    /// <param name="file">The file to make or to replace.</param>
    /// <exception cref="MezzotintException">No layer is meant, or the word cannot be learned.</exception>
    public AdapterProduct(
        AdapterExperiment config, LoadedModel model, RunFolder folder, ImageSet train, ImageSet test, string file)
    {
        (_config, _model, _folder, _train, _test, _file) = (config, model, folder, train, test, file);
        var pixels = model.Info.Pixels;
        if (config.Word is { } word)
        {
            _task = new WordTask(model, word, config.Like, config.Vectors) { Codec = pixels };
            _frozen = new FrozenWeights(model.Network, _ => false);
            return;
        }
        bool trainsText = config.TextParts.Length > 0;
        var means = LowRankWeights.Means(config.Training.LowRank);
        bool Means(string name) => means(name) && !(IsOfText(name) && name.Contains("_embedding.", StringComparison.Ordinal));
        var both = new PromptedNetwork(model.Network, trainsText ? Coder.Network : null, isLent: true);
        _task = new AdapterTask(model, trainsText, config.Training.LabelDropout) { Codec = pixels };
        _frozen = new FrozenWeights(both, Means);
        string[] meant = [.. both.named_parameters().Where(named => named.parameter.requires_grad).Select(named => named.name)];
        if (!meant.All(IsOfText) && (!trainsText || meant.Any(IsOfText)))
            return;
        Dispose();
        throw meant.All(IsOfText) ? NoLayer("parts", "the network") : NoLayer("text_parts", "the text encoder");
    }

    private static bool IsOfText(string name) => name.StartsWith("text_encoder.", StringComparison.Ordinal);

    private static MezzotintException NoLayer(string key, string network) =>
        new($"{key} means no layer of {network}: * means all.") { Key = key };

    public override TrainingConfig Training => _config.Training;

    protected override DataConfig Data => _config.Data;

    private TextCoder Coder => ((TextPrompts)_model.Info.Prompts!).Opened;

    public override Trainer NewTrainer() =>
        new(_task, _config.Training, _train, _test, _model.Device) { EpochSteps = _config.StepsPerEpoch };

    public override string WithRate(double rate) => string.Create(CultureInfo.InvariantCulture, $"--resume --rate {rate:G3}");

    public override void Check() => _ = Configuration.Write(_config);

    public override void Write(Trainer trainer, RunLogEntry epoch)
    {
        if (_config.Word is { } word)
            SafetensorsFile.Write(_file, [new(word, Vectors(trainer).ToData())]);
        else
            LowRankAdapter.Write(_file, trainer.Changes, _config.Training.LowRank, Path.GetFileNameWithoutExtension(_file),
                _config.Names == AdapterNaming.Peft);
    }

    /// <summary>A row for each of the first captions, or for the word, of the same seeds each time.</summary>
    public override string? DrawSamples(Trainer trainer, RunLogEntry epoch, CancellationToken cancellation)
    {
        int columns = _config.Training.SamplesPerLabel;
        if (columns == 0)
            return null;
        using var scope = NewDisposeScope();
        if (_config.Word is { } learned)
            Coder.Add([(learned, ((WordVectors)trainer.Network).Vectors.detach().cpu())]);
        try
        {
            Coder.Refresh();
            using var pipeline = new DiffusionPipeline(_model, threads: _config.Training.Replicas);
            string[] prompts = _config.Word is { } word ? [$"a photo of {word}"]
                : [.. Enumerable.Range(0, _test.Count).SelectMany(index => _test.Captions(index).Take(1)).Distinct().Take(Rows)];
            var options = new GenerationOptions
            {
                Count = columns, Seed = 0, Steps = _config.Training.SampleSteps, Size = (_train.Width, _train.Height),
            };
            string file = Path.Combine(_folder.Samples, $"epoch-{trainer.EpochsDone:D3}.png");
            PngFile.Write(file, pipeline.Generate(prompts, options, cancellation).Images.Grid(columns), SampleScale);
            return file;
        }
        finally
        {
            if (_config.Word is not null)
                Coder.Forget();
            Coder.Refresh();
        }
    }

    /// <summary>[D] of one vector, [n, D] of several: as diffusers has it.</summary>
    private static Tensor Vectors(Trainer trainer)
    {
        var vectors = ((WordVectors)trainer.Network).Vectors.detach();
        return vectors.shape[0] == 1 ? vectors[0] : vectors;
    }

    public override void Dispose()
    {
        _frozen.Dispose();
        (_task as IDisposable)?.Dispose();
        Coder.Refresh();
    }
}
