using System.Text.Json;
using Mezzotint.Engine;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Training;

namespace Mezzotint.Cli.Tests;

/// <summary>Training and what comes after it; the first test through the real program, with its output redirected, as a script
/// sees it.</summary>
public sealed class WholeRunTests : IDisposable
{
    private readonly ScratchFolder _scratch = new();

    public WholeRunTests() => _scratch.Write("tiny.toml", TinyTraining.Toml);

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Train_resume_inspect_evaluate_and_sample_work_one_after_the_other()
    {
        var train = ProgramJson("train", "tiny.toml", "--set", "training.epochs=1", "--json");
        Assert.True(train.GetProperty("finished").GetBoolean());
        Assert.Equal((1, 8), (train.GetProperty("epochs").GetInt32(), train.GetProperty("step").GetInt32()));
        Assert.Equal(Path.Combine("runs", "tiny"), train.GetProperty("run").GetString());
        Assert.Equal(Path.Combine("runs", "tiny", "model"), train.GetProperty("model").GetString());
        var kept = Configuration.Read(_scratch["runs", "tiny", "config.toml"], []).Training;
        // what `auto` was, for whoever resumes it
        Assert.Equal((1, ComputePrecision.Resolve("auto", TorchSharp.torch.CPU)), (kept.Epochs, kept.Precision));

        byte[] board = File.ReadAllBytes(Directory.GetFiles(_scratch["runs", "tiny"], "events.out.tfevents.*").Single());
        Assert.True(board.AsSpan().IndexOf(File.ReadAllBytes(_scratch["runs", "tiny", "config.toml"])) > 0);
        Assert.True(board.AsSpan().IndexOf("training.learning_rate"u8) > 0, "TensorBoard has no hyperparameters.");

        var again = Command.RunProgram(_scratch.Path, "train", "tiny.toml");
        Assert.Equal(1, again.ExitCode);
        Assert.Contains("with --resume, or train into another folder with --out RUN", again.ErrorLine, StringComparison.Ordinal);

        var resumed = Command.RunProgram(_scratch.Path, "train", "--out", "runs/tiny", "--resume", "--set", "training.epochs=2");
        Assert.Equal(0, resumed.ExitCode);
        Assert.Matches(
            @"^2 epochs, 16 steps, 0:\d\d of training: train loss \d+\.\d{3}, test loss \d+\.\d{3}\.\nmodel  runs/tiny/model\n$",
            resumed.Out.Replace('\\', '/'));
        Assert.Contains("epoch 2: train ", resumed.Error, StringComparison.Ordinal);
        Assert.DoesNotContain('\e', resumed.Out + resumed.Error);

        var inspected = ProgramJson("inspect", "runs/tiny", "--json");
        Assert.StartsWith("UNet(\n", inspected.GetProperty("tree").GetString(), StringComparison.Ordinal);
        Assert.Equal(16, inspected.GetProperty("frozen").GetInt32());
        var described = Command.RunProgram(_scratch.Path, "inspect", "tiny.toml");
        Assert.StartsWith("UNet(\n", described.Out, StringComparison.Ordinal);
        Assert.EndsWith(
            $"\n\n{inspected.GetProperty("parameters").GetInt32():N0} parameters, 16 of them frozen\n", described.Out,
            StringComparison.Ordinal);

        var evaluated = ProgramJson("evaluate", "runs/tiny/model", "--loss", "--count", "100", "--json");
        Assert.Equal(100, evaluated.GetProperty("count").GetInt32());
        Assert.InRange(evaluated.GetProperty("loss").GetDouble(), 1, 784); // an untrained network is near 784: one for each pixel
        Assert.InRange(evaluated.GetProperty("standard_error").GetDouble(), 0.01, 200);
        Assert.Equal(
            evaluated.GetProperty("loss").GetDouble(),
            ProgramJson("evaluate", "runs/tiny", "--loss", "--count", "100", "--json").GetProperty("loss").GetDouble());

        var sampled = Command.RunProgram(
            _scratch.Path, "sample", "runs/tiny", "--label", "7", "--count", "4", "--steps", "3", "--out", "sevens.png");
        Assert.Equal(0, sampled.ExitCode);
        Assert.Single(sampled.Out.TrimEnd('\n').Split('\n'));
        Assert.Equal((124, 124), (PngFile.Read(_scratch["sevens.png"]).Height, PngFile.Read(_scratch["sevens.png"]).Width));
    }

    [Fact]
    public void A_setting_that_decided_the_steps_done_cannot_change_on_resume()
    {
        Json("train", "tiny.toml", "--set", "training.epochs=1", "--json");
        var refused = Command.Run("train", "--out", _scratch["runs", "tiny"], "--resume", "--set", "training.learning_rate=0.5");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("--set training.learning_rate=0.5", refused.ErrorLine, StringComparison.Ordinal);
        Assert.Contains("What can change: training.epochs", refused.ErrorLine, StringComparison.Ordinal);

        var nothingToDo = Command.RunIn(_scratch.Path, "train", "tiny.toml", "--resume");
        Assert.Equal(0, nothingToDo.ExitCode);
        Assert.Contains(
            "All epochs had been done before: `mezzotint train tiny.toml --resume --set training.epochs=N` goes further.",
            nothingToDo.Error, StringComparison.Ordinal);

        _scratch.Write("tiny.toml", TinyTraining.Toml.Replace("batch_size = 32", "batch_size = 64", StringComparison.Ordinal));
        var noted = Command.RunIn(_scratch.Path, "train", "tiny.toml", "--resume");
        Assert.Equal(0, noted.ExitCode);
        Assert.Contains(
            "tiny.toml has others: training.epochs = 2 (the run: 1), training.batch_size = 64 (the run: 32)", noted.Error,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_resolved_configuration_trains_the_same_model_again()
    {
        Json("train", "tiny.toml", "--out", "first", "--set", "training.epochs=1", "--json");
        Json("train", "first/config.toml", "--out", "second", "--json");
        Assert.Equal(Weights("first"), Weights("second"));
    }

    [Fact]
    public void Mnist_is_found_where_data_says()
    {
        TinyMnist.Write(_scratch["somewhere", "mnist"], train: 64, test: 10);
        var trained = Json(
            "train", "tiny.toml", "--data", "somewhere", "--set", "data.name=mnist", "--set", "training.epochs=1", "--set",
            "data.train_count=0", "--json");
        Assert.Equal(2, trained.GetProperty("step").GetInt32()); // 64 images in batches of 32
        var listed = Json("data", "list", "--data", "somewhere", "--json");
        Assert.Equal(
            (64, 10),
            (
                listed.GetProperty("mnist").GetProperty("train").GetInt32(),
                listed.GetProperty("mnist").GetProperty("test").GetInt32()));
        var evaluated = Json("evaluate", "runs/tiny", "--loss", "--data", "somewhere", "--json");
        Assert.Equal("mnist test", evaluated.GetProperty("data").GetString());
    }

    [Fact]
    public void A_data_set_is_shown_as_a_grid()
    {
        var shown = Json("data", "show", "strokes", "--count", "4", "--out", "strokes.png", "--json");
        Assert.Equal(4, shown.GetProperty("count").GetInt32());
        Assert.Equal(124, PngFile.Read(_scratch["strokes.png"]).Height);
    }

    [Fact]
    public void A_pytorch_checkpoint_becomes_a_model_folder()
    {
        Assert.SkipUnless(TestData.SeedCheckpoint is not null, TestData.NoSeedCheckpoint);
        string checkpoint = TestData.SeedCheckpoint!;
        var imported = Json("import", checkpoint, "--out", "imported", "--json");
        Assert.Equal(770_865, imported.GetProperty("parameters").GetInt32());
        Assert.Equal(1, Command.RunIn(_scratch.Path, "import", checkpoint, "--out", "imported").ExitCode);
        Assert.Equal(0, Command.RunIn(_scratch.Path, "import", checkpoint, "--out", "imported", "--force").ExitCode);
        string tree = Json("inspect", "imported", "--json").GetProperty("tree").GetString()!;
        Assert.Equal(tree, Json("inspect", checkpoint, "--json").GetProperty("tree").GetString());
    }

    [Fact]
    public void A_reader_that_goes_away_is_no_error()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() || OperatingSystem.IsMacOS(), "Pipes of a shell.");
        string program = Path.Combine(Command.ProgramFolder, "Mezzotint.Cli.dll");
        using var shell = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo(
            "bash", ["-c", $"dotnet '{program}' inspect tiny.toml | true; echo ${{PIPESTATUS[0]}}"])
        {
            WorkingDirectory = _scratch.Path,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Assert.Equal(new Outcome(0, "0\n", ""), Command.Finish(shell));
    }

    private JsonElement Json(params string[] args) => Facts(Command.RunIn(_scratch.Path, args));

    private JsonElement ProgramJson(params string[] args) => Facts(Command.RunProgram(_scratch.Path, args));

    private static JsonElement Facts(Outcome outcome)
    {
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        Assert.DoesNotContain('\e', outcome.Out + outcome.Error);
        return JsonDocument.Parse(outcome.Out).RootElement; // nothing but the object
    }

    private string Weights(string run) => Convert.ToHexString(
        Checkpoint.Read(Directory.GetFiles(_scratch[run, "checkpoints"]).Order(StringComparer.Ordinal).Last()).Tensors["weights"]
            .Bytes.Span);
}
