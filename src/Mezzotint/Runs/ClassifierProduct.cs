using System.Globalization;
using Mezzotint.Data;
using Mezzotint.Models;
using Mezzotint.Networks.Classifiers;
using Mezzotint.Runtime;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Runs;

/// <summary>A classifier.</summary>
internal sealed class ClassifierProduct(ClassifierExperiment config, RunFolder? folder, ImageSet train, ImageSet test,
    Exchange exchange) : RunProduct
{
    public override TrainingConfig Training => config.Training;

    protected override DataConfig Data => config.Data;

    public override string WithRate(double rate) => string.Create(
        CultureInfo.InvariantCulture, $"in a program training.learning_rate = {rate:G3}, or with another seed");

    public override void Check()
    {
        _ = Configuration.Write(config);
        Info(new RunLogEntry { Step = 0, Epoch = 1, TrainLoss = 0, Seconds = 0 }).Validate();
    }

    public override Trainer NewTrainer() => new(config.Task, config.Training, train, test, exchange: exchange);

    public override void Write(Trainer trainer, RunLogEntry epoch) =>
        ClassifierFolder.Write(folder!.Model, (Classifier)trainer.Network, Info(epoch));

    public override void Dispose() { }

    private ClassifierInfo Info(RunLogEntry epoch) => new()
    {
        Name = $"{config.Network.Architecture} classifier of {(config.Noise ? "noisy images of " : "")}{Dataset}",
        Network = config.Network,
        ClassNames = train.ClassNames,
        Dataset = Dataset,
        Background = train.Reading is null ? null : config.Data.Background,
        Epochs = (int)epoch.Epoch,
        Bending = config.Bending,
        Noise = config.Noise,
        TestAccuracy = epoch.Figures?[ClassifierTask.Accuracy] ?? 0,
        Seconds = epoch.Seconds,
        Seed = config.Training.Seed,
        Provenance = Provenance,
    };
}
