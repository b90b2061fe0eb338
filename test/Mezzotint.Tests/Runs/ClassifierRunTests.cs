using System.Text.Json.Nodes;
using Mezzotint.Data;
using Mezzotint.Models;
using Mezzotint.Networks.Classifiers;
using Mezzotint.Runs;
using Mezzotint.Tests.Formats;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Runs;

/// <summary>The run of a classifier is one like any other: log, checkpoints, and the same end after a stop or a kill.</summary>
public class ClassifierRunTests
{
    private const int Size = 8;

    private static readonly ImageSet Train = Strokes.Make(100, seed: 1, Size), Test = Strokes.Make(30, seed: 2, Size);

    // Four steps an epoch, three of a line and five of a checkpoint: every order of these events occurs.
    private static readonly ClassifierExperiment Config = new()
    {
        Data = new() { Name = "strokes", Size = Size },
        Network = new() { Architecture = "plain", Height = Size, Width = Size },
        Training = new ClassifierExperiment().Training with
        {
            Epochs = 3, BatchSize = 32, Replicas = 2, LogEvery = 3, CheckpointEvery = 5,
        },
    };

    private static readonly Lazy<(Checkpoint Checkpoint, string[] Log)> Undisturbed = new(() =>
    {
        using var temporary = new TemporaryFolder();
        Assert.True(Run(temporary.Name).Finished);
        return Outcome(temporary.Name);
    });

    [Fact]
    public void A_run_keeps_the_classifier_with_its_accuracy_and_logs_it_each_epoch()
    {
        using var temporary = new TemporaryFolder();
        var told = new List<TrainingProgress>();
        var result = Run(temporary.Name, told.Add);
        Assert.Equal((true, 12), (result.Finished, result.Step));
        Assert.All(result.Epochs, line => Assert.InRange(line.Figures!["accuracy"], 0, 1));
        Assert.Equal([1, 2, 3], told.Select(report => report.Epoch?.Epoch).OfType<double>());
        using var kept = ClassifierFolder.Read(Path.Combine(temporary.Name, "model"));
        Assert.Equal(result.Epochs[^1].Figures!["accuracy"], kept.Info.TestAccuracy);
        Assert.Equal((3, "strokes"), (kept.Info.Epochs, kept.Info.Dataset));
    }

    [Fact]
    public void A_classifier_of_noisy_images_says_so_and_is_asked_about_what_it_learned()
    {
        using var temporary = new TemporaryFolder();
        var config = Config with { Noise = true, Training = Config.Training with { Epochs = 1 } };
        using (var folder = RunFolder.Open(temporary.Name))
            Assert.True(new TrainingRun(config, folder, Train, Test).Run(new Reports(_ => { })).Finished);
        using var kept = ClassifierFolder.Read(Path.Combine(temporary.Name, "model"));
        Assert.True(kept.Info.Noise);
        Assert.Contains("noisy images of strokes", kept.Info.Name, StringComparison.Ordinal);
        using var scope = NewDisposeScope();
        var pixels = new PixelScaling { Mean = 0.5, Scale = 0.25 };
        var x = randn(3, 1, Size, Size);
        const double Sigma = 1.6; // of the numbers: 0.4 of the pixels
        var seen = (x * 0.25 + 0.5) / Math.Sqrt(1 + 0.4 * 0.4);
        var guidance = kept.Guide(pixels, [1]);
        Assert.Null(guidance.CleanStd);
        Assert.True((guidance.Scores(x, Sigma) - kept.Network.call(seen)).abs().max().item<float>() < 1e-5f);
        var clean = new LoadedClassifier(kept.Network, kept.Info with { Noise = false }, kept.Hash).Guide(pixels, [1]);
        Assert.Equal(1, clean.CleanStd);
        Assert.True((clean.Scores(x, Sigma) - kept.Network.call(x * 0.25 + 0.5)).abs().max().item<float>() < 1e-5f);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Killed_at_random_reports_and_resumed_it_ends_the_same_to_the_bit(int seed)
    {
        using var temporary = new TemporaryFolder();
        var random = new Random(seed);
        for (int kills = 0; ; kills++)
        {
            Assert.True(kills < 100, "it gets nowhere");
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
        }
        var (expected, actual) = (Undisturbed.Value, Outcome(temporary.Name));
        Assert.Equal(expected.Log, actual.Log);
        Assert.Equal(4, expected.Checkpoint.Tensors.Count);
        foreach (var (name, tensor) in expected.Checkpoint.Tensors)
            Assert.True(tensor.Bytes.Span.SequenceEqual(actual.Checkpoint.Tensors[name].Bytes.Span), name);
    }

    [Fact]
    public void Settings_come_back_from_the_configuration_as_they_were() =>
        Assert.Equal(Config, Reread(Config));

    [Fact]
    public void Images_of_another_size_are_refused_by_name()
    {
        using var temporary = new TemporaryFolder();
        using var folder = RunFolder.Open(temporary.Name);
        var other = Strokes.Make(10, seed: 2, Size + 1);
        var error = Assert.Throws<MezzotintException>(() => new TrainingRun(Config, folder, Train, other).Run());
        Assert.Contains($"{other.Name} has images of 1 x 9 x 9 in 10 classes", error.Message, StringComparison.Ordinal);
    }

    private static ClassifierExperiment Reread(ClassifierExperiment config)
    {
        using var temporary = new TemporaryFolder();
        string file = temporary.File("config.toml");
        File.WriteAllText(file, Configuration.Write(config));
        return Configuration.ReadClassifier(file);
    }

    private static TrainingResult Run(string path, Action<TrainingProgress>? report = null)
    {
        using var folder = RunFolder.Open(path);
        return new TrainingRun(Config, folder, Train, Test).Run(new Reports(report ?? (_ => { })));
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

    /// <summary>Reports at once, on the thread of the training.</summary>
    private sealed class Reports(Action<TrainingProgress> report) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => report(value);
    }

    private sealed class KilledException : Exception;
}
