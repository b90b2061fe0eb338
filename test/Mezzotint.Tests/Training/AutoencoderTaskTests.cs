using Mezzotint.Data;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Training;

/// <summary>The loss of an autoencoder, with and without a discriminator.</summary>
public class AutoencoderTaskTests
{
    private static readonly AutoencoderConfig Config = new()
    {
        InChannels = 1, OutChannels = 1, LatentChannels = 2, BlockOutChannels = [8, 16], NormNumGroups = 4,
    };

    [Theory]
    [InlineData("l1", 0)]
    [InlineData("l2", 0.01)]
    public void The_loss_is_the_distance_and_the_weighted_divergence_a_pixel(string pixels, double divergence)
    {
        using var scope = NewDisposeScope();
        var task = new AutoencoderTask(Config, new AutoencoderLoss { Pixels = pixels, Divergence = divergence });
        using var network = (Autoencoder)task.Build(seed: 3);
        using var data = new ResidentImages(SmallExperiment.Train, CPU, task.Codec);
        using var generator = new Generator(5, CPU);
        var indices = tensor([3L, 8, 1]);
        var draw = (AutoencoderTask.LatentNoise)task.Draw(generator, data, indices, progress: 0);
        var (x, labels) = data.Batch(indices);
        float[] losses = task.Losses(network, x, labels, draw).data<float>().ToArray();

        var moments = network.Encode(x);
        var y = network.Decode(moments.Mean + moments.Std * draw.Noise);
        for (int i = 0; i < 3; i++)
        {
            var difference = (x[i] - y[i]).to(float64);
            double distance = (pixels == "l1" ? difference.abs() : difference * difference).sum().item<double>();
            var (m, v) = (moments.Mean[i].to(float64), moments.LogVariance[i].to(float64).exp());
            double kl = 0.5 * (m * m + v - 1 - v.log()).sum().item<double>();
            Assert.Equal((distance + divergence * kl) / 64, losses[i], 1e-5);
        }
    }

    [Fact]
    public void The_discriminator_pulls_each_reconstruction_as_hard_as_its_distance_and_learns_the_hinge_loss_alone()
    {
        using var scope = NewDisposeScope();
        random.manual_seed(1);
        using var discriminator = new PatchDiscriminator(1, 8);
        var (x, y) = (rand(3, 1, 16, 16) * 2 - 1, (rand(3, 1, 16, 16) * 2 - 1).requires_grad_());
        var distance = (x - y).abs().sum([1, 2, 3]);
        AdversarialLoss.Of(discriminator, x, y, distance, weight: 0.25).sum().backward();
        // The gradient of |x - y| has the norm sqrt(256) at each image.
        var pull = y.grad!.square().sum([1, 2, 3]).sqrt();
        Assert.All(pull.data<float>().ToArray(), norm => Assert.InRange(norm, 0.25 * 16 * 0.9, 0.25 * 16 * 1.0001));
        var learned = Gradients(discriminator);

        discriminator.zero_grad();
        var hinge =
            ((1 - discriminator.call(x)).relu().mean([1, 2, 3]) + (1 + discriminator.call(y.detach())).relu().mean([1, 2, 3]))
            / 2;
        hinge.sum().backward();
        TensorAssert.Close(Gradients(discriminator), learned, 1e-5);
        // against its own score: a step along the gradient makes the images look less real
        var moved = y.detach() + 0.01 * y.grad!;
        Assert.True((discriminator.call(moved).mean() < discriminator.call(y).mean()).item<bool>());
    }

    [Fact]
    public void A_training_against_a_discriminator_does_not_depend_on_the_number_of_replicas()
    {
        var loss = new AutoencoderLoss { Adversarial = 0.5, AdversarialFrom = 0, DiscriminatorChannels = 8 };
        using var one = New(loss, replicas: 1);
        using var two = New(loss, replicas: 2);
        for (int i = 0; i < 4; i++)
        {
            one.TrainStep();
            two.TrainStep();
        }
        foreach (var (alone, shared) in one.ReadLosses().Zip(two.ReadLosses()))
            Assert.Equal(alone, shared, 1e-3f * Math.Abs(alone));
    }

    [Fact]
    public void Reconstructions_come_nearer_and_scaled_latents_have_unit_deviation()
    {
        var images = SmallExperiment.Images("flat", 16, seed: 3);
        using var trainer = New(new AutoencoderLoss(), replicas: 2);
        double before = trainer.Figures()[AutoencoderTask.Psnr];
        for (int i = 0; i < 120; i++)
        {
            trainer.TrainStep();
            if (trainer.LossesAreDue)
                trainer.ReadLosses();
        }
        double after = trainer.Figures()[AutoencoderTask.Psnr];
        Assert.True(after > before + 0.5, $"{before} -> {after}");
        var network = (Autoencoder)trainer.Network;
        var statistics = LatentStatistics.Of(network, images);
        using var scope = NewDisposeScope();
        using var data = new ResidentImages(images, CPU, new PixelScaling { Mean = 0.5, Scale = 0.5 });
        var moments = network.Encode(data.Batch(arange(16, dtype: int64)).Images);
        using var generator = new Generator(9, CPU);
        double std =
            (moments.Sample(randn(moments.Mean.shape, generator: generator)) * statistics.ScalingFactor).std().item<float>();
        Assert.InRange(std, 0.85, 1.15);
        Assert.Equal(3, statistics.Preview.Count); // two latents and a constant
    }

    private static Tensor Gradients(nn.Module network) =>
        cat([.. network.parameters().Select(parameter => parameter.grad!.flatten())]);

    private static Trainer New(AutoencoderLoss loss, int replicas) => new(
        new AutoencoderTask(Config, loss), SmallExperiment.Config.Training with { Replicas = replicas, LearningRate = 3e-3 },
        SmallExperiment.Train, SmallExperiment.Test);
}
