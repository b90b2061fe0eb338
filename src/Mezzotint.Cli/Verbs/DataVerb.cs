using System.CommandLine;
using System.Globalization;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Data;
using Mezzotint.Formats;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint data</c>: gets data sets, tells which are there, and shows what is in them.</summary>
internal static class DataVerb
{
    private const int GridScale = 2;

    public static Command Create(Terminal terminal) => new(
        "data", "Get data sets, list those at hand, look at one, check your own.")
    {
        Fetch(terminal),
        List(terminal),
        Show(terminal),
        DataCheckVerb.Create(terminal),
    };

    private static Command Fetch(Terminal terminal)
    {
        var name = Options.Required("NAME", "The data set: mnist.");
        name.CustomParser = result => Options.Chosen(result, [DataSource.MnistName]);
        var output = Options.Text("--out", "FOLDER", "Where to. [default: the cache, where every command finds it]");
        var json = Options.Json();
        var command = new Command(
            "fetch", "Download a data set from public mirrors. What is there and right stays; what was broken off is continued.")
            { name, output, json };
        command.SetAction(result => RunFetch(terminal, result.GetValue(output), result.GetValue(json)));
        return command;
    }

    private static Command List(Terminal terminal)
    {
        var data = Options.Data();
        var json = Options.Json();
        var command = new Command(
            "list", "List the data sets that are known by name, where they are, and how many images they have.") { data, json };
        command.SetAction(result => RunList(terminal, result.GetValue(data), result.GetValue(json)));
        return command;
    }

    private static Command Show(Terminal terminal)
    {
        var name = Options.Required("NAME", "mnist, strokes, or the path of a folder, zip archive or file of images.");
        var output = Options.Text("--out", "FILE", "The .png file for the grid.");
        output.Required = true;
        var count = Options.Whole("--count", 100, 1, 10_000, "Images, from the first on");
        var test = new Option<bool>("--test") { Description = "Show the test images instead of the training images." };
        var data = Options.Data();
        var reading = new DataChoice();
        var json = Options.Json();
        var command = new Command("show", "Write a grid of a data set's images.")
        {
            name, output, count, test, data, json,
        };
        foreach (var option in reading.All)
            command.Add(option);
        command.SetAction(result => RunShow(terminal, result.GetRequiredValue(name), result.GetRequiredValue(output)!,
            (int)result.GetValue(count), result.GetValue(data),
            reading.Read(result, result.GetValue(test) ? ImageSplit.Test : ImageSplit.Train), result.GetValue(json)));
        return command;
    }

    private static int RunFetch(Terminal terminal, string? output, bool json)
    {
        string folder = output ?? DataSource.MnistCacheFolder;
        MnistFiles.Fetch(terminal, folder);
        terminal.Result(json, new { Name = DataSource.MnistName, Folder = folder }, folder);
        return CommandLine.Done;
    }

    private static int RunList(Terminal terminal, string? data, bool json)
    {
        var search = DataSource.Find(DataSource.MnistName, data);
        int? train = search.Folder is null ? null : Mnist.Load(search.Folder, train: true).Count;
        int? test = search.Folder is null ? null : Mnist.Load(search.Folder, train: false).Count;
        string mnist = search.Folder is null
            ? $"mnist    not found in {string.Join(", ", search.Places.Select(place => $"{place.Folder} ({place.Finding})"))}; "
                + $"get it with `mezzotint data fetch mnist`"
            : string.Create(
                CultureInfo.InvariantCulture, $"mnist    {train:N0} training and {test:N0} test images in {search.Folder}");
        terminal.Result(json, new
        {
            Mnist = new { search.Folder, Train = train, Test = test, Searched = search.Places },
            Strokes = new { Train = DataSource.StrokesTrainCount, Test = DataSource.StrokesTestCount },
        }, string.Create(CultureInfo.InvariantCulture, $"{mnist}\nstrokes  {DataSource.StrokesTrainCount:N0} training and "
            + $"{DataSource.StrokesTestCount:N0} test images, drawn by the program: no files needed"));
        return CommandLine.Done;
    }

    private static int RunShow(
        Terminal terminal, string name, string output, int count, string? data, ReadingOptions options, bool json)
    {
        if (!output.EndsWith(".png", StringComparison.OrdinalIgnoreCase))
            throw new MezzotintException($"--out '{output}': a grid is written to a .png file.");
        var images = SetReading.Load(terminal, name, data, options, count);
        ReadingLines.Say(terminal, images);
        var size = PictureSize.OfGrid(images.Count, images.Height, images.Width, scale: GridScale);
        if (!size.Fits)
            throw new MezzotintException(
                $"--count {count}: a grid of {images.Count} images would have {size} pixels, more than the "
                + $"{PictureSize.MostPixels} that are written; lower --count.") { Key = "--count" };
        var shown = new ImageBatch(images.Count, images.Channels, images.Height, images.Width, images.Pixels);
        PngFile.Write(output, shown.Grid(), GridScale);
        terminal.Result(json, new { Out = output, Data = images.Name, images.Count, Read = images.Reading?.ToJson() },
            $"{output}: {Quantity.Of(images.Count, "image")} of {images.Name}");
        return CommandLine.Done;
    }
}
