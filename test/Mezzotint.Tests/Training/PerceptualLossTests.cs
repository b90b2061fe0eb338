using Mezzotint.Data;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Networks.Classifiers;
using Mezzotint.Tests.Formats;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Training;

/// <summary>The distance of images in the maps of a trained network, and the loss that is made of it.</summary>
public class PerceptualLossTests
{
    private static readonly ClassifierConfig Classes =
        new() { Architecture = PlainClassifier.Name, Classes = 2, Channels = 1, Height = 16, Width = 16 };

    private static readonly AutoencoderConfig Network = new()
    {
        InChannels = 1, OutChannels = 1, LatentChannels = 2, BlockOutChannels = [8, 16], NormNumGroups = 4,
    };

    [Fact]
    public void The_distance_is_that_of_the_unit_channels_at_each_place_of_each_size_of_map()
    {
        using var scope = NewDisposeScope();
        using var classifier = Classifier.Create(Classes, seed: 2);
        random.manual_seed(4);
        var (x, y) = (rand(3, 1, 16, 16), rand(3, 1, 16, 16));
        float[] found = classifier.Features.Distance(x, y).data<float>().ToArray();

        var weights = classifier.state_dict();
        var (a, b) = (x.to(float64), y.to(float64));
        var expected = zeros(3, dtype: float64);
        foreach (string name in new[] { "conv1", "conv2", "conv3" }) // three sizes: 8, 4 and 2
        {
            (a, b) = (Map(a, name), Map(b, name));
            expected += (Unit(a) - Unit(b)).square().sum(1).mean([1, 2]);
        }
        Assert.Equal(expected.data<double>().ToArray(), found.Select(value => (double)value), new Close(1e-5));
        Assert.All(found, value => Assert.InRange(value, 1e-3, 12));
        Assert.All(classifier.Features.Distance(x, x).data<float>().ToArray(), value => Assert.Equal(0, value));

        Tensor Map(Tensor from, string name) => nn.functional.max_pool2d(nn.functional.conv2d(from,
            weights[$"{name}.weight"].to(float64), weights[$"{name}.bias"].to(float64), padding: [2, 2]), 2).relu();
        static Tensor Unit(Tensor map) => map / (map.square().sum([1L], keepdim: true) + 1e-10).sqrt();
    }

    [Theory]
    [InlineData(ImageEncoderConfig.Residual)]
    [InlineData(ImageEncoderConfig.Plain)]
    public void A_step_along_the_gradient_brings_an_image_nearer_to_the_other(string architecture)
    {
        using var scope = NewDisposeScope();
        using var tower = ImageEncoder.Create(
            new() { Architecture = architecture, Height = 32, Width = 32, ModelChannels = 8, HiddenSize = 8 }, seed: 1);
        random.manual_seed(6);
        var (x, y) = (rand(2, 3, 32, 32), rand(2, 3, 32, 32).requires_grad_());
        var distance = tower.Features.Distance(x, y);
        distance.sum().backward();
        var nearer = tower.Features.Distance(x, y.detach() - 0.1 / y.grad!.norm() * y.grad!);
        Assert.True((nearer < distance).all().item<bool>());
    }

    [Fact]
    public void The_loss_adds_the_weighted_distance_and_leaves_the_network_as_it_was()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using (var classifier = Classifier.Create(Small, seed: 2))
            ClassifierFolder.Write(folder.Name, classifier, new ClassifierInfo { Name = "small", Network = Small,
                Dataset = "squares", Epochs = 1,
                ClassNames = ["a", "b"], Provenance = "This test." });
        using var parts = ExperimentParts.Open(
            new AutoencoderExperiment { Network = Network, Loss = new() { Perceptual = 0.5, Features = folder.Name } });
        var loss = ((AutoencoderExperiment)parts.Experiment).Loss;
        var task = new AutoencoderTask(Network, loss);
        using var network = task.Build(seed: 3);
        using var data = new ResidentImages(SmallExperiment.Train, CPU, task.Codec);
        using var generator = new Generator(5, CPU);
        var draw = (AutoencoderTask.LatentNoise)task.Draw(generator, data, tensor([3L, 8]), progress: 0);
        var (x, labels) = data.Batch(tensor([3L, 8]));
        var whole = task.Losses(network, x, labels, draw);
        var plain = new AutoencoderTask(Network, loss with { Perceptual = 0 }).Losses(network, x, labels, draw);
        var moments = ((Autoencoder)network).Encode(x);
        var y = ((Autoencoder)network).Decode(moments.Sample(draw.Noise));
        TensorAssert.Close(plain + 0.5 * loss.Maps!.Distance((x + 1) / 2, (y + 1) / 2), whole, 1e-5);
        whole.sum().backward();
        Assert.All(network.parameters(), parameter => Assert.NotNull(parameter.grad));
    }

    [Theory]
    [InlineData(0.5, "", "loss.features")]
    [InlineData(0, "somewhere", "loss.features")]
    [InlineData(-1, "somewhere", "loss.perceptual")]
    public void Weight_and_network_belong_together(double weight, string features, string key) => Assert.Equal(key,
        Assert.Throws<MezzotintException>(() => new AutoencoderExperiment { Data = new() { Name = "strokes" },
            Loss = new() { Perceptual = weight, Features = features } }.Validate()).Key);

    [Fact]
    public void A_network_that_is_not_there_or_sees_other_images_is_refused_by_the_key()
    {
        using var folder = new TemporaryFolder();
        var loss = new AutoencoderLoss { Perceptual = 1, Features = folder.File("no") };
        var config = new AutoencoderExperiment { Network = Network, Loss = loss };
        Assert.Equal("loss.features", Assert.Throws<MezzotintException>(() => ExperimentParts.Open(config).Dispose()).Key);
        using var classifier = Classifier.Create(Classes, seed: 2);
        var task = new AutoencoderTask(Network, new() { Perceptual = 1, Features = "wide", Maps = classifier.Features });
        var refused = Assert.Throws<MezzotintException>(() => task.Check(SmallExperiment.Train));
        Assert.Equal("loss.features", refused.Key);
        Assert.Contains("16 x 16", refused.Message, StringComparison.Ordinal);
    }

    private static ClassifierConfig Small => Classes with { Height = 8, Width = 8 };

    private sealed class Close(double tolerance) : IEqualityComparer<double>
    {
        public bool Equals(double x, double y) => Math.Abs(x - y) <= tolerance;

        public int GetHashCode(double value) => 0;
    }
}
