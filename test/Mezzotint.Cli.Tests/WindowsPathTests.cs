using System.Text.Json;
using Mezzotint.Formats;
using Mezzotint.Models;

namespace Mezzotint.Cli.Tests;

/// <summary>Names, paths and open files, which are where Windows differs most from other systems.</summary>
[Collection(WindowsDefinition.Name), Trait("System", "Windows")]
public sealed class WindowsPathTests(WindowsProgram windows) : IDisposable
{
    /// <summary>Classes of a model: names of devices, two that differ in capitals, other scripts.</summary>
    internal static readonly string[] Names = ["con", "Zürich", "猫", "nul.txt.", "Dog", "dog", "6", "7", "8", "9"];

    private readonly ScratchFolder _scratch = new();

    public void Dispose() => _scratch.Dispose();

    /// <summary>In a pipe they are UTF-8, whatever code page the console has.</summary>
    [Fact]
    public void Names_in_any_script_come_through_and_each_class_has_a_folder_of_its_own()
    {
        TinyTraining.WriteModel(_scratch["models", "tiny"], classNames: Names);
        var told = JsonDocument.Parse(windows.Succeed(_scratch.Path, "inspect", "tiny", "--json").Out).RootElement;
        Assert.Equal(Names, told.GetProperty("class_names").EnumerateArray().Select(name => name.GetString()));

        // and a path of more than 260 characters is one as any
        string file = string.Join('\\', [.. Enumerable.Repeat(new string('a', 60), 5), "one.png"]);
        string[] sample = ["sample", "tiny", "--count", "1", "--steps", "2", "--label"];
        windows.SucceedAll(
            _scratch.Path, [.. sample, "0,1,2,3,4,5", "--out", @"out\"], [.. sample, "1", "--out", file],
            ["sample", "--like", file, "--out", "again.png"]);
        Assert.Equal(["Dog", "Zürich", "_con", "_nul.txt", "dog 2", "猫"],
            Directory.GetDirectories(_scratch["out"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(File.ReadAllBytes(_scratch[file.Replace('\\', '/')]), File.ReadAllBytes(_scratch["again.png"]));
    }

    [Fact]
    public void An_output_that_Windows_takes_for_another_is_refused_by_name()
    {
        TinyTraining.WriteModel(_scratch["models", "tiny"]);
        _scratch.Write("tiny.toml", TinyTraining.Toml);
        (string Command, string Message)[] refused =
        [
            ("sample tiny --label 1 --count 1 --steps 2 --out con.png", "'con.png' is the name of a device"),
            ("sample tiny --label 1 --count 1 --steps 2 --out aux/", "'aux' is the name of a device"),
            ("train tiny.toml --out run.", "no name ends in a dot or a space, as 'run.' does"),
            ("import models/tiny --out lpt1", "'lpt1' is the name of a device"),
        ];
        var outcomes = windows.RunAll(_scratch.Path, [.. refused.Select(one => one.Command.Split(' '))]);
        foreach (var (outcome, (_, message)) in outcomes.Zip(refused))
        {
            Assert.Equal(1, outcome.ExitCode);
            Assert.Contains(message, outcome.ErrorLine, StringComparison.Ordinal);
        }
        Assert.Equal(["models", "tiny.toml"], Directory.GetFileSystemEntries(_scratch.Path).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void A_training_on_a_folder_of_a_drive_goes_to_Linux_without_it()
    {
        PictureFolder.Write(_scratch["pictures"], ["a", "b"], (8, 8));
        string folder = WindowsProgram.PathOf(_scratch["pictures"]);
        Assert.Contains(":\\", folder, StringComparison.Ordinal);
        string toml = TinyTraining.Toml.Replace("\"strokes\"", $"'{folder}'", StringComparison.Ordinal);
        _scratch.Write("pictures.toml", toml);
        _scratch.Write("escaped.toml", toml.Replace('\'', '"'));
        var there = windows.RunAll(
            _scratch.Path, ["train", "pictures.toml", "--set", "training.epochs=1"], ["inspect", "escaped.toml"]);
        Assert.True(there[0].ExitCode == 0, there[0].Error);
        Assert.Contains("in single quotes", there[1].ErrorLine, StringComparison.Ordinal);

        string[] resume = ["train", "--resume", "--out", "runs/pictures", "--set", "training.epochs=2"];
        var refused = Command.RunIn(_scratch.Path, resume);
        Assert.Contains($"There is no file or folder '{folder}'", refused.ErrorLine, StringComparison.Ordinal);
        Assert.Contains("--set data.name=PATH", refused.ErrorLine, StringComparison.Ordinal);
        var resumed = Command.RunIn(_scratch.Path, [.. resume, "--set", "data.name=pictures"]);
        Assert.True(resumed.ExitCode == 0, resumed.Error);
        var model = _scratch["runs", "pictures", "model"];
        Assert.All(Directory.GetFiles(model, "*.*").Where(file => Path.GetExtension(file) is ".json" or ".md"), file =>
            Assert.DoesNotContain("Z:", File.ReadAllText(file), StringComparison.Ordinal));
    }

    /// <summary>What reads weights has their file in memory as long as that takes.</summary>
    [Fact]
    public async Task A_file_that_another_process_has_in_memory_is_replaced_once_that_closes_it()
    {
        TinyTraining.WriteModel(_scratch["models", "tiny"]);
        _scratch.Write("one.png", "old");
        using var holder = windows.Start(_scratch.Path, ["--version"], start => HoldingProgram.Prepare(start, "one.png"));
        Assert.Equal(HoldingProgram.Held, await holder.StandardOutput.ReadLineAsync());
        string[] sample = ["sample", "tiny", "--label", "1", "--count", "1", "--steps", "2", "--out", "one.png"];
        using var writer = windows.Start(_scratch.Path, sample, start => DyingProgram.Prepare(
            start, WindowsProgram.PathOf(_scratch["steps.txt"]), null, WindowsProgram.Tests));
        var outcome = Task.Run(() => Command.Finish(writer));
        while (!Contains(_scratch["steps.txt"], "one.png: rename"))
        {
            Assert.False(outcome.IsCompleted, "it ended by itself");
            await Task.Delay(5);
        }
        Assert.Equal("old", await File.ReadAllTextAsync(_scratch["one.png"]));
        holder.StandardInput.Close();
        Assert.True((await outcome).ExitCode == 0, (await outcome).Error);
        PngFile.Read(_scratch["one.png"]);

        static bool Contains(string file, string line) =>
            File.Exists(file) && File.ReadAllText(file).Contains(line, StringComparison.Ordinal);
    }

    /// <summary>The new files count from the moment that they are all there, wherever they are.</summary>
    [Fact]
    public async Task A_model_whose_weights_another_process_keeps_in_memory_is_replaced_all_the_same()
    {
        string model = TinyTraining.WriteModel(_scratch["models", "tiny"]);
        string other = ModelFolder.Hash(TinyTraining.WriteModel(_scratch["models", "other"], seed: 2));
        Assert.NotEqual(other, ModelFolder.Hash(model));
        using var holder = windows.Start(_scratch.Path, ["--version"], start => HoldingProgram.Prepare(
            start, WindowsProgram.PathOf(Path.Combine(model, ModelFolder.WeightsFile))));
        Assert.Equal(HoldingProgram.Held, await holder.StandardOutput.ReadLineAsync());
        windows.SucceedAll(_scratch.Path,
            ["import", @"models\other", "--out", @"models\tiny", "--force"],
            ["sample", "tiny", "--label", "1", "--count", "1", "--steps", "2", "--out", "there.png"]);
        Assert.True(Directory.Exists(Path.Combine(model, $"{AtomicFile.TemporaryPrefix}next")), "nothing was held");
        holder.StandardInput.Close();
        await holder.WaitForExitAsync();
        Assert.Equal(other, ModelFolder.Hash(model));
        Assert.StartsWith(
            Serving.ImageReceipt.Read(_scratch["there.png"]).ModelHash!, other, StringComparison.OrdinalIgnoreCase);
    }
}
