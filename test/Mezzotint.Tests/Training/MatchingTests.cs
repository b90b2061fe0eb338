using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Training;

public class MatchingTests
{
    private static readonly ExperimentConfig Config = SmallExperiment.Config with
    {
        Process = new Edm(),
        Parameterisation = new EdmPreconditioning(),
        Times = new LogNormalLevels { Mean = -0.4, Std = 1.3 },
        Distillation = new DistributionMatching(),
        Sampling = new() { Sampler = "lcm", Levels = "80,1", Steps = 2 },
        Model = new ResidualUNetConfig { PatchSize = 2, ModelChannels = 16, ChannelMultipliers = [1], ResidualBlocks = [1],
            HeadChannels = 16 },
        Training = SmallExperiment.Config.Training with { Epochs = 20, LearningRate = 3e-3 },
    };

    private static readonly TrainingObjective Objective = Config.Objective;

    [Fact]
    public void The_students_gradient_is_the_critics_estimate_less_the_teachers_over_the_distance_from_the_teachers()
    {
        using var scope = NewDisposeScope();
        // Denoisers that are known: D of the critic is 3 everywhere, of the teacher 1 with the class and 0.5 without it.
        var networks = new MatchedCalls(Constant(9), Constant(3), (x, t, condition) =>
            Constant(condition.Classes![0, 0].item<long>() == 7 ? 0.5 : 1)(x, t, condition));
        var image = full(1, 1, 8, 8, 5.0f);
        var made = new StudentImages(
            image, MatchingLoss.FactorsOf(Objective, [2.0], _ => 1), zeros_like(image), image);
        Assert.Equal(Wanted(guidance: 1), 5 - (3 - 1) / 4.0, 1e-4);
        Assert.Equal(Wanted(guidance: 3), 5 - (3 - 2) / 3.0, 1e-4); // the teacher says 0.5 + 3 (1 - 0.5) = 2

        double Wanted(double guidance)
        {
            var match = new NoiseDraw(MatchingLoss.FactorsOf(Objective, [0.5], _ => guidance), randn(1, 1, 8, 8));
            var terms = MatchingLoss.OfStudent(
                made, networks, new UNetConfig { CorpusLength = 7, Unconditional = true }, Class(0), match);
            // Target = wanted - Skip x, with EDM's Skip of 0.25 / 4.25 at level 2.
            double[] wanted = [.. terms.Target.Numbers().Select(target => target + 0.25 / 4.25 * 5)];
            Assert.Equal(wanted.Min(), wanted.Max(), 1e-4);
            return wanted[0];
        }

        // F such that Skip x + Out F = value, for whichever level x has: x is known from In x.
        static NetworkCall Constant(double value) => (x, t, _) =>
        {
            double level = Math.Exp(4 * t.item<float>()), root = Math.Sqrt(level * level + 0.25); // EDM's t is ln(level) / 4
            using var scope = NewDisposeScope();
            double skip = 0.25 / (root * root), output = level * 0.5 / root;
            return ((full_like(x, value) - x * (skip * root)) / output).MoveToOuterDisposeScope();
        };
    }

    [Fact]
    public void The_student_draws_in_steps_each_from_the_estimate_of_the_step_before_and_new_noise()
    {
        using var scope = NewDisposeScope();
        double[] levels = [5, 1, 0.2];
        var chain = MatchingLoss.FactorsOf(Objective, levels, _ => 1);
        using var network = Config.Model.Build(seed: 3);
        using (no_grad())
            network.named_parameters().Single(named => named.name == "output.bias").parameter.fill_(0.7);
        var noise = randn([3, 3, 1, 8, 8]);
        var draw = new MatchingDraw(tensor(new long[] { 2, 0, 1 }), noise, null!, null!, TeachesStudent: true);
        var images = MatchingLoss.Draw(network.call, Class(1).For(3), draw, chain).Image;
        using var noGrad = no_grad();
        foreach (var (image, steps) in new[] { (0, 3), (1, 1), (2, 2) })
        {
            var estimate = zeros(1, 1, 8, 8);
            for (int step = 0; step < steps; step++)
            {
                double time = Objective.Process.Time(levels[step]);
                var scalings = Objective.Parameterisation.At(Objective.Process, time);
                var x = estimate + levels[step] * noise[image, step].unsqueeze(0);
                var f = network.call(scalings.In * x, tensor(new[] { (float)scalings.Time }), Class(1));
                estimate = scalings.Skip * x + scalings.Out * f;
            }
            TensorAssert.Close(estimate, images.narrow(0, image, 1), 1e-5);
        }
    }

    [Fact]
    public void A_student_whose_images_are_too_bright_comes_nearer_to_the_teachers()
    {
        var denoising = Config with { Distillation = new NoDistillation() };
        using var teaching = new Trainer(denoising, SmallExperiment.Train, SmallExperiment.Train);
        Train(teaching, 80);
        var teacher = PromptedNetwork.Parts(teaching.Network).Denoiser;
        using var start = Config.Model.Build();
        using (no_grad())
        {
            ModuleCopy.CopyFrom(start, teacher);
            start.named_parameters().Single(named => named.name == "output.bias").parameter.add_(0.8);
        }
        double wanted = Brightness(teacher), before = Brightness(start);
        using var matching = new Trainer(Config, SmallExperiment.Train, SmallExperiment.Train, null, start, null, null, teacher);
        var weights = Models.SmallNetwork.Weights(teacher);
        Train(matching, 120);
        double after = Brightness(PromptedNetwork.Parts(matching.Network).Denoiser);
        Assert.True(Math.Abs(after - wanted) < 0.5 * Math.Abs(before - wanted), $"{before} -> {after}, teacher {wanted}");
        Assert.Equal(weights, Models.SmallNetwork.Weights(((TaughtNetworks)matching.Network).Teacher));
    }

    [Fact]
    public void A_resumed_matching_is_the_same_to_the_bit()
    {
        using var start = Config.Model.Build(seed: 9);
        using var teacher = Config.Model.Build(seed: 4);
        Trainer New() => new(Config, SmallExperiment.Train, SmallExperiment.Test, null, start, null, null, teacher);
        using var straight = New();
        using var first = New();
        using var second = New();
        Train(straight, 4);
        Train(first, 1);
        second.Restore(
            new Checkpoint { Step = 1, EpochsReported = 0, EpochLoss = 0, SinceLog = (0, 0), Elapsed = TimeSpan.Zero,
            Tensors = first.Tensors() });
        Train(second, 3);
        Assert.Equal(Models.SmallNetwork.Weights(straight.Network), Models.SmallNetwork.Weights(second.Network));
    }

    [Fact]
    public void What_does_not_fit_is_refused_by_its_key()
    {
        AssertRefused("sampling.sampler", Config with { Sampling = new() { Sampler = "heun", Levels = "karras", Steps = 4 } });
        AssertRefused(
            "distillation.teacher.guidance",
            Config with { Distillation = new DistributionMatching { Teacher = new() { Guidance = 2 } } });
        AssertRefused("distillation.critic_steps", Config with { Distillation = new DistributionMatching { CriticSteps = 0 } });
        AssertRefused("distillation.first_share", Config with { Distillation = new DistributionMatching { FirstShare = 1.5 } });
        AssertRefused("training.freeze", Config with { Training = Config.Training with { Freeze = "output" } });
        Config.Validate();

        static void AssertRefused(string key, ExperimentConfig config) =>
            Assert.Equal(key, Assert.Throws<MezzotintException>(config.Validate).Key);
    }

    private static Condition Class(long number) => Condition.OfClasses(full(1, 1, number, dtype: int64));

    /// <summary>The mean of what a network draws in one step.</summary>
    private static double Brightness(DenoisingNetwork network)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        random.manual_seed(3);
        var draw = new MatchingDraw(zeros(40, dtype: int64), randn([40, 1, 1, 8, 8]), null!, null!, TeachesStudent: true);
        var labels = Condition.OfClasses(arange(40, dtype: int64).remainder(10).view(40, 1));
        return MatchingLoss.Draw(network.call, labels, draw, MatchingLoss.FactorsOf(Objective, [80.0], _ => 1)).Image
            .mean().item<float>();
    }

    private static void Train(Trainer trainer, int steps)
    {
        for (int step = 0; step < steps; step++)
        {
            trainer.TrainStep();
            if (trainer.LossesAreDue)
                trainer.ReadLosses();
        }
        trainer.ReadLosses();
    }
}
