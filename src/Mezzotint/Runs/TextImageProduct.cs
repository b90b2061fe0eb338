using System.Globalization;
using Mezzotint.Data;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Text;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Runs;

/// <summary>A text-image model, with the tokenizer that was learned from the training captions.</summary>
internal sealed class TextImageProduct(
    TextImageExperiment config, RunFolder? folder, ImageSet train, ImageSet test, Device? device, Exchange exchange) : RunProduct
{
    private readonly TextImageExperiment _config = config.Fit(train);
    private readonly ClipTokenizer _tokenizer = config.TrainTokenizer(train);

    public override TrainingConfig Training => _config.Training;

    protected override DataConfig Data => _config.Data;

    public override Trainer NewTrainer() =>
        new(_config.Task(_tokenizer), _config.Training, train, test, device, exchange: exchange);

    public override string WithRate(double rate) => string.Create(
        CultureInfo.InvariantCulture, $"for instance --resume --set training.learning_rate={rate:G3}");

    public override void Check()
    {
        _ = Configuration.Write(_config);
        Info(new RunLogEntry { Step = 0, Epoch = 0, TrainLoss = 0, Seconds = 0 }).Validate();
    }

    public override void Write(Trainer trainer, RunLogEntry epoch) =>
        TextImageFolder.Write(folder!.Model, (TextImageModel)trainer.Network, _tokenizer, Info(epoch));

    public override void Dispose() { }

    private TextImageInfo Info(RunLogEntry epoch) => new()
    {
        Name = $"{Path.GetFileName(Path.GetFullPath(folder!.Path))} after {epoch.Epoch:0} epochs",
        Dataset = Dataset,
        Data = _config.Data,
        Epochs = (int)epoch.Epoch,
        PictureFirst = epoch.Figures?.GetValueOrDefault(TextImageTask.PictureFirst),
        CaptionFirst = epoch.Figures?.GetValueOrDefault(TextImageTask.CaptionFirst),
        Seconds = epoch.Seconds,
        Seed = _config.Training.Seed,
        Provenance = Provenance,
    };
}
