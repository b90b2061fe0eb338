using System.Diagnostics;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Data;
using Mezzotint.Evaluation.Prompts;
using Mezzotint.Models;
using Mezzotint.Runtime;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint evaluate FOLDER</c> of a text-image model: does a caption find its picture among all of a set, and a
/// picture its caption.</summary>
internal static class EvaluateTextImage
{
    public static int Run(Terminal terminal, EvaluateRequest request, string folder)
    {
        using var model = TextImageFolder.Read(folder);
        string data = request.Data ?? (model.Info.Dataset.Length > 0 ? model.Info.Dataset : throw new MezzotintException(
            "The text-image model does not say what it was trained on: name it with --data.") { Key = "--data" });
        var set = EvaluatePrompts.LoadCaptioned(
            terminal, data, request.Pictures, model.Network.Image.Config.Channels, model.Info.Data);
        var clock = Stopwatch.StartNew();
        using var threads = new WorkerThreads(0);
        int count = request.Count > 0 ? (int)request.Count : EvaluatePrompts.DefaultCount;
        var figures = ProgressDisplay.Show(terminal, "measuring", _ =>
            TextImageEvaluation.Of(model, set, count, request.Seed, threads, terminal.Stop));
        double seconds = clock.Elapsed.TotalSeconds;
        string[] lines =
        [
            $"{request.Target}: {model.Info.Name}, {Quantity.Of(set.Images.Count, "picture")} of {set.Images.Name} in "
                + $"{Quantity.Of(TimeSpan.FromSeconds(seconds))}",
            "",
            .. FigureTable.Lines(figures),
            "",
            "shuffled: what a model gets that guesses; a picture that is the same, or has the caption too, counts as the own",
        ];
        terminal.Result(request.Json, new
        {
            Model = folder,
            Data = set.Images.Name,
            Pictures = set.Images.Count,
            request.Seed,
            Read = set.Images.Reading?.ToJson(),
            Figures = FigureTable.Values(figures),
            Seconds = Math.Round(seconds, 1),
        }, string.Join('\n', lines));
        return CommandLine.Done;
    }
}
