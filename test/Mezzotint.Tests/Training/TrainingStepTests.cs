using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Training;

public class TrainingStepTests
{
    /// <summary>With beta1 = 0, Adam's first moment is the gradient of the last batch itself.</summary>
    private static readonly TrainingConfig NoMomentum = SmallExperiment.Config.Training with
    {
        Beta1 = 0, Precision = ComputePrecision.Float32, // as libtorch, on every machine
    };

    [Theory]
    [InlineData(1, 8)]
    [InlineData(2, 8)]
    [InlineData(3, 8)]
    [InlineData(3, 2)]
    [InlineData(3, 1)]
    public void Loss_and_gradient_are_those_of_the_whole_batch_by_one_network(int replicas, int batch)
    {
        using var scope = NewDisposeScope();
        var (loss, gradient, _) = Train(replicas, [batch]);
        var (expectedLoss, expected) = ByHand(batch);
        TensorAssert.Close(expected, gradient, 2e-5, "gradient");
        Assert.Equal(expectedLoss, loss, 1e-4 * expectedLoss);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Runs_with_as_many_replicas_agree_to_the_bit(int replicas)
    {
        using var scope = NewDisposeScope();
        int[] batches = [8, 8, 4, 2, 1, 8];
        var first = Train(replicas, batches);
        var second = Train(replicas, batches);
        TensorAssert.Same(first.Weights, second.Weights);
        TensorAssert.Same(first.Gradient, second.Gradient);
        Assert.Equal(first.Loss, second.Loss);
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(2, 3)]
    [InlineData(1, 100)]
    public void A_batch_in_pieces_has_the_loss_and_the_gradient_of_the_whole(int replicas, int pieces)
    {
        using var scope = NewDisposeScope();
        var whole = Train(replicas, [8]);
        var inPieces = Train(replicas, [8], NoMomentum with { Accumulate = pieces });
        TensorAssert.Close(whole.Gradient, inPieces.Gradient, 2e-5, "gradient");
        Assert.Equal(whole.Loss, inPieces.Loss, 1e-5 * whole.Loss);
    }

    [Fact]
    public void The_network_given_has_the_trained_weights_and_outlives_the_training()
    {
        using var network = new UNet(SmallExperiment.Model);
        using var data = new ResidentImages(SmallExperiment.Train, CPU);
        using var threads = new WorkerThreads(2);
        using var scope = NewDisposeScope();
        byte[] before = Bytes(network);
        using (var step = new TrainingStep(SmallExperiment.Config.Task, network, SmallExperiment.Config.Training, threads, CPU))
        {
            Assert.Equal(before, Bytes(network));
            using var generator = new Generator(1, CPU);
            step.Run(data, arange(8), generator, 1e-3, 1, 0, zeros(1));
        }
        Assert.NotEqual(before, Bytes(network));
        using var noGrad = no_grad();
        network.call(zeros(1, 1, 8, 8), ones(1), Condition.OfClasses(zeros(1, 1, dtype: int64)));
    }

    private static byte[] Bytes(UNet network) =>
        [.. network.named_parameters().SelectMany(named => named.parameter.detach().bytes.ToArray())];

    private static (double Loss, Tensor Gradient, Tensor Weights) Train(
        int replicas, int[] batches, TrainingConfig? training = null)
    {
        using var network = new UNet(SmallExperiment.Model, seed: 3);
        using var data = new ResidentImages(SmallExperiment.Train, CPU);
        using var threads = new WorkerThreads(replicas);
        using var step = new TrainingStep(SmallExperiment.Config.Task, network, training ?? NoMomentum, threads, CPU);
        var loss = zeros(1);
        for (int i = 0; i < batches.Length; i++)
        {
            using var generator = RandomSeeds.Generator(1, RandomPurpose.TrainingNoise, i);
            step.Run(data, arange(batches[i]), generator, 1e-3, i + 1, 0, loss);
        }
        return (loss.item<float>(), step.Optimiser.FirstMoment.clone(), step.Weights.clone());
    }

    private static (double Loss, Tensor Gradient) ByHand(int batch)
    {
        using var network = new UNet(SmallExperiment.Model, seed: 3);
        using var data = new ResidentImages(SmallExperiment.Train, CPU);
        using var generator = RandomSeeds.Generator(1, RandomPurpose.TrainingNoise, 0);
        var (images, labels) = data.Batch(arange(batch));
        var loss =
            DenoisingLoss.PerImage(
                network, images, labels, NoiseDraw.From(generator, new TrainingObjective(), batch, (1, 8, 8))).mean();
        loss.backward();
        var gradient =
            cat([.. network.named_parameters().Where(named => named.parameter.requires_grad).Select(
                named => named.parameter.grad!.flatten())]);
        return (loss.item<float>(), gradient);
    }
}
