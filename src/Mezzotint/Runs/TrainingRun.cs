using System.Diagnostics;
using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Plots;
using Mezzotint.Runtime;
using Mezzotint.Settings;
using Mezzotint.Training;

namespace Mezzotint.Runs;

/// <summary>What a training tells while it runs.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="TotalSteps">Steps of the whole training.</param>
/// <param name="Loss">The mean loss since the last line of the log; right after such a line, that line's.</param>
/// <param name="ImagesPerSecond">Training images a second, over the last steps.</param>
/// <param name="Message">A line for the log of whoever watches, or null.</param>
/// <param name="Epoch">The line of the log, where an epoch has just ended; else null.</param>
public sealed record TrainingProgress(
    long Step, long TotalSteps, double Loss, double ImagesPerSecond, string? Message = null, RunLogEntry? Epoch = null);

/// <summary>How a training ended.</summary>
/// <param name="Finished">All epochs are done; false when it was stopped, with a checkpoint left.</param>
/// <param name="Step">Steps done.</param>
/// <param name="Epochs">The lines of the log that end an epoch.</param>
public sealed record TrainingResult(bool Finished, long Step, IReadOnlyList<RunLogEntry> Epochs)
{
    /// <summary>The epoch with the lowest loss on the test images, the first of equal ones; null before the end of the
    /// first.</summary>
    public RunLogEntry? Best => Epochs.MinBy(epoch => epoch.EvalLoss);
}

/// <summary>
/// A training from its configuration to its model, in a folder that it can be resumed from to the bit, whenever and however it
/// was stopped.
/// </summary>
public sealed class TrainingRun
{
    private readonly RunFolder _folder;
    private readonly ImageSet _train, _test;
    private readonly Func<bool, RunProduct> _prepare;
    private readonly Exchange _exchange;
    private Func<TimeSpan> _elapsed = () => TimeSpan.Zero; // training time, earlier sessions included
    private double _epochLoss;             // sum over the current epoch's steps
    private double _logLoss;               // sum since the last line of the log
    private int _logSteps;
    private readonly Stopwatch _stepClock = new();
    private long _stepImages;
    private double _rate;
    // the mean that was told last: between the first step and the first reading there is none
    private double _lastLoss = double.NaN;
    private long _kept;                    // the step of the newest checkpoint

    /// <summary>Prepares a training.</summary>
    /// <param name="config">The settings; <see cref="TrainingConfig.Replicas"/> is not 0 any more.</param>
    /// <param name="folder">Where it is kept.</param>
    /// <param name="train">What is learned.</param>
    /// <param name="test">What loss and figures are evaluated on.</param>
    /// <param name="device">Where; the CPU unless told otherwise.</param>
    /// <param name="exchange">The processes that train together, of which this is process 0; null for this one alone. The others
    /// are in <see cref="Follow"/>.</param>
    public TrainingRun(Experiment config, RunFolder folder, ImageSet train, ImageSet test,
        TorchSharp.torch.Device? device = null, Exchange? exchange = null)
    {
        (_folder, _train, _test, _exchange) = (folder, train, test, exchange ?? Exchange.Alone);
        _prepare = goesOn => RunProduct.Of(config, folder, train, test, device, goesOn, _exchange);
    }

    /// <summary>Prepares a training of what is in memory.</summary>
    /// <param name="folder">Where it is kept.</param>
    /// <param name="train">What is learned.</param>
    /// <param name="test">What the loss is evaluated on.</param>
    /// <param name="product">Makes what is trained.</param>
    internal TrainingRun(RunFolder folder, ImageSet train, ImageSet test, Func<RunProduct> product) =>
        (_folder, _train, _test, _exchange, _prepare) = (folder, train, test, Exchange.Alone, _ => product());

    /// <summary>In the other processes: trains with process 0 until its run ends. It owns the run folder, so nothing is read or
    /// written here but the data; the weights come from it.</summary>
    /// <param name="config">The settings of process 0, with the numbers of the data.</param>
    /// <param name="train">What is learned.</param>
    /// <param name="test">What loss and figures are evaluated on.</param>
    /// <param name="device">Where; null for the CPU.</param>
    /// <param name="exchange">The processes.</param>
    /// <exception cref="MezzotintException">The data do not fit the model.</exception>
    public static void Follow(
        Experiment config, ImageSet train, ImageSet test, TorchSharp.torch.Device? device, Exchange exchange)
    {
        ArgumentNullException.ThrowIfNull(exchange);
        using var product = RunProduct.Of(config, folder: null, train, test, device, goesOn: true, exchange);
        using var trainer = exchange.InTurn(product.NewTrainer);
        trainer.Follow();
    }

    /// <summary>
    /// Trains until all epochs are done, or until <paramref name="cancellation"/>, which lets the step finish and leaves a
    /// checkpoint.
    /// </summary>
    /// <param name="progress">Told after every few steps.</param>
    /// <param name="cancellation">Stops the training between two steps.</param>
    /// <exception cref="MezzotintException">The training has diverged, a setting is of a kind that no file can name, the data do
    /// not fit the model, or a file cannot be written.</exception>
    public TrainingResult Run(IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        var damaged = new List<string>();
        var checkpoint = _folder.Latest(damaged);
        using var product = _prepare(checkpoint is not null);
        product.Check(); // better to know before the first epoch than after it
        using var heartbeat = new RunHeartbeat(_folder.Heartbeat);
        using var trainer = _exchange.InTurn(product.NewTrainer);
        var training = product.Training;
        int epochsReported = 0;
        if (checkpoint is not null)
        {
            trainer.Restore(checkpoint);
            (epochsReported, _epochLoss) = (checkpoint.EpochsReported, checkpoint.EpochLoss);
            (_logLoss, _logSteps) = checkpoint.SinceLog;
        }
        trainer.Share();
        var log = RunLog.Open(_folder.Log, trainer.Step, epochsReported, RunLog.DataLine(_train, _test));
        if (trainer.Step > 0)
            _lastLoss = _logSteps > 0 ? _logLoss / _logSteps : log.Entries is [.., var last] ? last.TrainLoss : double.NaN;
        using var board = new TensorBoardLog(_folder.Path, resumedStep: trainer.Step > 0 ? trainer.Step : null);
        if (trainer.Step == 0 && File.Exists(_folder.Configuration))
        {
            string configuration = File.ReadAllText(_folder.Configuration);
            board.AddText("Configuration", $"```\n{configuration}\n```", 0);
            board.AddSettings(TomlSettings.Parse(configuration, _folder.Configuration).Flat());
            board.Flush();
        }
        long total = trainer.TotalSteps;
        _kept = trainer.Step;
        void Tell(string? message = null, RunLogEntry? epoch = null) =>
            progress?.Report(new TrainingProgress(trainer.Step, total, _lastLoss, _rate, message, epoch));
        foreach (string message in damaged)
            Tell(message);

        using var clock = new TrainingClock(checkpoint?.Elapsed ?? TimeSpan.Zero);
        _elapsed = () => clock.Elapsed;
        try
        {
            while (epochsReported < training.Epochs && !HasStalled(log, training.EarlyStop))
            {
                if (trainer.EpochsDone > epochsReported)
                {
                    var entry = EndEpoch(product, trainer, log, board, cancellation);
                    epochsReported++;
                    _epochLoss = 0;
                    Save(trainer, epochsReported);
                    Tell($"epoch {epochsReported}: train {entry.TrainLoss:F3}, test {entry.EvalLoss:F3}", entry);
                    continue;
                }
                cancellation.ThrowIfCancellationRequested();
                Step(trainer);
                if (trainer.LossesAreDue || trainer.Step % training.LogEvery == 0
                    || trainer.Step % trainer.StepsPerEpoch == 0)
                {
                    Collect(trainer);
                    Tell();
                }
                if (trainer.Step % training.LogEvery == 0)
                    AddLogLine(trainer, log);
                if (training.Average is PowerAverage { SnapshotEvery: > 0 and var every }
                    && (trainer.Step % every == 0 || trainer.Step == total))
                    trainer.WriteAverages(_folder.Averages);
                if (trainer.Step % training.CheckpointEvery == 0)
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
                throw Diverged(product, cause, rate);
            }
            return new TrainingResult(false, trainer.Step, [.. log.Epochs]);
        }
        catch (DivergedException cause) when (cause.LearningRate is { } rate)
        {
            throw Diverged(product, cause, rate);
        }
        heartbeat.IsFinished = true;
        board.AddEnd();
        if (epochsReported < training.Epochs)
            Tell($"no lower test loss for {training.EarlyStop} epochs (training.early_stop): the training ends");
        return new TrainingResult(true, trainer.Step, [.. log.Epochs]);
    }

    /// <summary>The way out of a training that has run away: every checkpoint that is kept is of before.</summary>
    private string WayOut => _kept > 0
        ? $"The checkpoint of step {_kept} is sound: go on from it"
        : "There is no sound checkpoint yet: begin again";

    /// <summary>The error of a training that has run away.</summary>
    private MezzotintException Diverged(RunProduct product, DivergedException cause, double rate) =>
        new($"{cause.Message} {WayOut} with a lower rate, {product.WithRate(rate / 10)}.", cause) { Key = cause.Key };

    private double Seconds => _elapsed().TotalSeconds;

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

    private RunLogEntry EndEpoch(
        RunProduct product, Trainer trainer, RunLog log, TensorBoardLog board, CancellationToken cancellation)
    {
        double seconds = Seconds;
        trainer.CheckSound(); // before the model is written: the one of the epoch before stays
        double eval = trainer.Evaluate(cancellation);
        var figures = trainer.Figures(cancellation);
        var entry = new RunLogEntry
        {
            Step = trainer.Step,
            Epoch = trainer.EpochsDone,
            TrainLoss = Math.Round(_epochLoss / trainer.StepsPerEpoch, 4),
            EvalLoss = Math.Round(eval, 4),
            Figures = figures.Count > 0 ? figures : null,
            LearningRate = trainer.LearningRate,
            Seconds = Math.Round(seconds, 1),
            ImagesPerSecond = Math.Round(_rate, 1),
        };
        string? samples = product.DrawSamples(trainer, entry, cancellation);
        log.Add(entry);
        board.AddScalar("Loss/Train", (float)entry.TrainLoss, entry.Step);
        board.AddScalar("Loss/Eval", (float)eval, entry.Step);
        foreach (var (name, figure) in figures)
            board.AddScalar($"Eval/{name}", (float)figure, entry.Step);
        if (samples is not null)
            board.AddPicture("Samples", File.ReadAllBytes(samples), entry.Step);
        board.Flush();
        if (product.Training.Keep == TrainingConfig.LastModel || log.Epochs.MinBy(epoch => epoch.EvalLoss) == entry)
            product.Write(trainer, entry);
        double[] epochs = [.. log.Epochs.Select(line => line.Epoch)];
        new LinePlot
        {
            Title = product.Dataset,
            XLabel = "epoch",
            YLabel = "loss",
            Series =
            [
                new("train", epochs, [.. log.Epochs.Select(line => line.TrainLoss)]),
                new("test", epochs, [.. log.Epochs.Select(line => line.EvalLoss!.Value)]),
            ],
        }.Write(_folder.LossPlot);
        return entry;
    }

    /// <summary>Whether no epoch of the last so many had a lower test loss than those before; never for 0.</summary>
    private static bool HasStalled(RunLog log, int epochs) =>
        epochs > 0 && log.Epochs.ToList() is { Count: > 0 } all
            && all.Count - 1 - all.IndexOf(all.MinBy(epoch => epoch.EvalLoss)!) >= epochs;

    private void Save(Trainer trainer, int epochsReported)
    {
        Collect(trainer);
        trainer.CheckSound(); // weights that have run away would push out the checkpoint that can be gone on from
        _folder.Save(new Checkpoint
        {
            Step = trainer.Step,
            EpochsReported = epochsReported,
            EpochLoss = _epochLoss,
            SinceLog = (_logLoss, _logSteps),
            Elapsed = _elapsed(),
            Tensors = trainer.Tensors(),
        });
        _kept = trainer.Step;
    }
}
