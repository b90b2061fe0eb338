using System.Diagnostics;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Training;

/// <summary>Training frees each tensor that it makes, at once and by itself, and none that is still in use.</summary>
public class TrainingMemoryTests
{
    private const int WarmUp = 30, Steps = 200;
    // the allocator's and the garbage collector's own ways; a leaked batch of noise a step would pass it
    private const long Tolerance = 20L << 20;

    private static readonly ExperimentConfig Config = SmallExperiment.Config with
    {
        Training = SmallExperiment.Config.Training with { Average = new ExponentialAverage { Decay = 0.99 } },
    };

    [Fact]
    public void Tensor_count_and_resident_memory_stay_flat_over_200_steps()
    {
        using var trainer = NewTrainer(1);
        AssertFlat(trainer);
    }

    [Fact]
    public void They_stay_flat_with_replicas_and_a_thread_that_collects_garbage_changes_nothing()
    {
        using var undisturbed = NewTrainer(2);
        AssertFlat(undisturbed);

        using var trainer = NewTrainer(2);
        using var stop = new CancellationTokenSource();
        var collector = new Thread(() =>
        {
            for (int i = 1; !stop.IsCancellationRequested; i++)
            {
                GC.Collect(i % 20 == 0 ? GC.MaxGeneration : 0);
                GC.WaitForPendingFinalizers();
            }
        });
        collector.Start();
        try
        {
            AssertFlat(trainer);
        }
        finally
        {
            stop.Cancel();
            collector.Join();
        }

        var (expected, actual) = (undisturbed.Tensors(), trainer.Tensors());
        Assert.All(expected, named => Assert.True(named.Value.Bytes.Span.SequenceEqual(actual[named.Key].Bytes.Span), named.Key));
    }

    private static Trainer NewTrainer(int replicas) =>
        new(Config with { Training = Config.Training with { Replicas = replicas } }, SmallExperiment.Train, SmallExperiment.Test);

    private static void AssertFlat(Trainer trainer)
    {
        for (int step = 0; step < WarmUp; step++)
            OneStep(trainer);
        // What building the network left behind is collected now, so that no later collection changes the count.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        (long tensors, long memory) = (Tensor.TotalCount, ResidentBytes());
        for (int step = 0; step < Steps; step++)
        {
            OneStep(trainer);
            Assert.Equal(tensors, Tensor.TotalCount);
        }
        long growth = ResidentBytes() - memory;
        Assert.True(growth < Tolerance, $"resident memory grew by {growth >> 20} MB in {Steps} steps");
    }

    private static void OneStep(Trainer trainer)
    {
        trainer.TrainStep();
        if (trainer.LossesAreDue)
            trainer.ReadLosses();
    }

    private static long ResidentBytes()
    {
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }
}
