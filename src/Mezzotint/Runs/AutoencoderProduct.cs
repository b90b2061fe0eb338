using System.Globalization;
using Mezzotint.Data;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Runs;

/// <summary>An autoencoder, with the scaling factor and the preview that its latents need.</summary>
internal sealed class AutoencoderProduct : RunProduct
{
    private readonly AutoencoderExperiment _config;
    private readonly RunFolder? _folder;
    private readonly ImageSet _train, _test;
    private readonly Device? _device;
    private readonly ExperimentParts _parts;
    private readonly Exchange _exchange;

    public AutoencoderProduct(AutoencoderExperiment config, RunFolder? folder, ImageSet train, ImageSet test, Device? device,
        Exchange exchange)
    {
        (_folder, _train, _test, _device, _parts) = (folder, train, test, device, ExperimentParts.Open(config));
        _exchange = exchange;
        _config = ((AutoencoderExperiment)_parts.Experiment).Fit(train);
    }

    public override TrainingConfig Training => _config.Training;

    protected override DataConfig Data => _config.Data;

    public override Trainer NewTrainer() => new(_config.Task, _config.Training, _train, _test, _device, exchange: _exchange);

    public override string WithRate(double rate) => string.Create(
        CultureInfo.InvariantCulture, $"for instance --resume --set training.learning_rate={rate:G3}");

    public override void Check()
    {
        _ = Configuration.Write(_config);
        Info(new RunLogEntry { Step = 0, Epoch = 0, TrainLoss = 0, Seconds = 0 }, []).Validate();
    }

    public override void Write(Trainer trainer, RunLogEntry epoch)
    {
        var trained = AdversarialAutoencoder.Of(trainer.Network);
        var statistics = LatentStatistics.Of(trained, _train);
        using var scaled = new Autoencoder(_config.Network with { ScalingFactor = statistics.ScalingFactor });
        scaled.CopyFrom(trained);
        AutoencoderFolder.Write(_folder!.Model, scaled, Info(epoch, statistics.Preview));
    }

    public override void Dispose() => _parts.Dispose();

    private AutoencoderInfo Info(RunLogEntry epoch, IReadOnlyList<double> preview) => new()
    {
        Name = $"{Path.GetFileName(Path.GetFullPath(_folder!.Path))} after {epoch.Epoch:0} epochs",
        Dataset = Dataset,
        Data = _config.Data,
        Epochs = (int)epoch.Epoch,
        Psnr = epoch.Figures?.GetValueOrDefault(AutoencoderTask.Psnr),
        Seconds = epoch.Seconds,
        Seed = _config.Training.Seed,
        Preview = preview,
        Provenance = Provenance,
    };
}
