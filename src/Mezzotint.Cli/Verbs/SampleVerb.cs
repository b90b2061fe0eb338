using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Models;
using Mezzotint.Serving;
using Mezzotint.Settings;
using Mezzotint.Text;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint sample</c>: draws images of the asked classes.</summary>
internal static class SampleVerb
{
    private const int MostImages = 100_000;
    private const int CountOfOne = 16, CountOfEach = 2;

    internal sealed record Request(
        string? Model, string[] Prompts, string? Label, string? Negative, long ClipSkip, bool Weights,
        (int Width, int Height)? Size, long Count, SamplerChoice.Chosen Sampler,
        GuidanceChoice.Chosen Guidance, PictureChoice.Chosen Picture, AdapterChoice.Chosen Adapters, long Seed, string? Like,
        string? Out, PlaceChoice.Chosen Place, ModelOpening Opening, bool LowMemory,
        bool Json);

    public static Command Create(Terminal terminal)
    {
        var model = Options.Optional("MODEL", ModelSource.Description);
        var prompt = new Argument<string[]>("PROMPT")
        {
            Description = "What to draw, in words: of a model that is asked in words any text, else the name of a class. Several "
                + "are as many words in quotes.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var label = Options.Text(
            "--label", "LABELS",
                "What to draw of a model that has classes: a label (7), several (0,1,2), or all. [default: all]");
        var negative = Options.Text("--negative", "TEXT", "What guidance goes away from, in words. [default: nothing]");
        var clipSkip = Options.Whole(
            "--clip-skip", 0, 0, 1000, "Layers at the end of the text encoder that the prompt is read without");
        var weights = new Option<bool>("--prompt-weights")
        {
            Description = "Read prompts as the widely used web interface writes them: (word:1.3) and (word) for more, [word] for "
                + "less, BREAK, and of any length in chunks of 75 tokens. Without it every letter is one of the text, as in "
                + "diffusers.",
        };
        var size = Options.Size(
            "--size", "Width and height of the images in pixels, such as 768x512: of Stable Diffusion any multiples of 8. "
                + "[default: the model's own]");
        var count = Options.Whole(
            "--count", null, 1, MostImages, "Images of each label or prompt",
            $"{CountOfOne} of a single one, {CountOfEach} of each of several");
        var sampler = new SamplerChoice();
        var guidance = new GuidanceChoice();
        var picture = new PictureChoice();
        var adapter = new AdapterChoice();
        var seed = Options.Seed("Image i is drawn from seed + i alone, whatever the count");
        var output = Options.Text(
            "--out", "FILE",
            "A .png file gets one square grid; an .npz file the arrays `images` and `labels`; a folder one PNG an image, in a "
            + "subfolder for each label. Without it the images are drawn here, and the grid is saved under a name that is "
            + "printed.");
        var like = Options.Text(
            "--like", "FILE",
            "Draw a picture again, to the bit, as the text in its PNG file says: of this command, the library or the server. "
            + "Only MODEL, --prediction, --tokenizer, --variant, --autoencoder, --adapter, --embedding, --out and --json go with "
            + "it; without MODEL the model is found by its fingerprint.");
        var memory = Options.Memory();
        var place = new PlaceChoice();
        var opening = new OpeningChoice();
        var json = Options.Json();
        var command = new Command("sample", "Draw images with a model.")
        {
            model, prompt, label, negative, clipSkip, weights, size, count, seed, like, output, memory, json,
        };
        foreach (var option in place.All.Concat(opening.All).Concat(sampler.All).Concat(guidance.All).Concat(picture.All)
            .Concat(adapter.All))
            command.Add(option);
        command.SetAction(result =>
        {
            if (result.GetValue(like) is not null)
                SampleLike.RefuseOthers(
                    result,
                    command.Options.Where(option =>
                        option != like && option != output && option != memory && option != json && !adapter.All.Contains(option)
                        && !place.All.Contains(option) && !opening.All.Contains(option)),
                    result.GetValue(prompt) ?? []);
            return Run(terminal, new Request(
                result.GetValue(model), result.GetValue(prompt) ?? [], result.GetValue(label), result.GetValue(negative),
                result.GetValue(clipSkip), result.GetValue(weights), result.GetValue(size),
                result.GetValue(count), sampler.Read(result),
                guidance.Read(result), picture.Read(result), adapter.Read(result),
                result.GetValue(seed), result.GetValue(like), result.GetValue(output), place.Read(result),
                opening.Read(result), result.GetValue(memory) == "low", result.GetValue(json)));
        });
        return command;
    }

    private static int Run(Terminal terminal, Request request)
    {
        var output = request.Out is null ? null : SampleOutput.For(request.Out);
        var like = request.Like is null ? null : SampleLike.Find(request.Like, request.Model, request.Opening);
        string folder = like?.Folder ?? ModelSource.Find(request.Model);
        var place = like is null ? request.Place : request.Place.Like(like.Receipt.Precision);
        using var model = AdapterChoice.Apply(place.Load(folder, request.Opening), request.Adapters);
        terminal.Say(model.ComputedBy);
        string[] prompts = like is null ? Prompts(request, model.Info) : [];
        IReadOnlyList<int> labels = like is null ? Labels(request, model.Info) : [.. like.Receipt.Labels.Distinct()];
        if (request.Picture.Inverts)
            return SampleInverted.Run(terminal, request, model, folder, prompts, labels, output);
        using var weaker = request.Guidance.LoadWeaker(place);
        using var classifier = request.Guidance.LoadClassifier();
        var clock = Stopwatch.StartNew();
        using var pipeline = new DiffusionPipeline(
            model, hash: ModelPath.Hash(folder, request.Opening), exchange: terminal.Exchange);
        var generation = like is null
            ? New(
                terminal, request, pipeline, prompts, labels, weaker, classifier,
                asPicture: output is null or { IsPicture: true })
            : pipeline.Prepare(like.Receipt);
        if (request.LowMemory)
        {
            model.FreeTextEncoder();
            pipeline.FreesNetwork = true;
        }
        var receipt = generation.Receipt;
        if (terminal.Exchange.IsFirst)
            output?.Prepare();
        terminal.ShareOut(Processes.Draw);
        var drawing = Drawing.Draw(terminal, pipeline, generation);
        if (!terminal.Exchange.IsFirst)
            return CommandLine.Done;
        double seconds = clock.Elapsed.TotalSeconds;

        string written = request.Out ?? drawing.FreeName();
        output ??= SampleOutput.For(written);
        if (like is not null && output.IsPicture)
            drawing.WriteAgain(written, receipt);
        else
            output.Write(drawing);
        string picture = request.Out is null && !request.Json ? drawing.OnTerminal(terminal) : "";
        terminal.Result(request.Json, new
        {
            Out = written,
            Model = folder,
            Labels = receipt.Prompts is null ? labels.Select(label => model.Info.ClassNames[label]) : null,
            receipt.Prompts,
            receipt.NegativePrompt,
            Count = drawing.Images.Count,
            receipt.Seed,
            receipt.Recipe.Steps,
            receipt.Recipe.Sampler,
            receipt.Recipe.Levels,
            Guidance = generation.Guidance?.ToString(),
            receipt.Classifier,
            Seconds = Math.Round(seconds, 2),
        }, picture + string.Create(CultureInfo.InvariantCulture, $"{written}: {Quantity.Of(drawing.Images.Count, "image")} of "
            + $"{drawing.Labels(drawing.Classes)} from seed {receipt.Seed}, drawn in {seconds:F1} s"));
        return CommandLine.Done;
    }

    private static PreparedGeneration New(
        Terminal terminal, Request request, DiffusionPipeline pipeline, string[] prompts, IReadOnlyList<int> labels,
        LoadedModel? weaker, LoadedClassifier? classifier, bool asPicture)
    {
        var model = request.Size is { } size ? pipeline.Model.At(size.Width, size.Height) : pipeline.Model;
        int asked = Math.Max(prompts.Length, labels.Count);
        int count = (int)(request.Count > 0 ? request.Count : asked == 1 ? CountOfOne : CountOfEach);
        Check(request, asked, count);
        var own = request.Sampler.RecipeFor(pipeline.Model.Sampling);
        var options = request.Sampler.Into(new GenerationOptions
        {
            Count = count, Seed = request.Seed, NegativePrompt = request.Negative, ClipSkip = (int)request.ClipSkip,
            PromptWeights = request.Weights, Size = request.Size,
        });
        options = request.Picture.Into(request.Guidance.Into(options, own, weaker, classifier), model);
        if (asPicture)
            Drawing.CheckGrid(
                model, [.. Enumerable.Range(0, asked).SelectMany(each => Enumerable.Repeat(each, count))],
                options.InterpolateTo is not null || options.InterpolateToPrompt is not null);
        if (prompts.Length == 0)
            return pipeline.Prepare(labels, options);
        if (!request.Weights)
            SayWhatIsCutOff(terminal, pipeline.Model, [.. prompts, request.Negative ?? "", options.InterpolateToPrompt ?? ""]);
        return pipeline.Prepare(prompts, options);
    }

    /// <summary>What is asked in words; none where labels are.</summary>
    private static string[] Prompts(Request request, ModelInfo model)
    {
        if (request.Prompts.Length > 0 && request.Label is not null)
            throw new MezzotintException(
                "A prompt and --label both say what to draw: leave one of them out.") { Key = "--label" };
        if (!model.IsAskedInWords)
            return [];
        if (request.Prompts.Length > 0)
            return request.Prompts;
        throw new MezzotintException(request.Label is null
            ? $"The model '{model.Name}' is asked in words: write a prompt behind it, for instance \"a red heart\"."
            : $"The model '{model.Name}' is asked in words and has no classes: write a prompt in place of --label.")
            { Key = request.Label is null ? "prompt" : "--label" };
    }

    /// <summary>The classes that are asked for, by their labels or as prompts; none of a model that is asked in words.</summary>
    private static IReadOnlyList<int> Labels(Request request, ModelInfo model) => model.IsAskedInWords ? []
        : request.Prompts.Length > 0 ? [.. request.Prompts.Select(prompt => PromptLabels.Parse(prompt, model.ClassNames))]
        : LabelList.Parse(request.Label ?? LabelList.All, model.ClassNames);

    private static void SayWhatIsCutOff(Terminal terminal, ModelInfo model, string[] prompts)
    {
        if (model.Prompts is not TextPrompts reader)
            return;
        foreach (string prompt in prompts)
            if (reader.Tokenize(prompt).CutOff is { Length: > 0 } rest)
                terminal.Say($"The prompt is longer than the {reader.Length} tokens that the model reads; it does not see: "
                    + $"'{rest}'. With --prompt-weights it sees all.");
    }

    private static void Check(Request request, int labels, int count)
    {
        long total = (long)labels * count;
        if (total > MostImages)
            throw new MezzotintException(
                $"--count {count} for {labels} labels makes {total} images; at most {MostImages} are drawn at once. Lower "
                + $"--count, or name fewer labels.");
        if (request.Seed + total - 1 > Options.LargestSeed)
            throw new MezzotintException(
                $"--seed {request.Seed} leaves too few seeds for {total} images: the last is {Options.LargestSeed}. Choose a "
                + $"smaller one.");
    }
}
