using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>The loss of a task on a data set, as the seed reports it: one draw an image, the mean over batches of the mean over
/// images.</summary>
public static class LossEvaluation
{
    /// <summary>Evaluates <paramref name="network"/> on all of <paramref name="data"/>, in order.</summary>
    /// <param name="network">The network, on the device of the data.</param>
    /// <param name="objective">What it was trained for.</param>
    /// <param name="data">The images.</param>
    /// <param name="threads">Batches are dealt out to these; the result does not depend on how many they are.</param>
    /// <param name="seed">Of times and noise. The figure is noisy: over 10,000 MNIST images the standard error is about 0.16,
    /// returned beside it.</param>
    /// <param name="batchSize">Images a batch; the last may be smaller, and counts the same.</param>
    /// <param name="precision">With what numbers the network is computed: see <see cref="ComputePrecision"/>.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <returns>The mean over batches, and the standard error of the mean over images.</returns>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static (double Loss, double StandardError) Evaluate(
        DenoisingNetwork network, TrainingObjective objective, ResidentImages data, WorkerThreads threads, long seed,
        int batchSize = 64, string precision = ComputePrecision.Float32, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(objective);
        return Evaluate(
            new DenoisingTask(network.Config, objective), network, data, threads, seed, batchSize, precision, cancellation);
    }

    /// <summary>The same for the network of any task.</summary>
    public static (double Loss, double StandardError) Evaluate(
        TrainingTask task, nn.Module network, ResidentImages data, WorkerThreads threads, long seed,
        int batchSize = 64, string precision = ComputePrecision.Float32, CancellationToken cancellation = default) =>
        Evaluate(task, network, data, threads, seed, batchSize, precision, Exchange.Alone, cancellation);

    /// <summary>The same, the batches being shared out over processes too; each gets the result.</summary>
    internal static (double Loss, double StandardError) Evaluate(
        TrainingTask task, nn.Module network, ResidentImages data, WorkerThreads threads, long seed,
        int batchSize, string precision, Exchange exchange, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(threads);
        int batches = (data.Count + batchSize - 1) / batchSize;
        float[] losses = new float[data.Count + 1]; // the last tells whether a process was stopped
        var (_, height, width) = data.Shape;
        threads.Run(worker =>
        {
            using var replica = task.NewReplica(network, (int)height, (int)width, data.Device, precision, training: false);
            int first = exchange.Rank * threads.Count + worker, others = exchange.Size * threads.Count;
            for (int batch = first; batch < batches && !cancellation.IsCancellationRequested; batch += others)
                BatchLosses(task, replica, data, seed, batch, batchSize).CopyTo(losses, batch * batchSize);
        });
        losses[^1] = cancellation.IsCancellationRequested ? 1 : 0;
        exchange.Sum(losses); // each is 0 but where it was computed
        if (losses[^1] > 0)
            throw new OperationCanceledException(cancellation);

        var ofImages = losses.SkipLast(1);
        double mean = ofImages.Chunk(batchSize).Average(batch => batch.Average(loss => (double)loss));
        double variance = ofImages.Average(loss => (loss - mean) * (loss - mean));
        return (mean, Math.Sqrt(variance / data.Count));
    }

    private static float[] BatchLosses(
        TrainingTask task, Replica replica, ResidentImages data, long seed, int batch, int batchSize)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        int start = batch * batchSize;
        int count = Math.Min(batchSize, data.Count - start);
        using Scalar first = start, end = start + count, one = 1; // held while libtorch reads them: see TensorArithmetic
        var indices = arange(first, end, one, dtype: ScalarType.Int64); // [B]
        var (images, labels) = data.Batch(indices.to(data.Device));
        using var generator = RandomSeeds.Generator(seed, RandomPurpose.EvaluationNoise, batch);
        var draw = task.DrawForTest(generator, data, indices);
        var losses = new float[count];
        int most = task is CoupledTask ? count : NetworkMemory.ImagesAtOnce;
        for (int part = 0; part < count; part += most)
        {
            using var inner = NewDisposeScope();
            int size = Math.Min(most, count - part);
            replica.Losses(images.narrow(0, part, size), labels.narrow(0, part, size), draw.Slice(part, size).MoveTo(data.Device))
                .cpu().data<float>().CopyTo(losses.AsSpan(part));
        }
        return losses;
    }
}
