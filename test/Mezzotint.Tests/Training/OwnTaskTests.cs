using Mezzotint.Data;
using Mezzotint.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Training;

/// <summary>
/// A task that is not the library's, with another kind of network and a loss of two terms, in the same training.
/// </summary>
public class OwnTaskTests
{
    private static readonly TrainingConfig Training = SmallExperiment.Config.Training with { LearningRate = 1e-2 };

    [Fact]
    public void A_task_of_a_programs_own_trains_and_goes_on_to_the_bit()
    {
        using var straight = New();
        double before = straight.Evaluate();
        Step(straight, 40);
        using var first = New();
        Step(first, 17);
        using var second = New();
        second.Restore(new Checkpoint
        {
            Step = first.Step, EpochsReported = 0, EpochLoss = 0, SinceLog = (0, 0), Elapsed = TimeSpan.Zero,
            Tensors = first.Tensors(),
        });
        Step(second, 23);
        Assert.True(straight.Evaluate() < 0.9 * before, $"{before} -> {straight.Evaluate()}");
        foreach (var (name, tensor) in straight.Tensors())
            Assert.True(tensor.Bytes.Span.SequenceEqual(second.Tensors()[name].Bytes.Span), name);
    }

    [Fact]
    public void A_network_of_another_shape_to_begin_with_is_refused()
    {
        using var other = new Autoencoder(latent: 3);
        var error = Assert.Throws<MezzotintException>(
            () => new Trainer(new AutoencoderTask(), Training, SmallExperiment.Train, SmallExperiment.Train, start: other));
        Assert.Contains("another shape", error.Message, StringComparison.Ordinal);
    }

    private static Trainer New() => new(new AutoencoderTask(), Training, SmallExperiment.Train, SmallExperiment.Train);

    private static void Step(Trainer trainer, int count)
    {
        for (int i = 0; i < count; i++)
        {
            trainer.TrainStep();
            if (trainer.LossesAreDue)
                trainer.ReadLosses();
        }
    }

    /// <summary>Images of 64 pixels to the mean and the logarithm of the variance of a few numbers, and back.</summary>
    private sealed class Autoencoder : nn.Module
    {
        private readonly Linear _encoder, _decoder;

        public Autoencoder(int latent) : base(nameof(Autoencoder))
        {
            (_encoder, _decoder) = (nn.Linear(64, 2 * latent), nn.Linear(latent, 64));
            RegisterComponents();
        }

        public (Tensor Mean, Tensor LogVariance) Encode(Tensor x)
        {
            var halves = _encoder.call(x.flatten(1)).chunk(2, 1);
            return (halves[0], halves[1]);
        }

        public Tensor Decode(Tensor latent) => _decoder.call(latent);
    }

    private sealed record LatentNoise(Tensor Noise) : BatchDraw
    {
        public override LatentNoise MoveTo(Device device) => new(Noise.to(device));

        public override LatentNoise Slice(long start, long count) => new(Noise.narrow(0, start, count));
    }

    /// <summary>Kingma, Welling 2014, arXiv 1312.6114, equation 10.</summary>
    private sealed class AutoencoderTask : TrainingTask
    {
        private const int Latent = 4;

        public override nn.Module Build(long seed = 0)
        {
            random.manual_seed(seed);
            return new Autoencoder(Latent);
        }

        public override BatchDraw Draw(
            Generator generator, ResidentImages data, Tensor indices, double progress) =>
            new LatentNoise(randn(indices.shape[0], Latent, generator: generator));

        public override BatchDraw DrawForTest(Generator generator, ResidentImages data, Tensor indices) =>
            Draw(generator, data, indices, progress: 1);

        public override Tensor Losses(nn.Module network, Tensor images, Tensor labels, BatchDraw draw)
        {
            var autoencoder = (Autoencoder)network;
            var (mean, logVariance) = autoencoder.Encode(images);
            var decoded = autoencoder.Decode(mean + (logVariance / 2).exp() * ((LatentNoise)draw).Noise);
            var divergence = (mean.pow(2) + logVariance.exp() - logVariance - 1).sum(1) / 2;
            return (decoded - images.flatten(1)).pow(2).sum(1) + divergence / 10;
        }
    }
}
