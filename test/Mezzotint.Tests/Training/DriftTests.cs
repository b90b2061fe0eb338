using System.Globalization;
using Mezzotint.Data;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Networks.Classifiers;
using Mezzotint.Noise;
using Mezzotint.Tests.Formats;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Training;

/// <summary>Images of one evaluation that drift to the distribution of real ones.</summary>
public class DriftTests
{
    private static readonly ClassifierConfig Classes =
        new() { Architecture = PlainClassifier.Name, Classes = 10, Channels = 1, Height = 8, Width = 8 };

    [Fact]
    public void There_is_no_drift_where_generated_points_are_the_real_ones()
    {
        using var scope = NewDisposeScope();
        random.manual_seed(1);
        var (x, points) = (randn(1, 5), randn(30, 5));
        Assert.Equal(0, EnergyDrift.Of(x, points, points.clone()).norm().item<float>(), 1e-6);
        Assert.True(EnergyDrift.Of(x, points, points + 1).norm().item<float>() > 0.1);
    }

    [Fact]
    public void The_drift_is_half_the_points_number_times_the_negative_gradient_of_the_energy_distance_and_a_step_lowers_it()
    {
        using var scope = NewDisposeScope();
        random.manual_seed(2);
        const int Count = 40;
        var real = randn(50, 4);
        var x = (0.7 * randn(Count, 4) + 0.5).requires_grad_();
        var before = Energy(x);
        var gradient = autograd.grad([before], [x])[0];
        using var noGrad = no_grad();
        var drift = cat([.. Enumerable.Range(0, Count).Select(i => EnergyDrift.Of(x.narrow(0, i, 1), real, x))]);
        TensorAssert.Close(-Count / 2.0 * gradient, drift, 1e-2); // no distance is below a floor of 1e-3
        Assert.True(Energy(x + drift).item<float>() < 0.8 * before.item<float>());

        // 2 E|x - y| - E|x - x'| - E|y - y'|
        Tensor Energy(Tensor points)
        {
            var own = (points.unsqueeze(0) - points.unsqueeze(1)).square().sum(-1);
            var distances = (own + eye(Count) * 1e-12).sqrt().mean();
            return 2 * cdist(points, real).mean() - distances - cdist(real, real).mean();
        }
    }

    [Fact]
    public void The_loss_of_a_row_that_drifts_has_the_gradient_that_the_field_says()
    {
        using var scope = NewDisposeScope();
        using var classifier = Frozen(2);
        var config = Drifting(classifier, reading: 0.5);
        using var data = new ResidentImages(SmallExperiment.Train, CPU, config.Pixels);
        using var network = config.Model.Build(seed: 3);
        using var noGrad = no_grad();
        var field = new DriftField(Settings(classifier, reading: 0.5), config.Pixels, data);
        random.manual_seed(4);
        using (var generator = new Generator(5, CPU))
            field.Begin(generator, data.Shape);
        var (a, b) = (SmallExperiment.Train.Labels[0], SmallExperiment.Train.Labels[1]);
        var factors = ConsistencyLoss.FactorsOf(config.Objective, new ConsistencyTuning(), [1, 1], 1, [a, b]);
        Assert.Equal([80, 80], factors.select(1, 4).Numbers()); // pure noise
        var terms = ConsistencyLoss.DriftTerms(network.call, field, Condition.OfClasses, new(factors, randn(2, 1, 8, 8)));
        var f = network.call(terms.X, terms.Times, terms.Condition);
        var column = (int index) => factors.select(1, index).view(-1, 1, 1, 1);
        var images = column(0) * terms.X / column(2) + column(1) * f;           // D
        var expected = column(1) * field.Gradient(images, [a, b], [1, 2]);      // by F
        Assert.True(expected.norm().item<float>() > 0.1);
        TensorAssert.Close(expected, terms.WithGradient(f).Gradient, 1e-3);

        using var gradients = enable_grad();
        var asked = f.detach().requires_grad_();
        TensorAssert.Close(expected, autograd.grad([terms.Losses(asked).sum()], [asked])[0], 1e-3);
    }

    [Fact]
    public void The_first_gradients_are_as_long_as_the_weight_says()
    {
        using var scope = NewDisposeScope();
        using var classifier = Frozen(2);
        using var data = new ResidentImages(SmallExperiment.Train, CPU, new PixelScaling());
        using var noGrad = no_grad();
        var field = new DriftField(Settings(classifier, 0) with { Weight = 3, Queue = 20 }, new PixelScaling(), data);
        using (var generator = new Generator(5, CPU))
            field.Begin(generator, data.Shape);
        var made = new List<(Tensor Images, long[] Classes)>();
        field.Fill((noise, classes) =>
        {
            made.Add((noise * 0.1 + 0.5, classes.data<long>().ToArray()));
            return made[^1].Images.DetachFromDisposeScope();
        });
        double[] lengths = [.. made.Take(4).SelectMany(part =>
            field.Gradient(part.Images, part.Classes, part.Classes).flatten(1).norm(1).Numbers())];
        Assert.InRange(lengths.Average(), 2.8, 3.2);
    }

    [Fact]
    public void The_part_of_a_training_batch_that_the_settings_say_drifts_and_nothing_of_a_test_batch()
    {
        using var scope = NewDisposeScope();
        using var classifier = Frozen(2);
        var config = Drifting(classifier, reading: 0);
        using var data = new ResidentImages(SmallExperiment.Train, CPU, config.Pixels);
        using var generator = new Generator(5, CPU);
        var indices = arange(8, dtype: int64);
        Assert.Equal([3, 7], ConsistencyLoss.Parts((NoiseDraw)config.Task.Draw(generator, data, indices, 0)).Drifting);
        Assert.Empty(ConsistencyLoss.Parts((NoiseDraw)config.Task.DrawForTest(generator, data, indices)).Drifting);
    }

    [Fact]
    public void A_training_with_drift_repeats_to_the_bit_and_another_weight_gives_other_weights()
    {
        using var classifier = Frozen(2);
        string first = Trained(Drifting(classifier, reading: 1));
        Assert.Equal(first, Trained(Drifting(classifier, reading: 1)));
        Assert.NotEqual(first, Trained(Drifting(classifier, reading: 2)));

        static string Trained(ExperimentConfig config)
        {
            using var trainer = new Trainer(config, SmallExperiment.Train, SmallExperiment.Test);
            for (int i = 0; i < 5; i++)
                trainer.TrainStep();
            Assert.True(double.IsFinite(trainer.Evaluate()));
            using var scope = NewDisposeScope();
            return string.Join(" ", trainer.Network.parameters().Select(weights =>
                weights.detach().to(float64).sum().item<double>().ToString("R", CultureInfo.InvariantCulture)));
        }
    }

    [Theory]
    [InlineData(1, "", 0.5, 0, "distillation.drift.features")]
    [InlineData(0, "somewhere", 0.5, 0, "distillation.drift.features")]
    [InlineData(-1, "somewhere", 0.5, 0, "distillation.drift.weight")]
    [InlineData(1, "somewhere", 1, 0, "distillation.drift.part")]
    [InlineData(1, "somewhere", 0.5, -1, "distillation.drift.reading")]
    [InlineData(0, "", 0.5, 1, "distillation.drift.reading")]
    public void Settings_out_of_their_range_are_refused_by_name(
        double weight, string features, double part, double reading, string key) =>
        Assert.Equal(key, Assert.Throws<MezzotintException>(() => new ConsistencyTuning
        {
            Drift = new() { Weight = weight, Features = features.Length > 0 ? [features] : [], Part = part, Reading = reading },
        }.Validate()).Key);

    [Fact]
    public void A_network_that_is_not_there_or_does_not_fit_the_images_or_their_classes_is_refused_and_latents_are()
    {
        using var folder = new TemporaryFolder();
        ExperimentConfig With(DriftSettings drift) => Config with { Distillation = new ConsistencyTuning { Drift = drift } };
        Assert.Equal("distillation.drift.features", Assert.Throws<MezzotintException>(() => ExperimentParts.Open(
            With(new() { Weight = 1, Features = [folder.File("no")] })).Dispose()).Key);
        using var wide = Classifier.Create(Classes with { Width = 16 }, seed: 2);
        Assert.Equal("distillation.drift.features", Assert.Throws<MezzotintException>(() =>
            With(Settings(wide, 0)).Task.Check(SmallExperiment.Train)).Key);
        using var two = Classifier.Create(Classes with { Classes = 2 }, seed: 2);
        With(Settings(two, 0)).Task.Check(SmallExperiment.Train);
        Assert.Contains("2 classes", Assert.Throws<MezzotintException>(() =>
            With(Settings(two, 1)).Task.Check(SmallExperiment.Train)).Message, StringComparison.Ordinal);
        Assert.Equal("distillation.drift.weight", Assert.Throws<MezzotintException>(() => Settings(two, 0).CheckFits(
            Config with { Pixels = new LatentCodec { Autoencoder = "any" } })).Key);
        Assert.Equal("training.label_dropout", Assert.Throws<MezzotintException>(() => Settings(two, 0).CheckFits(
            Config with { Training = Config.Training with { LabelDropout = 0.1 } })).Key);
    }

    private static ExperimentConfig Config => SmallExperiment.Config with
    {
        Process = new Edm(),
        Parameterisation = new EdmPreconditioning(),
        Times = new LogNormalLevels { Mean = -1.1, Std = 2 },
        Distillation = new ConsistencyTuning(),
        Model = new ResidualUNetConfig { PatchSize = 2, ModelChannels = 16, ChannelMultipliers = [1], ResidualBlocks = [1],
            HeadChannels = 16 },
    };

    private static ExperimentConfig Drifting(Classifier classifier, double reading) =>
        Config with { Distillation = new ConsistencyTuning { Drift = Settings(classifier, reading) } };

    private static DriftSettings Settings(Classifier classifier, double reading) => new()
    {
        Weight = 2, Part = 0.25, Features = ["there"], Maps = [classifier.Features], Reading = reading, Queue = 10,
    };

    private static Classifier Frozen(long seed)
    {
        var classifier = Classifier.Create(Classes, seed);
        foreach (var weights in classifier.parameters())
            weights.requires_grad_(false);
        return classifier;
    }
}
