using System.Diagnostics;
using Mezzotint.Data;
using Mezzotint.Engine;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>How fast a machine trains an experiment, and with what memory: measured by a few steps.</summary>
/// <param name="ImagesPerSecond">Training images a second.</param>
/// <param name="Steps">The steps that were measured.</param>
/// <param name="Memory">Bytes that the process will hold: what it holds already, and what its plan says.</param>
public sealed record TrainingSpeed(double ImagesPerSecond, int Steps, double Memory)
{
    private const int FewestSteps = 2, MostImages = 1024;
    private static readonly TimeSpan LeastTime = TimeSpan.FromSeconds(2);

    /// <summary>Trains a throw-away network for about two seconds, and at least two steps.</summary>
    /// <param name="config">The experiment; <see cref="TrainingConfig.Replicas"/> is not 0 any more.</param>
    /// <param name="train">What is learned.</param>
    /// <param name="test">What the loss is evaluated on.</param>
    /// <param name="device">Where; the CPU unless told otherwise.</param>
    /// <param name="cancellation">Stops it between two steps.</param>
    /// <exception cref="MezzotintException">The training does not fit into memory, or its data do not fit the
    /// network.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static TrainingSpeed Measure(
        ExperimentConfig config, ImageSet train, ImageSet test, Device? device = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(test);
        // A small part is as fast as the whole, as long as every batch is full.
        int taken = Math.Min(train.Count, Math.Max(MostImages, config.Training.BatchSize));
        var measured = config with
        {
            Training = config.Training with { Epochs = int.MaxValue / 2, Repeats = 1 + config.Training.BatchSize / taken },
        };
        using var trainer = new Trainer(measured, train.Take(taken), test.Take(1), device);
        void Step()
        {
            cancellation.ThrowIfCancellationRequested();
            trainer.TrainStep();
            trainer.ReadLosses(); // waits for the device
        }
        Step(); // makes the engines
        var clock = Stopwatch.StartNew();
        (int steps, long images) = (0, 0);
        while (steps < FewestSteps || clock.Elapsed < LeastTime)
        {
            images += trainer.NextBatchSize;
            Step();
            steps++;
        }
        double rate = images / clock.Elapsed.TotalSeconds;
        return new(rate, steps, TrainingMemory.Of(config, train.Height, train.Width).Bytes + Environment.WorkingSet);
    }
}
