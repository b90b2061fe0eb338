using System.CommandLine;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Formats;
using Mezzotint.Training;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint new DATA</c>: writes a configuration for a data set and this machine.</summary>
internal static class NewVerb
{
    public static Command Create(Terminal terminal)
    {
        var data = Options.Required("DATA", "A folder, zip archive or file of images; or mnist, strokes.");
        var output = Options.Text("--out", "FILE", "The .toml file to write. [default: the name of DATA, in this folder]");
        var draft = new DraftChoice();
        var folder = Options.Data();
        var set = Options.Overrides(
            "Choose a setting yourself, such as data.size=32 or training.batch_size=16. May be given several times.");
        var device = Options.Device();
        var json = Options.Json();
        var command = new Command(
            "new",
            "Write a configuration for a data set: a network for its size, the numbers of its pixels, and as many epochs as fit "
            + "into the time, measured by a few steps. `train` takes the file; `train DATA` does both at once.")
        {
            data, output, draft.Minutes, folder, set, device, json,
        };
        command.SetAction(result =>
        {
            string name = result.GetRequiredValue(data);
            string path = result.GetValue(output) ?? $"{DraftChoice.NameOf(name)}.toml";
            if (Directory.Exists(path))
                throw new MezzotintException($"--out '{path}' is a folder: name a .toml file.") { Key = "--out" };
            if (File.Exists(path))
                throw new MezzotintException($"'{path}' is there already: name another file with --out.") { Key = "--out" };
            var made = draft.Make(
                terminal, result, name, result.GetValue(folder), result.GetValue(set) ?? [], result.GetValue(device)!);
            AtomicFile.WriteText(path, made.Write());
            terminal.Result(result.GetValue(json), Facts(made, path),
                $"{path}: {made.Expectation}.\nTrain it with: mezzotint train {path}");
            return CommandLine.Done;
        });
        return command;
    }

    /// <summary>What a training takes, for programs.</summary>
    internal static object Facts(ExperimentDraft draft, string? path = null) => new
    {
        Out = path,
        Parameters = draft.Config.Model.ParameterCount,
        ImagesPerSecond = Math.Round(draft.Speed.ImagesPerSecond, 1),
        MemoryGigabytes = Math.Round(draft.Speed.Memory / 1e9, 2),
        draft.Config.Training.Epochs,
        draft.Config.Training.BatchSize,
        Seconds = Math.Round(draft.Time.TotalSeconds),
    };
}
