using System.Diagnostics;
using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using Mezzotint.Serving;
using Mezzotint.Training;

namespace Mezzotint.Benchmarks;

/// <summary><c>curves</c>: how the rates of training and sampling of the seed's network depend on the batch, on the side of the
/// images and on the threads.</summary>
internal static class Curves
{
    private const int Batch = 64, Side = 28;

    public static double? Measure(Action<Figure> add, double seconds)
    {
        var load = new OtherLoad();
        int cores = Environment.ProcessorCount;
        foreach (int batch in new[] { 1, 4, 16, 64, 256 })
            Rates(add, $"batch {batch}", batch, Side, cores, seconds);
        foreach (int side in new[] { 8, 16, 32, 64 })
            Rates(add, $"images of {side} x {side}", Batch, side, cores, seconds);
        foreach (int threads in Enumerable.Range(0, 8).Select(i => 1 << i).TakeWhile(n => n <= 2 * cores))
            Rates(add, threads == 1 ? "1 thread" : $"{threads} threads", Batch, Side, threads, seconds);
        return load.Cores;
    }

    private static void Rates(Action<Figure> add, string what, int batch, int side, int threads, double seconds)
    {
        var config = new ExperimentConfig { Training = new TrainingConfig { BatchSize = batch, Replicas = threads } };
        using (
            var trainer = new Trainer(
                config, RandomImages.Make("random train", 4096, side), RandomImages.Make("random test", 1, side)))
            add(Rate($"training, {what}", "images/s", seconds, () =>
            {
                int images = trainer.NextBatchSize;
                trainer.TrainStep();
                if (trainer.LossesAreDue)
                    trainer.ReadLosses();
                return images;
            }));
        const int steps = 4;
        using var network = new UNet(new UNetConfig(), seed: 1);
        using var pipeline = Pipelines.Of(network, side, threads);
        add(Rate($"evaluations in sampling, {what}", "evaluations/s", seconds, () =>
        {
            pipeline.Draw(batch, steps);
            return batch * steps;
        }));
    }

    /// <summary>Five turns, after one that does not count.</summary>
    private static Figure Rate(string title, string unit, double seconds, Func<double> work)
    {
        work();
        var rates = new List<double>();
        for (int turn = 0; turn < 5; turn++)
        {
            double units = 0;
            var clock = Stopwatch.StartNew();
            do
                units += work();
            while (clock.Elapsed.TotalSeconds < seconds / 5);
            rates.Add(units / clock.Elapsed.TotalSeconds);
        }
        return Figure.Of(title, unit, rates);
    }
}
