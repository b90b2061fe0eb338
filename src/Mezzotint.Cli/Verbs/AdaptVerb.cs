using System.CommandLine;
using System.Globalization;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Runs;
using Mezzotint.Runtime;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint adapt MODEL PICTURES</c>: trains an adapter, or a word, for a model that is asked in words.</summary>
internal static class AdaptVerb
{
    private const string Kohya = "kohya", Peft = "peft";
    private const int MeanSteps = 100; // of the loss that is told, as each step's own depends on its noise
    private const double AdapterRate = 1e-4, WordRate = 5e-3;

    private sealed record Request(
        string Model, string Pictures, string? Out, string? Word, AdapterTrainingOptions Options, bool SaysAdapter, bool SaysWord,
        (int Width, int Height)? Size, string Device, ModelOpening Opening, bool Json);

    public static Command Create(Terminal terminal)
    {
        var defaults = new AdapterTrainingOptions();
        var model = Options.Required("MODEL", ModelSource.Description);
        var pictures = Options.Required(
            "PICTURES", "What is learned: a folder, zip archive or file of pictures with captions. A word needs no captions.");
        var output = Options.Text("--out", "FILE.safetensors", "The file to write. [default: the name of PICTURES]");
        var word = Options.Text(
            "--word", "WORD",
            "Train a new word of the text encoder (textual inversion), such as <my-cat>, in place of an adapter.");
        var like = Options.Text("--like", "WORDS", $"What a word begins as. [default: {defaults.Like}]");
        var vectors = Options.Whole("--vectors", null, 1, 64, "Vectors of a word", "1");
        var rank = Options.Whole("--rank", null, 1, 1024, "The rank of an adapter", $"{defaults.Rank}");
        var parts = Options.Text(
            "--parts", "PATTERNS", "Which layers an adapter changes: names in which * stands for anything, with commas between. "
            + $"[default: {defaults.Parts}]");
        var names = new Option<string?>("--names")
        {
            HelpName = "NAME",
            Description = $"How an adapter's file names the layers: {Kohya}, as web interfaces read it, or {Peft}, as diffusers "
                + $"does. [default: {Kohya}]",
            CustomParser = result => Options.Chosen(result, [Kohya, Peft]),
        };
        var steps = Options.Whole("--steps", defaults.Steps, 1, 100_000_000, "Steps of the training");
        var batch = Options.Whole("--batch", defaults.BatchSize, 1, 4096, "Pictures of a step");
        var rate = Options.Real(
            "--rate", $"The size of a step. [default: {AdapterRate} for an adapter, {WordRate} for a word]");
        var seed = Options.Whole("--seed", 0, 0, Options.LargestSeed, "The seed of the training");
        var size = Options.Size("--size", "The size that pictures are brought to. [default: the model's own]");
        var device = Options.Device();
        var opening = new OpeningChoice();
        var json = Options.Json();
        var command = new Command(
            "adapt",
            "Train a low-rank adapter (LoRA) of a model that is asked in words on pictures with captions, or a word of its text "
            + "encoder on pictures of one thing. The model stays as it is. The file is for `sample --adapter` or `--embedding`, "
            + "and for other programs.")
        {
            model, pictures, output, word, like, vectors, rank, parts, names, steps, batch, rate, seed, size, device, json,
        };
        foreach (var option in opening.All)
            command.Add(option);
        command.SetAction(result =>
        {
            string? named = result.GetValue(word);
            bool Says(Option option) => result.GetResult(option) is { Implicit: false };
            long Whole(Option<long> option, long otherwise) => result.GetValue(option) is > 0 and var given ? given : otherwise;
            return Run(terminal, new(
                result.GetValue(model)!, result.GetValue(pictures)!, result.GetValue(output), named,
                defaults with
                {
                    Steps = (int)result.GetValue(steps), BatchSize = (int)result.GetValue(batch), Seed = result.GetValue(seed),
                    LearningRate = result.GetValue(rate) ?? (named is null ? AdapterRate : WordRate),
                    Rank = (int)Whole(rank, defaults.Rank), Parts = result.GetValue(parts) ?? defaults.Parts,
                    Naming = result.GetValue(names) == Peft ? AdapterNaming.Peft : AdapterNaming.Kohya,
                    Vectors = (int)Whole(vectors, 1), Like = result.GetValue(like) ?? defaults.Like,
                },
                Says(rank) || Says(parts) || Says(names), Says(like) || Says(vectors), result.GetValue(size),
                result.GetValue(device)!, opening.Read(result), result.GetValue(json)));
        });
        return command;
    }

    private static int Run(Terminal terminal, Request request)
    {
        if (request.Word is null ? request.SaysWord : request.SaysAdapter)
            throw new MezzotintException(request.Word is null
                ? "--like and --vectors are for a word: name it with --word, or leave them out."
                : "--rank, --parts and --names are for an adapter: leave them out, or --word.") { Key = "--word" };
        string file = request.Out
            ?? $"{Path.GetFileNameWithoutExtension(Path.TrimEndingDirectorySeparator(request.Pictures))}.safetensors";
        if (!file.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase))
            throw new MezzotintException($"--out '{file}' must end in .safetensors.") { Key = "--out" };
        var device = ComputeDevice.Named(request.Device);
        using var model = ModelPath.Read(ModelSource.Find(request.Model), request.Opening).To(device);
        var info = request.Size is { } size ? model.Info.At(size.Width, size.Height) : model.Info;
        var pictures = SetReading.Load(terminal, request.Pictures, null, new ReadingOptions
        {
            Channels = info.Channels, Frame = new PictureFrame(info.Height, info.Width), Background = Background.White,
        });
        var losses = new List<double>();
        ProgressDisplay.Show(terminal, "training", display =>
        {
            var reports = new Reports<AdapterTrainingStep>(step =>
            {
                losses.Add(step.Loss);
                display.Report((double)step.Step / step.Steps, string.Create(CultureInfo.InvariantCulture,
                    $"step {step.Step} of {step.Steps}, mean loss {losses.TakeLast(MeanSteps).Average():F4}"));
            });
            if (request.Word is { } word)
                AdapterTraining.TrainWord(model, pictures, word, file, request.Options, reports, terminal.Stop);
            else
                AdapterTraining.TrainAdapter(model, pictures, file, request.Options, reports, terminal.Stop);
            return true;
        });
        string use = request.Word is null ? $"--adapter {file}" : $"--embedding {file}";
        terminal.Result(request.Json, new
        {
            Out = file, request.Word, Pictures = pictures.Count, request.Options.Steps,
            Loss = losses.TakeLast(MeanSteps).Average(),
        }, string.Create(CultureInfo.InvariantCulture,
            $"{file}: {Quantity.Of(request.Options.Steps, "step")} on {Quantity.Of(pictures.Count, "picture")}. Draw with it by ")
            + $"`mezzotint sample {request.Model} PROMPT {use}`.");
        return CommandLine.Done;
    }
}
