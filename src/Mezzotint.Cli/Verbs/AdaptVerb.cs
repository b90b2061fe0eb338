using System.CommandLine;
using System.Globalization;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Runs;
using Mezzotint.Runtime;
using Mezzotint.Training;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint adapt MODEL PICTURES</c>: trains an adapter, or a word, for a model that is asked in words.</summary>
internal static class AdaptVerb
{
    private const string Kohya = "kohya", Peft = "peft";
    private const double AdapterRate = 1e-4, WordRate = 5e-3;

    private sealed record Request(
        string Model, string Pictures, string? Out, string? Word, AdapterTrainingOptions Options, bool SaysAdapter, bool SaysWord,
        (int Width, int Height)? Size, string Device, ModelOpening Opening, bool Resume, bool Json);

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
        var textParts = Options.Text(
            "--text-parts", "PATTERNS", "Which layers of the text encoder an adapter changes too, such as *self_attn*, or * for "
            + "all. [default: none]");
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
        var samples = Options.Whole(
            "--samples", 0, 0, 100, "Pictures of each prompt that are drawn on the way, up to ten times, in 20 steps");
        var resume = new Option<bool>("--resume")
        {
            Description = "Go on with the training where it stopped, to the bit: with the same options as at its beginning, of "
                + "which the rate alone may be lower. Its run folder is runs/ and the name of the file.",
        };
        var device = Options.Device();
        var opening = new OpeningChoice();
        var json = Options.Json();
        var command = new Command(
            "adapt",
            "Train a low-rank adapter (LoRA) of a model that is asked in words on pictures with captions, or a word of its text "
            + "encoder on pictures of one thing. The model stays as it is. The file is for `sample --adapter` or `--embedding`, "
            + "and for other programs. Ctrl-C or SIGTERM finishes the step and leaves a checkpoint; --resume goes on from it.")
        {
            model, pictures, output, word, like, vectors, rank, parts, textParts, names, steps, batch, rate, seed, size, samples,
            resume, device, json,
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
                    TextParts = result.GetValue(textParts) ?? "", Samples = (int)result.GetValue(samples),
                    Naming = result.GetValue(names) == Peft ? AdapterNaming.Peft : AdapterNaming.Kohya,
                    Vectors = (int)Whole(vectors, 1), Like = result.GetValue(like) ?? defaults.Like,
                },
                Says(rank) || Says(parts) || Says(textParts) || Says(names), Says(like) || Says(vectors), result.GetValue(size),
                result.GetValue(device)!, opening.Read(result), result.GetValue(resume), result.GetValue(json)));
        });
        return command;
    }

    private static int Run(Terminal terminal, Request request)
    {
        if (request.Word is null ? request.SaysWord : request.SaysAdapter)
            throw new MezzotintException(request.Word is null
                ? "--like and --vectors are for a word: name it with --word, or leave them out."
                : "--rank, --parts, --text-parts and --names are for an adapter: leave them out, or --word.") { Key = "--word" };
        string file = request.Out
            ?? $"{Path.GetFileNameWithoutExtension(Path.TrimEndingDirectorySeparator(request.Pictures))}.safetensors";
        if (!file.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase))
            throw new MezzotintException($"--out '{file}' must end in .safetensors.") { Key = "--out" };
        string run = Path.Combine("runs", Path.GetFileNameWithoutExtension(file));
        if (!request.Resume && ResumedConfiguration.HasBegun(run))
            throw new MezzotintException(
                $"There is a run in '{run}' already: go on with it with --resume, or train into another file with --out.")
                { Key = "--resume" };
        if (request.Resume && !ResumedConfiguration.HasBegun(run))
            throw new MezzotintException(
                $"There is no run in '{run}' to go on with: leave --resume out to begin one, or name its file with --out.")
                { Key = "--resume" };
        var device = ComputeDevice.Named(request.Device);
        using var model = ModelPath.Read(ModelSource.Find(request.Model), request.Opening).To(device);
        var info = request.Size is { } size ? model.Info.At(size.Width, size.Height) : model.Info;
        var pictures = SetReading.Load(terminal, request.Pictures, null, new ReadingOptions
        {
            Channels = info.Channels, Frame = new PictureFrame(info.Height, info.Width), Background = Background.White,
        });
        using var folder = RunFolder.Open(run);
        terminal.Say($"Training on {Quantity.Of(pictures.Count, "picture")}, in {run}.");
        var result = ProgressDisplay.Show(terminal, "training", display =>
        {
            var reports = new Reports<TrainingProgress>(told => Show(display, told));
            return request.Word is { } word
                ? AdapterTraining.TrainWord(model, pictures, word, folder, file, request.Options, reports, terminal.Stop)
                : AdapterTraining.TrainAdapter(model, pictures, folder, file, request.Options, reports, terminal.Stop);
        });
        return Report(terminal, request, file, run, pictures.Count, result);
    }

    private static void Show(ProgressDisplay display, TrainingProgress told)
    {
        string loss = double.IsFinite(told.Loss) ? Invariant($", mean loss {told.Loss:F4}") : "";
        if (told is { Message: { } message, Epoch: null })
            display.Say(message);
        else if (told.Epoch is { } epoch)
            display.Say(Invariant($"step {told.Step} of {told.TotalSteps}: loss {epoch.TrainLoss:F4}, on the first pictures ")
                + Invariant($"{epoch.EvalLoss:F4}"));
        display.Report((double)told.Step / told.TotalSteps, Invariant($"step {told.Step} of {told.TotalSteps}{loss}"));
    }

    private static int Report(
        Terminal terminal, Request request, string file, string run, int pictures, TrainingResult result)
    {
        var last = result.Epochs is [.., var end] ? end : null;
        var facts = new
        {
            Out = file, request.Word, Pictures = pictures, Steps = result.Step, result.Finished, Run = run,
            Loss = last?.TrainLoss,
        };
        if (!result.Finished)
        {
            if (request.Json)
                terminal.Result(true, facts, "");
            terminal.Say(Invariant(
                $"mezzotint: stopped at step {result.Step}; a checkpoint is kept. --resume beside the same options goes on."));
            return CommandLine.Stopped;
        }
        string use = request.Word is null ? $"--adapter {file}" : $"--embedding {file}";
        terminal.Result(request.Json, facts,
            $"{file}: {Quantity.Of(result.Step, "step")} on {Quantity.Of(pictures, "picture")}. Draw with it by "
            + $"`mezzotint sample {request.Model} PROMPT {use}`.");
        return CommandLine.Done;
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
