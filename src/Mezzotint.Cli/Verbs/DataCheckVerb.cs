using System.CommandLine;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Plots;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint data check PATH</c>: what a data set is, before anything is trained on it.</summary>
internal static class DataCheckVerb
{
    private const int SheetColumns = 16; // where it is drawn in the terminal

    public static Command Create(Terminal terminal)
    {
        var name = Options.Required("PATH", "A folder, zip archive or file of images; or mnist, strokes.");
        var output = Options.Text(
            "--out", "FILE", "A .png file for a sheet of the first images. [default: drawn in the terminal]");
        var data = Options.Data();
        var reading = new DataChoice();
        var json = Options.Json();
        var command = new Command(
            "check", "Read a whole data set and say what it is: images, sizes, channels, classes or captions, duplicates, what "
            + "is left out and why.")
        {
            name, output, data, json,
        };
        foreach (var option in reading.All)
            command.Add(option);
        command.SetAction(result => Run(
            terminal, result.GetRequiredValue(name), result.GetValue(output), result.GetValue(data),
            reading.Read(result, ImageSplit.All), result.GetValue(json)));
        return command;
    }

    private static int Run(Terminal terminal, string name, string? output, string? data, ReadingOptions options, bool json)
    {
        if (output is not null && !output.EndsWith(".png", StringComparison.OrdinalIgnoreCase))
            throw new MezzotintException($"--out '{output}': a sheet is written to a .png file.") { Key = "--out" };
        var check = SetReading.Watched(
            terminal, progress => DataCheck.Of(name, data, options, progress, terminal.Stop));
        if (output is not null)
            PngFile.Write(output, check.Sheet.Grid());
        terminal.Result(json, Facts(check, output), check.ToText());
        if (output is not null)
            terminal.Say($"{output}: {Quantity.Of(check.Sheet.Count, "image")}");
        else if (!json && terminal.OutColors != TerminalColors.None)
            terminal.Out.Write(TerminalImage.Render(check.Sheet.Grid(SheetColumns), terminal.Width, terminal.OutColors));
        return CommandLine.Done;
    }

    private static object Facts(DataCheck check, string? output) => new
    {
        check.Source,
        check.Layout,
        Images = check.Count,
        Train = check.Taken.Train,
        Test = check.Taken.Test,
        check.Parts,
        Sizes = check.Sizes.Select(size => new { size.Width, size.Height, size.Count }),
        Channels = check.Sheet.Channels,
        InColour = check.Coloured,
        check.Transparent,
        Classes = check.Classes.Select(entry => new { entry.Name, entry.Count }),
        Captions = new { check.Captioned.Images, check.Captioned.Variants, First = check.FirstCaptions },
        check.Columns,
        Duplicates = new { Images = check.Duplicates, InTrainAndTest = check.SharedDuplicates, First = check.FirstDuplicates },
        Read = check.Reading.ToJson(),
        Out = output,
    };
}
