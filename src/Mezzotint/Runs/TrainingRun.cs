using System.Diagnostics;
using System.Globalization;
using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Plots;
using Mezzotint.Serving;
using Mezzotint.Training;

namespace Mezzotint.Runs;

/// <summary>What a training tells while it runs.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="TotalSteps">Steps of the whole training.</param>
/// <param name="Loss">The mean loss since the last line of the log; right after such a line, that line's.</param>
/// <param name="ImagesPerSecond">Training images a second, over the last steps.</param>
/// <param name="Message">A line for the log of whoever watches, or null.</param>
public sealed record TrainingProgress(long Step, long TotalSteps, double Loss, double ImagesPerSecond, string? Message = null);

/// <summary>How a training ended.</summary>
/// <param name="Finished">All epochs are done; false when it was stopped, with a checkpoint left.</param>
/// <param name="Step">Steps done.</param>
/// <param name="Epochs">The lines of the log that end an epoch.</param>
public sealed record TrainingResult(bool Finished, long Step, IReadOnlyList<RunLogEntry> Epochs);

/// <summary>
/// A training from its configuration to its model, in a folder that it can be resumed from to the bit, whenever and however it was stopped.
/// </summary>
/// <param name="config">The settings; <see cref="TrainingConfig.Replicas"/> is not 0 any more.</param>
/// <param name="folder">Where it is kept.</param>
/// <param name="train">What is learned.</param>
/// <param name="test">What the loss is evaluated on.</param>
/// <param name="device">Where; the CPU unless told otherwise.</param>
public sealed class TrainingRun(ExperimentConfig config, RunFolder folder, ImageSet train, ImageSet test, TorchSharp.torch.Device? device = null)
{
    private const int SampleScale = 2;

    private ExperimentConfig _config = config; // from the beginning of a run on, with the numbers of the data
    private IReadOnlyList<string> _classNames = [];
    private readonly Stopwatch _clock = new();
    private TimeSpan _before;              // training time of earlier sessions
    private double _epochLoss;             // sum over the current epoch's steps
    private double _logLoss;               // sum since the last line of the log
    private int _logSteps;
    private readonly Stopwatch _stepClock = new();
    private long _stepImages;
    private double _rate;
    // the mean that was told last: between the first step and the first reading there is none
    private double _lastLoss = double.NaN;
    private long _kept;                    // the step of the newest checkpoint

    /// <summary>Trains until all epochs are done, or until <paramref name="cancellation"/>, which lets the step finish and leaves a checkpoint.</summary>
    /// <param name="progress">Told after every few steps.</param>
    /// <param name="cancellation">Stops the training between two steps.</param>
    /// <exception cref="MezzotintException">The training has diverged, a setting is of a kind that no file can name, the data do
    /// not fit the model, or a file cannot be written.</exception>
    public TrainingResult Run(IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        using var start = ModelFolder.Exists(folder.Start) ? ModelFolder.Read(folder.Start) : null;
        var damaged = new List<string>();
        var checkpoint = folder.Latest(damaged);
        var begun = start?.Info.Model ?? (checkpoint is null ? null : _config.Model);
        _config = _config.Fit(train, begun);
        _classNames = DataFit.ClassNames(train, start?.Info.ClassNames ?? [], _config.Model.CorpusLength);
        RefuseWhatCannotBeWritten();
        CheckSamples();
        using var heartbeat = new RunHeartbeat(folder.Heartbeat);
        using var trainer = new Trainer(_config, train, test, device, start?.Network, begun);
        int epochsReported = 0;
        if (checkpoint is not null)
        {
            trainer.Restore(checkpoint);
            (epochsReported, _epochLoss, _before) = (checkpoint.EpochsReported, checkpoint.EpochLoss, checkpoint.Elapsed);
            (_logLoss, _logSteps) = checkpoint.SinceLog;
        }
        var log = RunLog.Open(folder.Log, trainer.Step, epochsReported, RunLog.DataLine(train, test));
        if (trainer.Step > 0)
            _lastLoss = _logSteps > 0 ? _logLoss / _logSteps : log.Entries is [.., var last] ? last.TrainLoss : double.NaN;
        using var board = new TensorBoardLog(folder.Path, resumedStep: trainer.Step > 0 ? trainer.Step : null);
        long total = trainer.TotalSteps;
        _kept = trainer.Step;
        void Tell(string? message = null) =>
            progress?.Report(new TrainingProgress(trainer.Step, total, _lastLoss, _rate, message));
        foreach (string message in damaged)
            Tell(message);

        _clock.Start();
        try
        {
            while (epochsReported < _config.Training.Epochs)
            {
                if (trainer.EpochsDone > epochsReported)
                {
                    var entry = EndEpoch(trainer, log, board, cancellation);
                    epochsReported++;
                    _epochLoss = 0;
                    Save(trainer, epochsReported);
                    Tell($"epoch {epochsReported}: train {entry.TrainLoss:F3}, test {entry.EvalLoss:F3}");
                    continue;
                }
                cancellation.ThrowIfCancellationRequested();
                Step(trainer);
                if (trainer.LossesAreDue || trainer.Step % _config.Training.LogEvery == 0
                    || trainer.Step % trainer.StepsPerEpoch == 0)
                {
                    Collect(trainer);
                    Tell();
                }
                if (trainer.Step % _config.Training.LogEvery == 0)
                    AddLogLine(trainer, log);
                if (_config.Training.Average is PowerAverage { SnapshotEvery: > 0 and var every }
                    && (trainer.Step % every == 0 || trainer.Step == total))
                    trainer.WriteAverages(folder.Averages);
                if (trainer.Step % _config.Training.CheckpointEvery == 0)
                    Save(trainer, epochsReported);
            }
        }
        catch (OperationCanceledException)
        {
            try
            {
                Save(trainer, epochsReported);
            }
            catch (DivergedException cause) when (cause.LearningRate is { } rate)
            {
                throw Diverged(cause, rate);
            }
            return new TrainingResult(false, trainer.Step, [.. log.Epochs]);
        }
        catch (DivergedException cause) when (cause.LearningRate is { } rate)
        {
            throw Diverged(cause, rate);
        }
        heartbeat.IsFinished = true;
        return new TrainingResult(true, trainer.Step, [.. log.Epochs]);
    }

    /// <summary>The way out of a training that has run away: every checkpoint that is kept is of before.</summary>
    private string WayOut => _kept > 0
        ? $"The checkpoint of step {_kept} is sound: go on from it"
        : "There is no sound checkpoint yet: begin again";

    /// <summary>The error of a training that has run away.</summary>
    private MezzotintException Diverged(DivergedException cause, double rate) => new(
        string.Create(
            CultureInfo.InvariantCulture,
            $"{cause.Message} {WayOut} with a lower rate, for instance --resume --set training.learning_rate={rate / 10:G3}."),
        cause)
    {
        Key = cause.Key,
    };

    /// <summary>A loss weighting or schedule of a program's own has no name in files: better to know before the first epoch than
    /// after it.</summary>
    private void RefuseWhatCannotBeWritten()
    {
        _ = Configuration.Write(_config);
        _ = ModelDescription.Write(
            Description(new RunLogEntry { Step = 0, Epoch = 0, TrainLoss = 0, EvalLoss = 0, Seconds = 0 }));
    }

    private double Seconds => (_before + _clock.Elapsed).TotalSeconds;

    private void Step(Trainer trainer)
    {
        _stepImages += trainer.NextBatchSize;
        _stepClock.Start();
        trainer.TrainStep();
        _stepClock.Stop();
    }

    private void Collect(Trainer trainer)
    {
        _stepClock.Start(); // on a device that computes by itself, this is where the steps are waited for
        float[] losses = trainer.ReadLosses();
        _stepClock.Stop();
        foreach (float loss in losses)
        {
            _epochLoss += loss;
            _logLoss += loss;
            _logSteps++;
        }
        if (_logSteps > 0)
            _lastLoss = _logLoss / _logSteps;
        if (_stepClock.Elapsed > TimeSpan.FromSeconds(1))
        {
            _rate = _stepImages / _stepClock.Elapsed.TotalSeconds;
            _stepImages = 0;
            _stepClock.Reset();
        }
    }

    private void AddLogLine(Trainer trainer, RunLog log)
    {
        log.Add(new RunLogEntry
        {
            Step = trainer.Step,
            Epoch = Math.Round((double)trainer.Step / trainer.StepsPerEpoch, 4),
            TrainLoss = Math.Round(_logLoss / _logSteps, 4),
            LearningRate = trainer.LearningRate,
            Seconds = Math.Round(Seconds, 1),
            ImagesPerSecond = Math.Round(_rate, 1),
        });
        (_logLoss, _logSteps) = (0, 0);
    }

    private RunLogEntry EndEpoch(Trainer trainer, RunLog log, TensorBoardLog board, CancellationToken cancellation)
    {
        double seconds = Seconds;
        trainer.CheckSound(); // before the model is written: the one of the epoch before stays
        double eval = trainer.Evaluate(cancellation);
        var entry = new RunLogEntry
        {
            Step = trainer.Step,
            Epoch = trainer.EpochsDone,
            TrainLoss = Math.Round(_epochLoss / trainer.StepsPerEpoch, 4),
            EvalLoss = Math.Round(eval, 4),
            LearningRate = trainer.LearningRate,
            Seconds = Math.Round(seconds, 1),
            ImagesPerSecond = Math.Round(_rate, 1),
        };
        if (_config.Training.SamplesPerLabel > 0)
            DrawSamples(trainer, Description(entry), cancellation);
        log.Add(entry);
        board.AddScalar("Loss/Train", (float)entry.TrainLoss, entry.Step);
        board.AddScalar("Loss/Eval", (float)eval, entry.Step);
        board.Flush();
        ModelFolder.Write(folder.Model, trainer.Network, Description(entry));
        double[] epochs = [.. log.Epochs.Select(line => line.Epoch)];
        new LinePlot
        {
            Title = _config.Data.Name,
            XLabel = "epoch",
            YLabel = "loss",
            Series =
            [
                new("train", epochs, [.. log.Epochs.Select(line => line.TrainLoss)]),
                new("test", epochs, [.. log.Epochs.Select(line => line.EvalLoss!.Value)]),
            ],
        }.Write(folder.LossPlot);
        return entry;
    }

    private ModelInfo Description(RunLogEntry entry) => new()
    {
        Name = $"{Path.GetFileName(Path.GetFullPath(folder.Path))} after {entry.Epoch:0} epochs",
        Model = _config.Model,
        Process = _config.Process,
        Parameterisation = _config.Parameterisation,
        Loss = _config.Loss,
        Times = _config.Times,
        Pixels = _config.Pixels,
        Prompts = _config.Prompts,
        ImageChannels = train.Channels == _config.Model.InChannels ? null : train.Channels,
        Sampling = _config.Sampling,
        Height = train.Height,
        Width = train.Width,
        ClassNames = _classNames,
        Dataset = _config.Data.Name,
        Background = train.Reading is null ? null : _config.Data.Background,
        Size = _config.Data.Size,
        Data = _config.Data,
        Steps = entry.Step,
        Epochs = entry.Epoch,
        TrainLoss = entry.TrainLoss,
        EvalLoss = entry.EvalLoss,
        TrainingSeconds = entry.Seconds,
        Seed = _config.Training.Seed,
        Provenance = $"Trained by Mezzotint on {_config.Data.Name}"
            + (_config.Data.Name == DataSource.MnistName ? ", which is by Y. LeCun, C. Cortes and C. Burges (CC BY-SA 3.0)." : "."),
    };

    // Known before the first epoch, not after it.
    private void CheckSamples()
    {
        int each = _config.Training.SamplesPerLabel;
        if (each == 0)
            return;
        var size = PictureSize.OfGrid(each * _classNames.Count, train.Height, train.Width, each, SampleScale);
        Check.Range(
            "training.samples_per_label", each, size.Fits,
            $"lower: the grid of {_classNames.Count} classes would have {size} pixels, and at most {PictureSize.MostPixels} are "
            + "written");
    }

    /// <summary>A grid with a row a label, of the same seeds after each epoch.</summary>
    private void DrawSamples(Trainer trainer, ModelInfo info, CancellationToken cancellation)
    {
        int columns = _config.Training.SamplesPerLabel;
        int[] labels = [.. Enumerable.Range(0, train.ClassNames.Count)];
        using var pipeline = new DiffusionPipeline(
            new LoadedModel(trainer.Network, info).With(_config.Training.Precision), threads: _config.Training.Replicas);
        var drawn = pipeline.Generate(
            labels, new GenerationOptions { Count = columns, Seed = 0, Steps = _config.Training.SampleSteps }, cancellation);
        PngFile.Write(
            Path.Combine(folder.Samples, $"epoch-{trainer.EpochsDone:D3}.png"), drawn.Images.Grid(columns), SampleScale);
    }

    private void Save(Trainer trainer, int epochsReported)
    {
        Collect(trainer);
        trainer.CheckSound(); // weights that have run away would push out the checkpoint that can be gone on from
        folder.Save(new Checkpoint
        {
            Step = trainer.Step,
            EpochsReported = epochsReported,
            EpochLoss = _epochLoss,
            SinceLog = (_logLoss, _logSteps),
            Elapsed = _before + _clock.Elapsed,
            Tensors = trainer.Tensors(),
        });
        _kept = trainer.Step;
    }
}
