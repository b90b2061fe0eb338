using CsCheck;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using Mezzotint.Tests.Noise;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Training;

public class ConsistencyTests
{
    private static readonly ExperimentConfig Config = SmallExperiment.Config with
    {
        Process = new Edm(),
        Parameterisation = new EdmPreconditioning(),
        Times = new LogNormalLevels { Mean = -1.1, Std = 2 },
        Distillation = new ConsistencyTuning { Doublings = 4 },
        Model = new ResidualUNetConfig { PatchSize = 2, ModelChannels = 16, ChannelMultipliers = [1], ResidualBlocks = [1],
            HeadChannels = 16 },
        Training = SmallExperiment.Config.Training with { Epochs = 20, LearningRate = 3e-3 },
    };

    [Fact]
    public void The_lower_level_is_the_papers_and_comes_nearer_with_each_doubling()
    {
        var tuning = new ConsistencyTuning { Doublings = 8 };
        // n(1) = 1 + 8 / (1 + e) = 3.1515...; the gap at the end is n / 2^8.
        double n = 1 + 8 / (1 + Math.E);
        Assert.Equal(1 - n / 256, tuning.Lower(1, 0.002, 1), 1e-15);
        Assert.Equal(1 - n / 256, tuning.Lower(1, 0.002, 0.9), 1e-15);
        Assert.Equal(1 - n / 128, tuning.Lower(1, 0.002, 0.8), 1e-15);
        Assert.Equal(0, tuning.Lower(1, 0.002, 0));       // n > 2
        Assert.Equal(40, tuning.Lower(80, 0.002, 0), 1e-9);  // n = 1
        Assert.Equal(0, tuning.Lower(0.002, 0.002, 1));   // below the least there is no noise
    }

    [Fact]
    public void A_pair_is_ordered_at_any_time_of_any_process_and_its_factors_are_finite() =>
        Gen.Select(Processes.Any, Gen.Double[0, 1], Gen.Double[0, 1], Gen.Int[1, 30]).Sample((process, u, progress, doublings) =>
        {
            using var scope = NewDisposeScope();
            var tuning = new ConsistencyTuning { Doublings = doublings };
            var objective = new TrainingObjective { Process = process, Parameterisation = new ImageParameterisation() };
            double time = new LogNormalLevels().Time(process, u), level = process.Level(time);
            Assert.InRange(tuning.Lower(level, process.MinimumLevel, progress), 0, level);
            Assert.True(ConsistencyLoss.FactorsOf(objective, tuning, [time], progress).isfinite().all().item<bool>());
        }, iter: 200, threads: 1);

    [Fact]
    public void While_the_lower_level_is_0_the_loss_is_the_distance_of_the_estimate_from_the_image()
    {
        using var network = Config.Model.Build(seed: 3);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        random.manual_seed(5);
        var (images, noise, labels) = (randn(2, 1, 8, 8), randn(2, 1, 8, 8), zeros(2, 1, dtype: int64));
        // At level 1 and the first doubling the lower level is 0. A fresh network predicts nothing: D = skip xHat, with EDM's
        // skip of 0.25 / 1.25.
        var draw =
            new NoiseDraw(ConsistencyLoss.FactorsOf(Config.Objective, new ConsistencyTuning { Huber = 0.5 }, [1, 1], 0), noise);
        float[] losses = Config.Task.Losses(network, images, labels, draw).data<float>().ToArray();
        for (int i = 0; i < 2; i++)
        {
            double square = images[i].Numbers().Zip(noise[i].Numbers(), (x, z) => Math.Pow(0.2 * (x + z) - x, 2)).Sum();
            Assert.Equal(Math.Sqrt(square + 0.25) - 0.5, losses[i], 1e-4);
        }
    }

    [Fact]
    public void The_lower_estimate_has_no_gradient()
    {
        using var network = Config.Model.Build(seed: 3);
        using var scope = NewDisposeScope();
        random.manual_seed(5);
        var draw =
            new NoiseDraw(ConsistencyLoss.FactorsOf(Config.Objective, new ConsistencyTuning(), [1, 3], 1), randn(2, 1, 8, 8));
        // A fresh network gives 0 but for its last bias; with gradients on both sides that bias would move D_r as well.
        var (images, labels) = (randn(2, 1, 8, 8), zeros(2, 1, dtype: int64));
        Config.Task.Losses(network, images, labels, draw).sum().backward();
        double analytic =
            network.named_parameters().Single(named => named.name == "output.bias").parameter.grad!.sum().item<float>();
        double Loss(double shift)
        {
            // Only the higher estimate moves: its output bias, which reaches D_t through Out_t.
            var factors = draw.Factors;
            double total = 0;
            for (int i = 0; i < 2; i++)
            {
                double[] f = [.. factors[i].Numbers()];
                double[] x = [.. images[i].Numbers()], z = [.. draw.Noise[i].Numbers()];
                double square = x.Zip(z, (a, b) => f[0] * (a + f[4] * b) + f[1] * shift - f[5] * (a + f[9] * b)).Sum(d => d * d);
                total += (Math.Sqrt(square + f[10] * f[10]) - f[10]) * f[11];
            }
            return total;
        }
        Assert.Equal((Loss(1e-4) - Loss(-1e-4)) / 2e-4, analytic, 1e-3 * Math.Abs(analytic));
    }

    [Fact]
    public void A_distillation_goes_on_where_a_tuning_has_halved_the_gap()
    {
        var distillation = new ConsistencyDistillation { DoublingsBefore = 4, Doublings = 7 };
        var tuning = new ConsistencyTuning { Doublings = 7 };
        foreach (var (progress, same) in new[] { (0, 4.5 / 7), (0.5, 5.5 / 7), (0.99, 6.5 / 7) })
            Assert.Equal(tuning.Lower(3, 0.002, same), distillation.Lower(3, 0.002, progress));
    }

    [Fact]
    public void With_a_teacher_whose_estimate_is_the_image_the_path_is_the_line_to_the_image()
    {
        using var network = Config.Model.Build(seed: 3);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        network.named_parameters().Single(named => named.name == "output.bias").parameter.fill_(0.7);
        random.manual_seed(5);
        var images = randn(2, 1, 8, 8);
        var draw = new NoiseDraw(
            ConsistencyLoss.FactorsOf(Config.Objective, new ConsistencyTuning(), [1, 3], 1), randn(2, 1, 8, 8));
        var asked = Condition.OfLabels([1, 2]);
        RegressionTerms Terms(NetworkCall? teacher) =>
            ConsistencyLoss.Terms(network.call, teacher, Config.Model, images, asked, draw);
        // F of that teacher: (x_0 - Skip xHat) / Out, where it sees In xHat.
        var knowing = Terms((x, t, condition) =>
        {
            Assert.Equal(new long[] { 1, 2 }, condition.Classes!.data<long>().ToArray());
            Tensor Column(int index) => draw.Factors.select(1, index).view(-1, 1, 1, 1);
            return (images - Column(0) * x / Column(2)) / Column(1);
        });
        TensorAssert.Close(Terms(null).Target, knowing.Target, 1e-4);
        TensorAssert.Close(Terms(null).X, knowing.X, 1e-6);
    }

    [Fact]
    public void A_classifier_moves_the_teachers_estimate_by_its_factor_at_the_level_and_so_the_lower_point()
    {
        using var network = Config.Model.Build(seed: 3);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        random.manual_seed(5);
        // ln p of class 1 less that of class 0 is the sum of the pixels: the gradient for class 1 is 1 - p of each pixel.
        var classifier = new ClassifierGuidance
        {
            Scores = (x, _) => stack([zeros_like(x.sum([1, 2, 3])), x.sum([1, 2, 3])], 1), Labels = [], Scale = 3, CleanStd = 0.4,
            Low = 0.5, High = 2,
        };
        var tuning = new ConsistencyDistillation { Teacher = new() { ByClassifier = classifier } };
        var factors = ConsistencyLoss.FactorsOf(Config.Objective, tuning, [1, 3], 1);
        Assert.Equal(3 * 0.16 / 1.16, factors[0, 13].item<float>(), 1e-6); // scale s^2 t^2 / (s^2 + t^2)
        Assert.Equal(0, factors[1, 13].item<float>());                     // above the interval
        var (images, noise) = (randn(2, 1, 8, 8).Times(0.1), randn(2, 1, 8, 8));
        var draw = new NoiseDraw(factors, noise);
        Tensor Column(int index) => draw.Factors.select(1, index).view(-1, 1, 1, 1);
        Tensor? Lower(ClassifierGuidance? by)
        {
            Tensor? seen = null;
            ConsistencyLoss.Terms(
                (x, t, condition) => (seen = x).clone(), (x, t, condition) => (images - Column(0) * x / Column(2)) / Column(1),
                Config.Model, images, Condition.OfLabels([1, 1]), draw, byClassifier: by);
            return seen! / Column(5 + 2);
        }
        var moved = Lower(classifier)! - Lower(null)!;
        // The point goes from x towards the estimate by (t - r) / t of the way.
        var share = (Column(4) - Column(9)) / Column(4);
        var gradient = 1 - images.sum([1, 2, 3], keepdim: true).sigmoid();
        TensorAssert.Close(share * Column(13) * gradient * ones_like(images), moved, 1e-3);
    }

    [Fact]
    public void A_training_begins_with_the_weights_of_another_model_and_lowers_the_loss()
    {
        using var start = Config.Model.Build(seed: 9);
        using var trainer = new Trainer(Config, SmallExperiment.Train, SmallExperiment.Train, start: start);
        Assert.Equal(Models.SmallNetwork.Weights(start), Models.SmallNetwork.Weights(trainer.Network));
        double before = trainer.Evaluate();
        for (int i = 0; i < 6; i++)
        {
            for (int step = 0; step < 10; step++)
                trainer.TrainStep();
            trainer.ReadLosses();
        }
        double after = trainer.Evaluate();
        Assert.True(after < 0.9 * before, $"{before} -> {after}");
        using var other = (Config.Model with { InChannels = 3, OutChannels = 3 }).Build();
        var grey = Config with { Model = Config.Model with { InChannels = 1, OutChannels = 1 } };
        var refused = Assert.Throws<MezzotintException>(
            () => new Trainer(grey, SmallExperiment.Train, SmallExperiment.Test, start: other).Dispose());
        Assert.Contains("another shape", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_training_leaves_alone_is_taken_over_too_and_survives_a_resumption()
    {
        var config =
            SmallExperiment.Config with { Training =
                SmallExperiment.Config.Training with { Average = new ExponentialAverage() } };
        using var start = new UNet(SmallExperiment.Model, seed: 9);
        using var straight = new Trainer(config, SmallExperiment.Train, SmallExperiment.Test, start: start);
        using var first = new Trainer(config, SmallExperiment.Train, SmallExperiment.Test, start: start);
        using var second = new Trainer(config, SmallExperiment.Train, SmallExperiment.Test, start: start);
        for (int i = 0; i < 4; i++)
            straight.TrainStep();
        first.TrainStep();
        second.Restore(
            new Checkpoint { Step = 1, EpochsReported = 0, EpochLoss = 0, SinceLog = (0, 0), Elapsed = TimeSpan.Zero,
            Tensors = first.Tensors() });
        for (int i = 0; i < 3; i++)
            second.TrainStep();
        Assert.Equal(Models.SmallNetwork.Weights(straight.Network), Models.SmallNetwork.Weights(second.Network));
        Assert.Equal(
            Models.SmallNetwork.Weights(start)["time_embed.W"], Models.SmallNetwork.Weights(second.Network)["time_embed.W"]);
    }
}

/// <summary>Tensors as numbers.</summary>
internal static class TensorNumbers
{
    public static IEnumerable<double> Numbers(this Tensor tensor) => tensor.to(float64).contiguous().data<double>().ToArray();
}
