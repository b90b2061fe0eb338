using Mezzotint.Data;
using Mezzotint.Training;

namespace Mezzotint.Tests.Training;

public class TrainerTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(0.9)]
    public void A_restored_training_goes_on_to_the_bit(double averageDecay)
    {
        var config = With(training =>
            training with { Average = averageDecay > 0 ? new ExponentialAverage { Decay = averageDecay } : new NoAverage() });
        using var straight = NewTrainer(config);
        float[] losses = Run(straight, 7);

        using var first = NewTrainer(config);
        float[] before = Run(first, 3);
        // The second one starts from other weights, which must all be gone.
        using var second = NewTrainer(config with { Training = config.Training with { Seed = 43 } });
        second.Restore(CheckpointOf(first));
        using var third = NewTrainer(config);
        third.Restore(CheckpointOf(second));
        float[] after = Run(third, 4);

        Assert.Equal(losses, before.Concat(after));
        AssertSame(straight, third);
        Assert.Equal(straight.Evaluate(), third.Evaluate());
        Assert.Equal((7, 2), (third.Step, third.EpochsDone));
    }

    [Fact]
    public void Equal_seeds_train_equally_and_others_do_not()
    {
        using var one = NewTrainer(SmallExperiment.Config);
        using var same = NewTrainer(SmallExperiment.Config);
        using var other = NewTrainer(With(training => training with { Seed = 43 }));
        float[] losses = Run(one, 4);
        Assert.Equal(losses, Run(same, 4));
        AssertSame(one, same);
        Assert.NotEqual(losses, Run(other, 4));
    }

    [Fact]
    public void Training_lowers_the_loss()
    {
        using var trainer = NewTrainer(With(training => training with { LearningRate = 3e-3 }));
        double before = trainer.Evaluate();
        for (int i = 0; i < 4; i++)
            Run(trainer, 10);
        Assert.True(trainer.Evaluate() < 0.8 * before, $"{before} -> {trainer.Evaluate()}");
    }

    [Fact]
    public void An_epoch_of_repeats_passes_over_all_images_so_often()
    {
        using var trainer = NewTrainer(With(training => training with { Repeats = 3 }));
        Assert.Equal((8, 24), (trainer.StepsPerEpoch, trainer.TotalSteps)); // 60 images, 8 a step; 3 epochs
        Run(trainer, 7);
        Assert.Equal(60 - 7 * 8, trainer.NextBatchSize);
    }

    [Fact]
    public void Each_pass_takes_every_image_once_as_it_is_or_mirrored()
    {
        var asked = new List<long>();
        using (var trainer = new Trainer(
            new RecordingTask(asked), SmallExperiment.Config.Training, SmallExperiment.Train.WithMirrorImages(),
            SmallExperiment.Test))
        {
            Assert.Equal(3, trainer.StepsPerEpoch); // of 20 images, not of 40
            Run(trainer, 6);
        }
        int count = SmallExperiment.Train.Count;
        foreach (long[] pass in asked.Chunk(count))
        {
            Assert.Equal(Enumerable.Range(0, count).Select(i => (long)i), pass.Select(index => index % count).Order());
            Assert.InRange(pass.Count(index => index >= count), 1, count - 1);
        }
    }

    private sealed class RecordingTask(List<long> asked)
        : DenoisingTask(SmallExperiment.Config.Fit(SmallExperiment.Train).Model, SmallExperiment.Config.Objective)
    {
        public override BatchDraw Draw(
            TorchSharp.torch.Generator generator, ResidentImages data, TorchSharp.torch.Tensor indices, double progress)
        {
            asked.AddRange(indices.data<long>().ToArray());
            return base.Draw(generator, data, indices, progress);
        }
    }

    [Fact]
    public void The_last_batch_of_an_epoch_is_kept_and_smaller()
    {
        using var trainer = NewTrainer(SmallExperiment.Config);
        Assert.Equal(3, trainer.StepsPerEpoch);
        var sizes = new List<int>();
        for (int i = 0; i < 6; i++)
        {
            sizes.Add(trainer.NextBatchSize);
            trainer.TrainStep();
        }
        Assert.Equal([8, 8, 4, 8, 8, 4], sizes);
        Assert.Equal(2, trainer.EpochsDone);
    }

    [Fact]
    public void The_average_follows_the_weights_by_its_decay_and_is_what_is_evaluated()
    {
        using var trainer =
            NewTrainer(With(training => training with { Average = new ExponentialAverage { Decay = 0.75, WarmUp = 0 } }));
        float[] average = Floats(trainer, "average_0");
        Assert.Equal(Floats(trainer, "weights"), average);
        for (int step = 0; step < 3; step++)
        {
            trainer.TrainStep();
            float[] weights = Floats(trainer, "weights"), actual = Floats(trainer, "average_0");
            for (int i = 0; i < average.Length; i++)
                Assert.True(Math.Abs(0.75 * average[i] + 0.25 * weights[i] - actual[i]) <= 1e-6);
            average = actual;
        }

        using var plain = NewTrainer(SmallExperiment.Config);
        Run(plain, 3);
        Assert.Equal(Floats(plain, "weights"), Floats(trainer, "weights"));
        Assert.NotEqual(plain.Evaluate(), trainer.Evaluate());
    }

    [Fact]
    public void A_loss_that_is_not_finite_is_reported_with_its_step_and_the_learning_rate()
    {
        using var trainer = NewTrainer(With(training => training with { LearningRate = 1e30 }));
        var error = Assert.Throws<DivergedException>(() => Run(trainer, 5));
        Assert.Matches("^The loss is (NaN|infinite) at step 2: the training has diverged", error.Message);
        Assert.Equal("training.learning_rate", error.Key);
        Assert.Contains("training.learning_rate = 1E+30 is too high", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_that_are_not_finite_at_the_start_are_reported_as_that()
    {
        using var trainer = NewTrainer(SmallExperiment.Config);
        trainer.Restore(Poisoned(trainer));
        var error = Assert.Throws<DivergedException>(() => Run(trainer, 1));
        Assert.StartsWith(
            "The loss is NaN before the first step: the settings of [process]", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Fresh_and_trained_weights_are_sound_and_looking_changes_nothing()
    {
        using var looked = NewTrainer(SmallExperiment.Config);
        using var plain = NewTrainer(SmallExperiment.Config);
        for (int step = 0; step < 3; step++)
        {
            looked.CheckSound();
            looked.TrainStep();
            plain.TrainStep();
        }
        Assert.Equal(Floats(plain, "weights"), Floats(looked, "weights"));
    }

    [Fact]
    public void Finite_weights_whose_test_loss_is_far_above_the_untrained_networks_have_run_away()
    {
        using var trainer = NewTrainer(With(training => training with { LearningRate = 30 }));
        trainer.TrainStep();
        Assert.All(Floats(trainer, "weights"), weight => Assert.True(float.IsFinite(weight)));
        var error = Assert.Throws<DivergedException>(trainer.CheckSound);
        Assert.Contains(
            "at step 1: the training has diverged, because training.learning_rate = 30 is too high", error.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_test_loss_that_is_not_finite_is_reported_too()
    {
        using var trainer = NewTrainer(SmallExperiment.Config);
        trainer.Restore(Poisoned(trainer));
        Assert.Throws<DivergedException>(() => trainer.Evaluate());
    }

    [Fact]
    public void Losses_must_be_read_before_they_would_be_overwritten()
    {
        using var trainer = NewTrainer(SmallExperiment.Config);
        while (!trainer.LossesAreDue)
            trainer.TrainStep();
        Assert.Throws<InvalidOperationException>(trainer.TrainStep);
        Assert.Equal(trainer.Step, trainer.ReadLosses().Length);
        trainer.TrainStep();
        Assert.Single(trainer.ReadLosses());
        Assert.Empty(trainer.ReadLosses());
    }

    [Fact]
    public void A_checkpoint_of_another_model_is_refused()
    {
        using var trainer = NewTrainer(SmallExperiment.Config);
        using var averaging = NewTrainer(With(training => training with { Average = new ExponentialAverage { Decay = 0.9 } }));
        var error = Assert.Throws<MezzotintException>(() => averaging.Restore(CheckpointOf(trainer)));
        Assert.Contains("'average_0'", error.Message, StringComparison.Ordinal);

        using var wider = NewTrainer(SmallExperiment.Config with { Model = SmallExperiment.Model with { NumResBlocks = 2 } });
        error = Assert.Throws<MezzotintException>(() => wider.Restore(CheckpointOf(trainer)));
        Assert.Contains("'weights' should be float32", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Data_that_do_not_fit_the_model_are_refused_by_name()
    {
        var config = SmallExperiment.Config with { Model = SmallExperiment.Model with { CorpusLength = 10, InChannels = 1 } };
        void Refused(string why, Mezzotint.Data.ImageSet images, string? whyAsTraining = null)
        {
            string Message(Mezzotint.Data.ImageSet train, Mezzotint.Data.ImageSet test) =>
                Assert.Throws<MezzotintException>(() => new Trainer(config, train, test)).Message;
            Assert.Contains(whyAsTraining ?? why, Message(images, SmallExperiment.Test), StringComparison.Ordinal);
            Assert.Contains(why, Message(SmallExperiment.Train, images), StringComparison.Ordinal);
        }
        Refused("empty has no images", SmallExperiment.Images("empty", 0, 1));
        Refused("colour has 3 channel(s)", SmallExperiment.Images("colour", 4, 1, channels: 3), "colour has 3 channels");
        Refused("many has 11 classes", SmallExperiment.Images("many", 4, 1, classes: 11));
        Refused("odd is 7 x 8", SmallExperiment.Images("odd", 4, 1, height: 7));
    }

    private static ExperimentConfig With(Func<TrainingConfig, TrainingConfig> change) =>
        SmallExperiment.Config with { Training = change(SmallExperiment.Config.Training) };

    private static Trainer NewTrainer(ExperimentConfig config) => new(config, SmallExperiment.Train, SmallExperiment.Test);

    private static float[] Run(Trainer trainer, int steps)
    {
        for (int i = 0; i < steps; i++)
            trainer.TrainStep();
        return trainer.ReadLosses();
    }

    private static Checkpoint CheckpointOf(Trainer trainer) => new()
    {
        Step = trainer.Step, EpochsReported = 0, EpochLoss = 0, SinceLog = (0, 0), Elapsed = TimeSpan.Zero,
        Tensors = trainer.Tensors(),
    };

    private static Checkpoint Poisoned(Trainer trainer)
    {
        var tensors = trainer.Tensors().ToDictionary();
        byte[] weights = tensors["weights"].Bytes.ToArray();
        Array.Fill(weights, (byte)0xFF); // a NaN in every place
        tensors["weights"] = tensors["weights"] with { Bytes = weights };
        return CheckpointOf(trainer) with { Tensors = tensors };
    }

    private static float[] Floats(Trainer trainer, string name) =>
        System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(trainer.Tensors()[name].Bytes.Span).ToArray();

    private static void AssertSame(Trainer expected, Trainer actual)
    {
        var (wanted, got) = (expected.Tensors(), actual.Tensors());
        Assert.Equal(wanted.Keys.Order(StringComparer.Ordinal), got.Keys.Order(StringComparer.Ordinal));
        foreach (var (name, data) in wanted)
            Assert.True(data.Bytes.Span.SequenceEqual(got[name].Bytes.Span), name);
    }
}
