using Mezzotint.Data;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Training;

public class LossEvaluationTests
{
    private static readonly TrainingObjective Objective = new();

    [Fact]
    public void The_result_does_not_depend_on_the_number_of_threads()
    {
        var one = Evaluate(threads: 1, seed: 5);
        Assert.Equal(one, Evaluate(threads: 2, seed: 5));
        Assert.Equal(one, Evaluate(threads: 3, seed: 5));
        Assert.Equal(one, Evaluate(threads: 1, seed: 5));
        Assert.NotEqual(one, Evaluate(threads: 1, seed: 6));
    }

    [Fact]
    public void It_is_the_mean_over_batches_of_the_mean_over_images()
    {
        using var scope = NewDisposeScope();
        using var network = new UNet(SmallExperiment.Model, seed: 3);
        using var data = new ResidentImages(SmallExperiment.Test, CPU);
        var batches = new List<float[]>(); // 4, 4 and 3 of the 11 images
        for (int batch = 0; batch < 3; batch++)
        {
            using var noGrad = no_grad();
            using var generator = RandomSeeds.Generator(5, RandomPurpose.EvaluationNoise, batch);
            int count = Math.Min(4, 11 - 4 * batch);
            var (images, labels) = data.Batch(arange(4 * batch, 4 * batch + count));
            batches.Add(
                DenoisingLoss.PerImage(
                    network, images, labels, NoiseDraw.From(generator, Objective, count, (1, 8, 8))).data<float>(
                    ).ToArray());
        }
        double mean = batches.Average(batch => batch.Average(loss => (double)loss));
        double deviation = Math.Sqrt(batches.SelectMany(batch => batch).Average(loss => (loss - mean) * (loss - mean)));

        var (loss, error) = Evaluate(threads: 2, seed: 5);
        Assert.Equal(mean, loss, 1e-6 * mean);
        Assert.Equal(deviation / Math.Sqrt(11), error, 1e-6 * deviation);
    }

    [Fact]
    public void It_leaves_no_gradient_and_no_tensor_behind()
    {
        using var network = new UNet(SmallExperiment.Model, seed: 3);
        using var data = new ResidentImages(SmallExperiment.Test, CPU);
        using var threads = new WorkerThreads(2);
        LossEvaluation.Evaluate(network, Objective, data, threads, seed: 1, batchSize: 4);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long before = Tensor.TotalCount;
        LossEvaluation.Evaluate(network, Objective, data, threads, seed: 1, batchSize: 4);
        Assert.Equal(before, Tensor.TotalCount);
        Assert.All(network.named_parameters(), named => Assert.Null(named.parameter.grad));
    }

    [Fact]
    public void It_can_be_stopped()
    {
        using var network = new UNet(SmallExperiment.Model);
        using var data = new ResidentImages(SmallExperiment.Test, CPU);
        using var threads = new WorkerThreads(2);
        Assert.Throws<OperationCanceledException>(() =>
            LossEvaluation.Evaluate(network, Objective, data, threads, seed: 1, cancellation: new CancellationToken(true)));
    }

    private static (double, double) Evaluate(int threads, long seed)
    {
        using var network = new UNet(SmallExperiment.Model, seed: 3);
        using var data = new ResidentImages(SmallExperiment.Test, CPU);
        using var workers = new WorkerThreads(threads);
        return LossEvaluation.Evaluate(network, Objective, data, workers, seed, batchSize: 4);
    }
}
