using System.CommandLine;
using System.CommandLine.Parsing;
using Mezzotint.Cli.Output;
using Mezzotint.Data;
using Mezzotint.Runtime;
using Mezzotint.Training;

namespace Mezzotint.Cli.Choices;

/// <summary>A configuration made for a data set: what <c>new DATA</c> and <c>train DATA</c> share.</summary>
internal sealed class DraftChoice
{
    public const long DefaultMinutes = 30;

    private readonly Option<long> _minutes = Options.Whole(
        "--minutes", DefaultMinutes, 1, 100_000, "Of data instead of a CONFIG: what the training may take on this machine");

    public Option<long> Minutes => _minutes;

    /// <summary>Whether what is named is data to learn from, and no configuration.</summary>
    public static bool IsData(string named) => Directory.Exists(named)
        || (File.Exists(named) ? DataSource.IsFileOfImages(named)
            : named is DataSource.MnistName or DataSource.StrokesName);

    /// <summary>The name of a set, for the files and runs that are made of it.</summary>
    public static string NameOf(string data) =>
        Path.GetFileNameWithoutExtension(Path.TrimEndingDirectorySeparator(Path.GetFullPath(data)));

    /// <summary>Looks through the data, chooses, measures, and says what it found.</summary>
    /// <param name="terminal">Where it is told.</param>
    /// <param name="result">What was given.</param>
    /// <param name="data">The name or path of the set.</param>
    /// <param name="folder">The folder after --data, for MNIST.</param>
    /// <param name="overrides">Settings after --set.</param>
    /// <param name="device">Where it is trained.</param>
    /// <exception cref="MezzotintException">There is no such set, or nothing can be learned from it.</exception>
    public ExperimentDraft Make(
        Terminal terminal, ParseResult result, string data, string? folder, string[] overrides, string device)
    {
        if (Directory.Exists(data) && ModelSource.IsNamedBy(data))
            throw new MezzotintException(
                $"'{data}' is a run or a model, not data. To go on with a run: `mezzotint train --resume --out {data}`.");
        if (data == DataSource.MnistName)
            MnistFiles.Ensure(terminal, folder);
        // The other settings are checked when there is a network that they may belong to.
        var given = Configuration.Parse("", "--set", overrides.Where(
            text => text.TrimStart().StartsWith("data.", StringComparison.Ordinal))).Data with { Name = data };
        var check = SetReading.Watched(terminal, progress => DataCheck.Of(
            data, folder, given.Reading(ImageSplit.All) with { SkipDamaged = true }, progress, terminal.Stop));
        if (check.Count < 2)
            throw new MezzotintException($"{data} has {Quantity.Of(check.Count, "picture")}: a model needs more to learn from.");
        var settings = ExperimentDraft.Of(check, given);
        ImageSet Load(ImageSplit part, int limit) => SetReading.Load(
            terminal, data, folder, settings.Reading(part, settings.Channels), limit > 0 ? limit : null);
        var (train, test) = (Load(ImageSplit.Train, settings.TrainCount), Load(ImageSplit.Test, settings.TestCount));
        foreach (string line in check.ToText().TrimEnd('\n').Split('\n'))
            terminal.Say(line);
        terminal.Say("Measuring a few steps of training.");
        return ExperimentDraft.For(
            check, settings, train, test, TimeSpan.FromMinutes(result.GetValue(_minutes)),
            config => Configuration.Parse(Configuration.Write(config), $"the configuration of {data}", overrides),
            ComputeDevice.Named(device), terminal.Stop);
    }
}
