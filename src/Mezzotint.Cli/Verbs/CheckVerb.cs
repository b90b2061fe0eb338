using System.CommandLine;
using System.Globalization;
using System.Text;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Models;
using Mezzotint.Serving;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint check MODEL</c>: opens a model, draws one picture, and prints what its parts compute.</summary>
internal static class CheckVerb
{
    private sealed record Request(
        string? Model, int? Steps, long Seed, string Out, PlaceChoice.Chosen Place, ModelOpening Opening, bool Json);

    public static Command Create(Terminal terminal)
    {
        var model = Options.Optional("MODEL", ModelSource.Description);
        var steps = Options.Whole("--steps", null, 1, 10_000, "Steps of the picture", "the model's own");
        var seed = Options.Whole("--seed", 0, 0, Options.LargestSeed, "The seed of the picture");
        var output = Options.Text("--out", "FILE.png", "The picture. [default: check.png]");
        var place = new PlaceChoice();
        var opening = new OpeningChoice();
        var json = Options.Json();
        var command = new Command(
            "check",
            $"Open a model, draw one picture (\"{ModelCheck.Prompt}\"), and print the size of the numbers that each of its parts "
            + "computes: a first look at a model of others. It fails where numbers are not finite or the picture is of one "
            + "colour.")
            { model, steps, seed, output, json };
        foreach (var option in place.All.Concat(opening.All))
            command.Add(option);
        command.SetAction(result => Run(terminal, new(
            result.GetValue(model), result.GetValue(steps) is > 0 and var count ? (int)count : null, result.GetValue(seed),
            result.GetValue(output) ?? "check.png", place.Read(result), opening.Read(result), result.GetValue(json))));
        return command;
    }

    private static int Run(Terminal terminal, Request request)
    {
        if (!request.Out.EndsWith(".png", StringComparison.OrdinalIgnoreCase))
            throw new MezzotintException($"--out '{request.Out}' must end in .png.") { Key = "--out" };
        string folder = ModelSource.Find(request.Model);
        using var model = request.Place.Load(folder, request.Opening);
        terminal.Say(model.ComputedBy);
        var parts = ModelPath.PartsOf(folder, request.Opening);
        var notes = ModelPath.NotesOf(folder, request.Opening);
        var check = ModelCheck.Of(model, request.Steps, request.Seed, terminal.Stop);
        check.Picture.SavePng(request.Out);
        terminal.Result(request.Json, new
        {
            Model = folder, Out = request.Out, Facts = ModelFacts.Of(model.Info, notes), check.Numbers, check.Psnr,
            Seconds = Math.Round(check.Seconds, 2), check.Faults,
        }, (parts.Count > 1 ? ModelFacts.Text(model.Info, parts, notes) : "") + Table(check)
            + string.Create(CultureInfo.InvariantCulture, $"{request.Out}: the picture, drawn in {check.Seconds:F1} s"));
        return check.Faults.Count == 0 ? CommandLine.Done : throw new MezzotintException(
            $"'{folder}' computes nothing sensible: {string.Join(" ", check.Faults)} Look at the table above for the first part "
            + "that is wrong; a file may be damaged, or of another prediction.");
    }

    private static string Table(ModelCheck check)
    {
        var text = new StringBuilder();
        int width = check.Numbers.Max(numbers => numbers.Name.Length);
        void Line(FormattableString line) => text.Append(FormattableString.Invariant(line)).Append('\n');
        Line($"{"".PadRight(width)}  {"norm",12} {"mean",10} {"deviation",10} {"least",10} {"most",10}");
        foreach (var (name, norm, mean, deviation, least, most) in check.Numbers)
            Line($"{name.PadRight(width)}  {norm,12:G6} {mean,10:F4} {deviation,10:F4} {least,10:F3} {most,10:F3}");
        if (check.Psnr is { } psnr)
            Line($"the autoencoder brings the picture back to {psnr:F1} dB");
        return text.Append('\n').ToString();
    }
}
