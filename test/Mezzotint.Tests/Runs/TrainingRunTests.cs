using System.Text.Json.Nodes;
using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Runs;
using Mezzotint.Tests.Formats;
using Mezzotint.Tests.Training;
using Mezzotint.Training;

namespace Mezzotint.Tests.Runs;

/// <summary>
/// A run that is stopped, killed or damaged, and resumed, ends as one that never was: the same weights to the bit, the same log.
/// </summary>
public class TrainingRunTests
{
    // Four steps of a line, five of a checkpoint and three of an epoch: every order of these events occurs.
    private static readonly ExperimentConfig Config = SmallExperiment.Config with
    {
        Training =
            SmallExperiment.Config.Training with { Epochs = 4, LogEvery = 4, CheckpointEvery = 5,
            Average = new ExponentialAverage { Decay = 0.9 } },
    };

    private static readonly Lazy<(Checkpoint Checkpoint, string[] Log)> Undisturbed = new(() =>
    {
        using var temporary = new TemporaryFolder();
        Assert.True(Run(temporary.Name, null).Finished);
        return Outcome(temporary.Name);
    });

    [Fact]
    public void A_run_reports_each_epoch_and_ends_at_the_last_step()
    {
        using var temporary = new TemporaryFolder();
        var progress = new List<TrainingProgress>();
        var result = Run(temporary.Name, progress.Add);
        Assert.Equal((true, 12), (result.Finished, result.Step));
        Assert.Equal([3, 6, 9, 12], result.Epochs.Select(line => line.Step));
        Assert.Equal([1, 2, 3, 4], result.Epochs.Select(line => line.Epoch));
        Assert.All(result.Epochs, line => Assert.True(line.TrainLoss > 0 && line.EvalLoss > 0));
        Assert.Equal(4, progress.Count(told => told.Message?.StartsWith("epoch ", StringComparison.Ordinal) ?? false));
        Assert.All(progress, told => Assert.Equal(12, told.TotalSteps));
        Assert.Equal([3, 4, 6, 8, 9, 12, 12], RunLog.Read(Path.Combine(temporary.Name, "log.jsonl")).Select(line => line.Step));
    }

    // 10 rows of 100 images are 4,000 million pixels, and neither number is out of its range.
    [Fact]
    public void A_grid_of_samples_that_cannot_be_written_is_refused_before_the_first_step()
    {
        using var temporary = new TemporaryFolder();
        using var folder = RunFolder.Open(temporary.Name);
        var images = SmallExperiment.Images("large", count: 1, seed: 1, height: 1000, width: 1000);
        var config = Config with { Training = Config.Training with { SamplesPerLabel = 100 } };
        var refused = Assert.Throws<MezzotintException>(() => new TrainingRun(config, folder, images, images).Run());
        Assert.Equal("training.samples_per_label", refused.Key);
        Assert.Empty(Directory.GetFiles(folder.Samples));
    }

    [Fact]
    public void The_heartbeat_says_what_the_training_does()
    {
        using var temporary = new TemporaryFolder();
        string heartbeat = Path.Combine(temporary.Name, "heartbeat");
        string State() => File.ReadAllText(heartbeat).Trim();
        using var stop = new CancellationTokenSource();
        Assert.False(Run(temporary.Name, told =>
        {
            Assert.Equal(RunHeartbeat.Training, State());
            stop.Cancel();
        }, stop.Token).Finished);
        Assert.Equal(RunHeartbeat.Stopped, State());
        Assert.True(Run(temporary.Name, null).Finished);
        Assert.Equal(RunHeartbeat.Finished, State());
    }

    [Fact]
    public void A_finished_run_has_nothing_left_to_do()
    {
        using var temporary = new TemporaryFolder();
        Run(temporary.Name, null);
        string log = File.ReadAllText(Path.Combine(temporary.Name, "log.jsonl"));
        Assert.True(Run(temporary.Name, null).Finished);
        Assert.Equal(log, File.ReadAllText(Path.Combine(temporary.Name, "log.jsonl")));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Cancelled_at_random_moments_and_resumed_it_ends_the_same(int seed)
    {
        using var temporary = new TemporaryFolder();
        var random = new Random(seed);
        int stops = 0;
        bool finished;
        do
        {
            using var cancel = new CancellationTokenSource();
            int reportsUntilStop = random.Next(1, 5);
            bool soon = random.Next(2) == 0;
            finished = Run(temporary.Name, _ =>
            {
                if (--reportsUntilStop > 0)
                    return;
                if (soon)
                    cancel.Cancel();
                else
                    // in the middle of a step, or of an evaluation
                    cancel.CancelAfter(TimeSpan.FromMilliseconds(random.Next(30)));
            }, cancel.Token).Finished;
            Assert.True(stops++ < 100, "it gets nowhere");
        }
        while (!finished);
        AssertAsUndisturbed(temporary.Name);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Killed_at_random_reports_and_resumed_it_ends_the_same(int seed)
    {
        using var temporary = new TemporaryFolder();
        var random = new Random(seed);
        for (int kills = 0; ; kills++)
        {
            Assert.True(kills < 100, "it gets nowhere");
            // Each session lives a little longer than the last: without a checkpoint it begins again where that one began.
            int reportsUntilKill = random.Next(1, 3 + kills);
            try
            {
                Run(temporary.Name, _ =>
                {
                    if (--reportsUntilKill == 0)
                        throw new KilledException();
                });
                break;
            }
            catch (KilledException)
            {
            }
            if (random.Next(2) == 0)
                // the line that was being written
                File.AppendAllText(Path.Combine(temporary.Name, "log.jsonl"), """{"step":99,"epo""");
        }
        AssertAsUndisturbed(temporary.Name);
    }

    [Fact]
    public void A_damaged_newest_checkpoint_costs_its_steps_and_is_told()
    {
        using var temporary = new TemporaryFolder();
        using (var cancel = new CancellationTokenSource())
        {
            Run(temporary.Name, told =>
            {
                if (told.Step >= 8)
                    cancel.Cancel();
            }, cancel.Token);
        }
        using (var folder = RunFolder.Open(temporary.Name))
            RunFolderTests.Damage(folder, 8);

        var messages = new List<string>();
        var first = new List<long>();
        Run(temporary.Name, told =>
        {
            first.Add(told.Step);
            if (told.Message is not null)
                messages.Add(told.Message);
        });
        Assert.Contains("step-000000008", messages[0], StringComparison.Ordinal);
        Assert.Contains("damaged", messages[0], StringComparison.Ordinal);
        Assert.Equal(6, first[0]);
        AssertAsUndisturbed(temporary.Name);
    }

    [Fact]
    public void A_loss_that_runs_away_ends_the_run_with_its_step_and_leaves_no_log_that_cannot_be_read()
    {
        using var temporary = new TemporaryFolder();
        using var folder = RunFolder.Open(temporary.Name);
        var config = Config with { Training = Config.Training with { LearningRate = 1e30 } };
        var error =
            Assert.Throws<MezzotintException>(
                () => new TrainingRun(config, folder, SmallExperiment.Train, SmallExperiment.Test).Run());
        Assert.Contains(
            "the training has diverged, because training.learning_rate = 1E+30 is too high", error.Message,
            StringComparison.Ordinal);
        Assert.Contains("There is no sound checkpoint yet", error.Message, StringComparison.Ordinal);
        Assert.Empty(RunLog.Read(folder.Log));
        Assert.Null(folder.Latest([]));
    }

    [Fact]
    public void Weights_that_run_away_in_the_last_step_of_an_epoch_end_the_run_too()
    {
        using var temporary = new TemporaryFolder();
        using var folder = RunFolder.Open(temporary.Name);
        var config = Config with { Training = Config.Training with { LearningRate = 1e30, BatchSize = 20 } };
        var error =
            Assert.Throws<MezzotintException>(
                () => new TrainingRun(config, folder, SmallExperiment.Train, SmallExperiment.Test).Run());
        Assert.Contains("loss on the first test images", error.Message, StringComparison.Ordinal);
        Assert.Null(folder.Latest([]));
        Assert.False(Directory.Exists(folder.Model));
    }

    [Fact]
    public void A_diverged_run_keeps_its_last_sound_checkpoint_and_goes_on_from_it_with_a_lower_rate()
    {
        using var temporary = new TemporaryFolder();
        var sound = Config with { Training = Config.Training with { Epochs = 1 } };
        TrainingRun Of(ExperimentConfig config, RunFolder folder) =>
            new(config, folder, SmallExperiment.Train, SmallExperiment.Test);
        using var folder = RunFolder.Open(temporary.Name);
        Of(sound, folder).Run();
        var fast = Config with { Training = Config.Training with { LearningRate = 30 } };
        var error = Assert.Throws<MezzotintException>(() => Of(fast, folder).Run());
        Assert.Contains(
            "The checkpoint of step 3 is sound: go on from it with a lower rate, for instance --resume --set "
            + "training.learning_rate=3.", error.Message, StringComparison.Ordinal);
        Assert.Equal("training.learning_rate", error.Key);
        Assert.Equal(3, folder.Latest([])!.Step);

        Assert.True(Of(Config, folder).Run().Finished);
        AssertRates(RunLog.Read(folder.Log));
        void AssertRates(IReadOnlyList<RunLogEntry> lines) =>
            Assert.All(lines, line => Assert.Equal(Config.Training.LearningRate, line.LearningRate));
    }

    [Fact]
    public void The_loss_that_is_told_is_always_a_number()
    {
        using var temporary = new TemporaryFolder();
        Run(temporary.Name, told => Assert.True(double.IsFinite(told.Loss), $"step {told.Step}: {told.Loss}"));
    }

    [Fact]
    public void A_loss_weighting_that_no_file_can_name_is_refused_before_the_first_step()
    {
        using var temporary = new TemporaryFolder();
        using var folder = RunFolder.Open(temporary.Name);
        var config = Config with { Loss = new OwnWeighting() };
        var told = new List<TrainingProgress>();
        var error = Assert.Throws<MezzotintException>(
            () => new TrainingRun(config, folder, SmallExperiment.Train, SmallExperiment.Test).Run(new Reports(told.Add)));
        Assert.Contains(nameof(OwnWeighting), error.Message, StringComparison.Ordinal);
        Assert.Equal("loss", error.Key);
        Assert.Empty(told);
    }

    [Fact]
    public void A_class_that_no_model_can_be_written_with_is_refused_before_the_first_step()
    {
        using var temporary = new TemporaryFolder();
        using var folder = RunFolder.Open(temporary.Name);
        var images = SmallExperiment.Train;
        string[] names = [.. images.ClassNames.Select((name, label) => label == 3 ? "a\tb" : name)];
        var named = new ImageSet("named", images.Pixels, images.Labels, 1, 8, 8, names);
        var told = new List<TrainingProgress>();
        var error =
            Assert.Throws<MezzotintException>(() => new TrainingRun(Config, folder, named, named).Run(new Reports(told.Add)));
        Assert.Contains("class_names", error.Message, StringComparison.Ordinal);
        Assert.Empty(told);
    }

    [Fact]
    public void The_best_model_is_kept_and_a_training_without_a_lower_test_loss_ends()
    {
        using var temporary = new TemporaryFolder();
        // A few images of noise are learned by heart at this rate, and the loss on others rises.
        var config = Config with
        {
            Training = Config.Training with
            {
                Epochs = 200, Keep = "best", EarlyStop = 3, LearningRate = 5e-3, Average = new NoAverage(),
            },
        };
        var told = new List<string?>();
        var result = Run(config, temporary.Name, report => told.Add(report.Message));
        Assert.True(result.Finished);
        Assert.InRange(result.Epochs.Count, 4, 199);
        Assert.Equal(result.Epochs.Min(epoch => epoch.EvalLoss), result.Best!.EvalLoss);
        Assert.Equal(result.Best.Epoch + 3, result.Epochs.Count);
        Assert.Contains("no lower test loss for 3 epochs", told[^1], StringComparison.Ordinal);
        var info = ModelFolder.ReadInfo(Path.Combine(temporary.Name, "model"));
        Assert.Equal((result.Best.EvalLoss, result.Best.Epoch), (info.EvalLoss, info.Epochs));

        var again = Run(config, temporary.Name, null);
        Assert.Equal((true, result.Step), (again.Finished, again.Step));
        // With more patience it goes on from where it ended.
        var longer = config with { Training = config.Training with { EarlyStop = 5 } };
        Assert.InRange(Run(longer, temporary.Name, null).Epochs.Count, result.Epochs.Count + 2, 200);
    }

    private static TrainingResult Run(string path, Action<TrainingProgress>? report, CancellationToken cancellation = default) =>
        Run(Config, path, report, cancellation);

    private static TrainingResult Run(
        ExperimentConfig config, string path, Action<TrainingProgress>? report, CancellationToken cancellation = default)
    {
        using var folder = RunFolder.Open(path);
        return new TrainingRun(config, folder, SmallExperiment.Train, SmallExperiment.Test).Run(
            report is null ? null : new Reports(report), cancellation);
    }

    private static void AssertAsUndisturbed(string path)
    {
        var (expected, actual) = (Undisturbed.Value, Outcome(path));
        Assert.Equal(expected.Log, actual.Log);
        Assert.Equal(
            (expected.Checkpoint.Step, expected.Checkpoint.EpochsReported),
            (actual.Checkpoint.Step, actual.Checkpoint.EpochsReported));
        Assert.Equal(4, expected.Checkpoint.Tensors.Count);
        foreach (var (name, tensor) in expected.Checkpoint.Tensors)
            Assert.True(tensor.Bytes.Span.SequenceEqual(actual.Checkpoint.Tensors[name].Bytes.Span), name);
        Assert.DoesNotContain(
            Directory.GetFiles(path, "*", SearchOption.AllDirectories), file =>
                Path.GetFileName(file).StartsWith(AtomicFile.TemporaryPrefix, StringComparison.Ordinal));
    }

    /// <summary>The last checkpoint, and the log without what depends on the clock.</summary>
    private static (Checkpoint Checkpoint, string[] Log) Outcome(string path)
    {
        using var folder = RunFolder.Open(path);
        return (folder.Latest([])!, [.. File.ReadAllLines(folder.Log).Select(line =>
        {
            var entry = JsonNode.Parse(line)!.AsObject();
            Assert.True(entry.Remove("seconds") && entry.Remove("images_per_second"));
            return entry.ToJsonString();
        })]);
    }

    /// <summary>Tells at once, on the thread of the training.</summary>
    private sealed class Reports(Action<TrainingProgress> report) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => report(value);
    }

    /// <summary>A loss weighting of a program's own.</summary>
    private sealed record OwnWeighting : LossWeighting
    {
        protected override double OfImage(double level) => 1;
    }

    private sealed class KilledException : Exception;
}
