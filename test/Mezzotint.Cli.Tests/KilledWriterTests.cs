using System.Diagnostics;
using System.Security.Cryptography;
using Mezzotint.Cli.Choices;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Runs;
using Mezzotint.Training;

namespace Mezzotint.Cli.Tests;

/// <summary>
/// Whatever a command writes is the old or the new, whole, wherever its process is killed: before each rename and fsync by
/// name, and at random moments. The next command takes it up, succeeds, and leaves nothing of the killed one behind.
/// </summary>
public sealed class KilledWriterTests : IDisposable
{
    private const string SlowVariable = "MEZZOTINT_SLOW";
    private const int RandomKills = 200, Killed = 128 + 9;

    private readonly ScratchFolder _scratch = new();
    private readonly string _log, _dieBefore;

    public KilledWriterTests()
    {
        (_log, _dieBefore) = (_scratch["steps.txt"], _scratch["die.txt"]);
        Directory.CreateDirectory(_scratch["work"]);
        _scratch.Write("work/tiny.toml", TinyTraining.Toml);
    }

    public void Dispose() => _scratch.Dispose();

    /// <summary>Four steps, with everything that a training writes.</summary>
    private static readonly string[] Small =
    [
        .. new[]
        {
            "data.train_count=8", "data.test_count=4", "training.epochs=2", "training.batch_size=4", "training.replicas=1",
            "training.log_every=1", "training.checkpoint_every=1", "training.samples_per_label=1", "training.sample_steps=4",
            "training.average.kind=power", "training.average.snapshot_every=2",
        }.SelectMany(set => new[] { "--set", set }),
    ];

    /// <summary>A command that writes <c>out</c>: so that there is an old one, so that there is a new one, and what of it
    /// counts.</summary>
    private sealed record Case(string Output, string[] Old, string[] New, Func<string, string> State);

    public static TheoryData<string> Writers => [.. WritersOf().Keys];

    public static TheoryData<string> Trainings => ["train", "distill"];

    /// <summary>One that writes a file, and one that writes a folder: the others do it by the same code.</summary>
    private static readonly string[] Quick = ["sample", "import", "train"];

    [Theory]
    [MemberData(nameof(Writers))]
    public void Killed_before_any_step_by_name_a_command_leaves_the_old_or_the_new(string command)
    {
        SkipSlow(command);
        var (writer, old, @new) = Prepare(command);
        var remaining = StepsOf(writer.New);
        Assert.Contains(remaining, step => step.EndsWith(": rename", StringComparison.Ordinal));
        while (remaining.Count > 0)
        {
            Restore(writer.Output);
            string? step = KilledBefore(writer.New, remaining);
            Assert.True(step is not null, $"Never reached: {string.Join(", ", remaining)}.");
            remaining.Remove(step);
            AssertOldOrNew(writer, old, @new, step);
            AssertNextSucceeds(writer, @new, step);
        }
    }

    [Theory]
    [MemberData(nameof(Trainings))]
    public void Killed_before_any_step_by_name_a_training_loses_nothing_and_ends_with_the_same_weights(string verb)
    {
        SkipSlow(verb);
        var expected = Undisturbed(verb, out var remaining);
        string[] files =
        [
            "config.toml", "log.jsonl", "checkpoints/step-#.safetensors", "averages/step-#.safetensors", "model/config.json",
            "model/model.safetensors", "model/README.md", "loss.png", "samples/epoch-#.png",
        ];
        foreach (string file in files)
            foreach (string kind in new[] { "fsync", "rename" })
                Assert.Contains(remaining, step => step.Replace("*/", "", StringComparison.Ordinal) == $"run/{file}: {kind}");
        long last = 0;
        while (remaining.Count > 0)
        {
            string? step = KilledBefore(Training(verb), remaining);
            last = AssertWhole(last, step);
            if (step is not null)
                remaining.Remove(step);
            else
            {
                AssertFinished(expected);
                Directory.Delete(_scratch["work", "run"], recursive: true); // what is left comes earlier in a training
                last = 0;
            }
        }
        Assert.Equal(0, Run(Training(verb)).ExitCode);
        AssertFinished(expected);
    }

    [Fact]
    public void Killed_200_times_at_random_over_all_commands_everything_is_old_or_new()
    {
        SkipSlow("all");
        KillAtRandom();
    }

    private static void SkipSlow(string command)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "SIGKILL.");
        Assert.SkipUnless(
            Quick.Contains(command) || Environment.GetEnvironmentVariable(SlowVariable) == "1",
            $"It takes minutes: set {SlowVariable}=1 to run it. {string.Join(", ", Quick)} die before each step in any case.");
    }

    private void KillAtRandom()
    {
        string[] commands = [.. Writers.Select(row => row.Data), .. Trainings.Select(row => row.Data)];
        var random = new Random(12);
        int left = 0, each = (RandomKills + commands.Length - 1) / commands.Length;
        foreach (string command in commands)
        {
            bool trains = Trainings.Any(row => row.Data == command);
            left += trains ? KillTraining(command, each, random) : KillWriter(command, each, random);
        }
        TestContext.Current.SendDiagnosticMessage("{0} kills, {1} of them left a temporary file.", each * commands.Length, left);
    }

    private int KillWriter(string command, int kills, Random random)
    {
        var (writer, old, @new) = Prepare(command);
        var clock = Stopwatch.StartNew();
        AssertDone(Finish(writer.New));
        var whole = clock.Elapsed;
        int left = 0;
        for (int killed = 0; killed < kills;)
        {
            Restore(writer.Output);
            if (!IsKilled(writer.New, whole * random.NextDouble()))
                continue;
            left += Leftovers().Length > 0 ? 1 : 0;
            AssertOldOrNew(writer, old, @new, $"{command}, kill {++killed}");
            AssertNextSucceeds(writer, @new, $"{command}, kill {killed}");
        }
        return left;
    }

    private int KillTraining(string verb, int kills, Random random)
    {
        var clock = Stopwatch.StartNew();
        var expected = Undisturbed(verb, out _);
        var whole = clock.Elapsed;
        int left = 0;
        long last = 0;
        for (int killed = 0; killed < kills || Directory.Exists(_scratch["work", "run"]);)
        {
            bool finished = !IsKilled(Training(verb), killed < kills ? whole * random.NextDouble() : Timeout.InfiniteTimeSpan);
            left += Leftovers().Length > 0 ? 1 : 0;
            last = AssertWhole(last, $"{verb}, kill {(finished ? killed : ++killed)}");
            if (!finished)
                continue;
            AssertFinished(expected);
            Directory.Delete(_scratch["work", "run"], recursive: true);
            last = 0;
        }
        return left;
    }

    private bool IsKilled(string[] args, TimeSpan after)
    {
        using var process = Command.Start(_scratch["work"], args);
        var error = process.StandardError.ReadToEndAsync();
        if (process.WaitForExit(after))
        {
            Assert.True(process.ExitCode == 0, error.Result);
            return false;
        }
        process.Kill();
        process.WaitForExit();
        return true;
    }

    private static Dictionary<string, Case> WritersOf() => new()
    {
        ["sample"] = new("out.png", Sample("1"), Sample("2"), FileState),
        ["export"] = new("out.onnx", ["export", "a", "--out", "out.onnx"], ["export", "b", "--out", "out.onnx"], FileState),
        ["import"] = new("out", Import("a"), Import("b"), ModelState),
        ["average"] = new("out", Average("0.05"), Average("0.1"), ModelState),
        ["train-classifier"] = new("out", TrainClassifier("1"), TrainClassifier("2"), ClassifierState),
    };

    private static string[] Sample(string seed) =>
        ["sample", "a", "--label", "3", "--count", "1", "--steps", "2", "--seed", seed, "--out", "out.png"];

    private static string[] Import(string model) => ["import", model, "--out", "out", "--force"];

    private static string[] Average(string width) => ["average", "averaged", "--width", width, "--out", "out"];

    private static string[] TrainClassifier(string seed) =>
    [
        "train-classifier", "--set", "mnist", "--data", "digits", "--architecture", "plain", "--epochs", "1", "--seed", seed,
        "--out", "out",
    ];

    private static string FileState(string path) => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path)));

    private static string ModelState(string folder)
    {
        ModelFolder.Read(folder).Dispose();
        return ModelFolder.Hash(folder);
    }

    /// <summary>Of the weights alone: the description has the seconds that it took.</summary>
    private static string ClassifierState(string folder)
    {
        ClassifierFolder.Read(folder).Dispose();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var weights = SafetensorsFile.Read(Path.Combine(folder, ModelFolder.WeightsFile)).Tensors;
        foreach (var (_, tensor) in weights.OrderBy(named => named.Key, StringComparer.Ordinal))
            hash.AppendData(tensor.Bytes.Span);
        return Convert.ToHexString(hash.GetHashAndReset());
    }

    /// <summary>Makes what the command reads, the old output, kept beside, and what is to come of it.</summary>
    private (Case Writer, string Old, string New) Prepare(string command)
    {
        var writer = WritersOf()[command];
        if (!Directory.Exists(_scratch["work", "a"]))
        {
            TinyTraining.WriteModel(_scratch["work", "a"]);
            TinyTraining.WriteModel(_scratch["work", "b"], seed: 2);
            TinyMnist.Write(_scratch["work", "digits", "mnist"], train: 64, test: 10);
        }
        if (command == "average" && !Directory.Exists(_scratch["work", "averaged"]))
            Assert.Equal(0, Run(["train", "tiny.toml", "--out", "averaged", .. Small]).ExitCode);
        foreach (string output in new[] { "out", "old" })
            if (Directory.Exists(_scratch["work", output]))
                Directory.Delete(_scratch["work", output], recursive: true);
        AssertDone(Run(writer.New));
        string @new = writer.State(_scratch["work", writer.Output]);
        AssertDone(Run(writer.Old));
        string old = writer.State(_scratch["work", writer.Output]);
        Assert.NotEqual(old, @new);
        Copy(_scratch["work", writer.Output], _scratch["old", writer.Output]);
        return (writer, old, @new);
    }

    private void Restore(string output)
    {
        if (Directory.Exists(_scratch["work", output]))
            Directory.Delete(_scratch["work", output], recursive: true);
        Copy(_scratch["old", output], _scratch["work", output]);
    }

    private void AssertOldOrNew(Case writer, string old, string @new, string step)
    {
        // A reader tidies up: it gets a copy, so that the next writer finds what the killed one left.
        string copy = _scratch["copy", writer.Output];
        if (Directory.Exists(_scratch["copy"]))
            Directory.Delete(_scratch["copy"], recursive: true);
        Copy(_scratch["work", writer.Output], copy);
        Assert.True(writer.State(copy) is var state && (state == old || state == @new), step);
    }

    private void AssertNextSucceeds(Case writer, string @new, string step)
    {
        AssertDone(Run(writer.New));
        Assert.True(writer.State(_scratch["work", writer.Output]) == @new, step);
        Assert.True(Leftovers() is [], $"{step}: {string.Join(", ", Leftovers())}");
    }

    /// <summary>The training from its beginning to its end, and the steps of its writers.</summary>
    private IReadOnlyDictionary<string, TensorData> Undisturbed(string verb, out HashSet<string> steps)
    {
        if (verb == "distill" && !Directory.Exists(_scratch["work", "a"]))
            TinyTraining.WriteModel(_scratch["work", "a"]);
        steps = StepsOf(Training(verb));
        var checkpoint = Checkpoint.Read(Checkpoints()[^1]);
        Directory.Delete(_scratch["work", "run"], recursive: true);
        return checkpoint.Tensors;
    }

    private string[] Training(string verb) =>
        ResumedConfiguration.HasBegun(_scratch["work", "run"]) ? ["train", "--resume", "--out", "run"]
        : [.. verb == "train" ? ["train", "tiny.toml"] : new[] { "distill", "a" }, "--out", "run", .. Small];

    /// <summary>Everything in the run folder reads, and no checkpoint is lost.</summary>
    /// <returns>The step of the newest checkpoint.</returns>
    private long AssertWhole(long last, string? when)
    {
        string run = _scratch["copy", "run"];
        if (Directory.Exists(_scratch["copy"]))
            Directory.Delete(_scratch["copy"], recursive: true);
        Copy(_scratch["work", "run"], run);
        string[] own = [.. Directory.GetFiles(run, "*", SearchOption.AllDirectories).Where(file => !IsTemporary(file))];
        foreach (string file in own.Where(file => file.EndsWith(".safetensors", StringComparison.Ordinal)))
            SafetensorsFile.Read(file);
        foreach (string file in own.Where(file => file.EndsWith(".png", StringComparison.Ordinal)))
            PngFile.Read(file);
        if (File.Exists(Path.Combine(run, "config.toml")))
            Configuration.Read(Path.Combine(run, "config.toml"));
        if (File.Exists(Path.Combine(run, "log.jsonl")))
            RunLog.Read(Path.Combine(run, "log.jsonl"));
        foreach (string model in new[] { "model", "start" })
            if (ModelFolder.Exists(Path.Combine(run, model)))
                ModelFolder.Read(Path.Combine(run, model)).Dispose();
        long newest = own.Where(file => file.Contains("checkpoints", StringComparison.Ordinal))
            .Select(file => Checkpoint.Read(file).Step).DefaultIfEmpty().Max();
        Assert.True(newest >= last, $"{when}: the checkpoint of step {last} is lost.");
        return newest;
    }

    private void AssertFinished(IReadOnlyDictionary<string, TensorData> expected)
    {
        var actual = Checkpoint.Read(Checkpoints()[^1]).Tensors;
        foreach (var (name, tensor) in expected)
            Assert.True(tensor.Bytes.Span.SequenceEqual(actual[name].Bytes.Span), $"{name} differs.");
        ModelFolder.Read(_scratch["work", "run", "model"]).Dispose();
        Assert.Empty(Leftovers());
    }

    private string[] Checkpoints() =>
        [.. Directory.GetFiles(_scratch["work", "run", "checkpoints"], "step-*.safetensors").Order(StringComparer.Ordinal)];

    /// <summary>The steps of a command's writers, each name once.</summary>
    private HashSet<string> StepsOf(string[] args)
    {
        File.Delete(_log);
        AssertDone(Finish(args, armed: true));
        return [.. File.ReadAllLines(_log)];
    }

    /// <summary>Runs a command that dies before the first of some steps.</summary>
    /// <returns>Which one; null where it came to none, and ended well.</returns>
    private string? KilledBefore(string[] args, HashSet<string> steps)
    {
        File.Delete(_log);
        File.WriteAllLines(_dieBefore, steps);
        var outcome = Finish(args, armed: true, _dieBefore);
        if (outcome.ExitCode != Killed)
            AssertDone(outcome);
        return outcome.ExitCode == Killed ? Assert.Single(File.ReadAllLines(_log)) : null;
    }

    private Outcome Finish(string[] args, bool armed = false, string? dieBefore = null)
    {
        using var process = Command.Start(
            _scratch["work"], args, prepare: armed ? start => DyingProgram.Prepare(start, _log, dieBefore) : null);
        return Command.Finish(process);
    }

    /// <summary>Runs a command here, as if it were a process of its own.</summary>
    private Outcome Run(params string[] args)
    {
        AtomicFile.Swept.Clear();
        return Command.RunIn(_scratch["work"], args);
    }

    private static void AssertDone(Outcome outcome) =>
        Assert.True(outcome.ExitCode == 0, $"Exit code {outcome.ExitCode}: {outcome.Error}");

    private string[] Leftovers() =>
        [.. Directory.GetFileSystemEntries(_scratch["work"], "*", SearchOption.AllDirectories).Where(IsTemporary)];

    private static bool IsTemporary(string path) => path.Contains(AtomicFile.TemporaryPrefix, StringComparison.Ordinal);

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(to)!);
        if (File.Exists(from))
            File.Copy(from, to, overwrite: true);
        else if (Directory.Exists(from))
        {
            Directory.CreateDirectory(to);
            foreach (string entry in Directory.GetFileSystemEntries(from))
                Copy(entry, Path.Combine(to, Path.GetFileName(entry)));
        }
    }
}
