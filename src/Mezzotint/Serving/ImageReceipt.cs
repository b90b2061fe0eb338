using System.Globalization;
using System.Reflection;
using System.Text.Json;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Sampling;

namespace Mezzotint.Serving;

/// <summary>
/// How images were drawn: everything that it takes to draw them again with the same model. It goes into the text of PNG files, in
/// words for people (keywords Software, Model, Label, Seed, Steps, Sampler, Levels) and as JSON for programs (keyword Mezzotint).
/// </summary>
public sealed partial record ImageReceipt
{
    /// <summary>The keyword of the JSON.</summary>
    public const string Keyword = "Mezzotint";

    private const string AutoKind = "auto";
    private const int Version = 1, MostImages = 100_000, MostSteps = 100_000;

    /// <summary>The model's title.</summary>
    public string ModelName { get; init; } = "";

    /// <summary>The model's fingerprint, <see cref="ModelFolder.Hash"/>; null where it has none (a PyTorch checkpoint).</summary>
    public string? ModelHash { get; init; }

    /// <summary>The adapters that the model had.</summary>
    public IReadOnlyList<ModelAdapter> Adapters { get; init; } = [];

    /// <summary>The class of each image; of a model that is asked in words, which of <see cref="Prompts"/>.</summary>
    public required IReadOnlyList<int> Labels { get; init; }

    /// <summary>What was asked in words; null where classes were.</summary>
    public IReadOnlyList<string>? Prompts { get; init; }

    /// <summary>What guidance went away from, in words; null for nothing.</summary>
    public string? NegativePrompt { get; init; }

    /// <summary>As <see cref="GenerationOptions.InterpolateToPrompt"/>.</summary>
    public string? InterpolateToPrompt { get; init; }

    /// <summary>As <see cref="GenerationOptions.ClipSkip"/>.</summary>
    public int ClipSkip { get; init; }

    /// <summary>As <see cref="GenerationOptions.PromptWeights"/>.</summary>
    public bool PromptWeights { get; init; }

    /// <summary>As <see cref="GenerationOptions.Size"/>.</summary>
    public (int Width, int Height)? Size { get; init; }

    /// <summary>Image i is drawn from seed + i.</summary>
    public long Seed { get; init; }

    /// <summary>The names of sampler and levels, the steps, and the guidance.</summary>
    public required SamplingRecipe Recipe { get; init; }

    /// <summary>The scale and the classifier of classifier guidance, in words; null for none. Images that had another one than
    /// the model's own, which is in <see cref="Recipe"/>, cannot be drawn again from the receipt.</summary>
    public string? Classifier { get; init; }

    /// <summary>All options of the solver.</summary>
    public SolverOptions SolverOptions { get; init; } = new();

    /// <summary>With what numbers the network was computed: float32 or bfloat16, as <see cref="Engine.ComputePrecision"/> has
    /// it.</summary>
    public string Precision { get; init; } = Engine.ComputePrecision.Float32;

    /// <summary>As <see cref="SamplingRequest.InterpolateTo"/>.</summary>
    public long? InterpolateTo { get; init; }

    /// <summary>As <see cref="SamplingRequest.Variations"/>.</summary>
    public IReadOnlyList<NoiseVariation> Variations { get; init; } = [];

    /// <summary>The picture that was begun from.</summary>
    public SourceImage? Source { get; init; }

    /// <summary>Which of the images the file holds; null for all of them.</summary>
    public int? Index { get; init; }

    /// <summary>Columns of the grid in the file; 1 for a single image.</summary>
    public int Columns { get; init; } = 1;

    /// <summary>Pixels of the file, each way, for one of the image.</summary>
    public int Scale { get; init; } = 1;

    /// <summary>What the labels of this receipt are called, for people; empty where nobody said.</summary>
    public IReadOnlyList<string> ClassNames { get; init; } = [];

    /// <summary>How a plan is drawn.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="model">The model.</param>
    /// <param name="hash">Its fingerprint, where it has one.</param>
    internal static ImageReceipt For(GenerationPlan plan, ModelInfo model, string? hash) => new()
    {
        ModelName = model.Name,
        ModelHash = hash,
        Labels = plan.Labels,
        Prompts = plan.Prompts,
        NegativePrompt = plan.NegativePrompt,
        InterpolateToPrompt = plan.InterpolateToPrompt,
        ClipSkip = plan.ClipSkip,
        PromptWeights = plan.PromptWeights,
        Size = ReferenceEquals(plan.Model, model) ? null : (plan.Model.Width, plan.Model.Height),
        ClassNames = plan.Prompts ?? model.ClassNames,
        Seed = plan.Request.Seed,
        Recipe = plan.Recipe,
        Classifier = plan.Classifier,
        SolverOptions = plan.Request.Solver?.Options ?? new SolverOptions(),
        InterpolateTo = plan.Request.InterpolateTo,
        Variations = plan.Request.Variations,
        Source = plan.Source,
    };

    /// <summary>The receipt of one of the images alone; between two seeds that is one of the row.</summary>
    /// <param name="index">Which image.</param>
    public ImageReceipt Of(int index) => InterpolateTo is null
        ? this with
        {
            Labels = [Prompts is null ? Labels[index] : 0], Columns = 1,
            Seed = Variations.Count > 0 ? Seed : Seed + index, Variations = Counted(index),
            Prompts = Prompts is null ? null : [Prompts[Labels[index]]],
            ClassNames = Prompts is null ? ClassNames : [Prompts[Labels[index]]],
        }
        : this with { Index = index, Columns = 1 };

    /// <summary>The way to the noise of image i.</summary>
    private IReadOnlyList<NoiseVariation> Counted(int index) => Variations.Count == 0 ? []
        : [.. Variations.SkipLast(1), Variations[^1] with { Seed = Variations[^1].Seed + index }];

    /// <summary>Refuses a model with other adapters.</summary>
    /// <exception cref="MezzotintException">It has others; the message names those of the receipt.</exception>
    internal void CheckAdapters(IReadOnlyList<ModelAdapter> own)
    {
        if (own.Select(adapter => (adapter.Sha256, adapter.Weight))
            .SequenceEqual(Adapters.Select(adapter => (adapter.Sha256, adapter.Weight))))
            return;
        throw new MezzotintException(Adapters.Count == 0
            ? "The picture was drawn without adapters, added words and another autoencoder: leave --adapter, --embedding and "
                + "--autoencoder out."
            : $"The picture was drawn with other adapters: name {Printable.Line(string.Join(" ",
                Adapters.Select(adapter => adapter.Option)), 300)}.") { Key = "adapter" };
    }

    /// <summary>The plan that draws the images again.</summary>
    /// <param name="model">The model; its fingerprint is the caller's to compare.</param>
    /// <exception cref="MezzotintException">The receipt asks for something that there is not.</exception>
    internal GenerationPlan Plan(ModelInfo model)
    {
        if (Size is { } drawn)
            model = model.At(drawn.Width, drawn.Height);
        int known = Prompts?.Count ?? model.ClassNames.Count;
        foreach (int label in Labels)
            Check.Range("labels", label, label >= 0 && label < known,
                $"0 to {known - 1}, the {(Prompts is null ? "classes that the model knows" : "prompts of the file")}");
        var size = PictureSize.OfGrid(Index is null ? Labels.Count : 1, model.Height, model.Width, Columns, Scale);
        if (!size.Fits)
            throw new MezzotintException(string.Create(CultureInfo.InvariantCulture,
                $"scale = {Scale}: the picture of {Labels.Count} images of {model.Height} x {model.Width} pixels would have "
                + $"{size}, more than the {PictureSize.MostPixels} that are written.")) { Key = "scale" };
        try
        {
            Source?.Check(model.Channels, model.Height, model.Width);
        }
        catch (ArgumentException wrong)
        {
            throw new MezzotintException(wrong.Message, wrong);
        }
        var options = new GenerationOptions
        {
            SolverOptions = SolverOptions,
            Sampler = Recipe.Sampler,
            Levels = Recipe.Levels,
            Steps = Recipe.Steps,
            Source = Source,
            InterpolateTo = InterpolateTo,
            Variations = Variations,
            NegativePrompt = NegativePrompt,
            InterpolateToPrompt = InterpolateToPrompt,
            ClipSkip = ClipSkip,
            PromptWeights = PromptWeights,
            Size = Size,
        };
        // Guidance and solver are the file's alone, not the model's own, nor today's defaults, where the file says nothing.
        var own = model.Sampling.Choose(Recipe.Sampler).With(Recipe.ToGuidance()) with
            { Options = null, Classifier = Recipe.Classifier };
        if (Recipe.Classifier is { } guided && guided.Sha256 != model.Classifier?.Hash)
            throw new MezzotintException(
                $"The picture was drawn with a classifier of the SHA-256 {Printable.Line(guided.Sha256 ?? "?", 100)}, and the "
                + $"model {(model.Classifier is { } other ? $"has another one, {other.Hash}." : "has none.")}")
                { Key = "guidance_classifier" };
        if (ToldGuidance.WidthOf(model) is not null)
            own = own with { Guidance = Recipe.Guidance };
        return GenerationPlan.Of(Labels, Prompts, options, own, model, Seed);
    }

    /// <summary>The text of a PNG file: keywords and values.</summary>
    public IReadOnlyDictionary<string, string> ToText()
    {
        var text = new Dictionary<string, string>
        {
            ["Software"] = $"mezzotint {SoftwareVersion}",
            ["Model"] = ModelName,
            [Prompts is null ? "Label" : "Prompt"] = string.Join(
                Prompts is null ? "," : " | ",
                Labels.Distinct().Select(label =>
                    label < ClassNames.Count ? ClassNames[label] : label.ToString(CultureInfo.InvariantCulture))),
            ["Seed"] = Seed.ToString(CultureInfo.InvariantCulture),
            ["Steps"] = Recipe.Steps.ToString(CultureInfo.InvariantCulture),
            ["Sampler"] = $"{Recipe.Sampler} {SolverOptions}".TrimEnd(),
            ["Levels"] = Recipe.Levels,
        };
        // The weaker model of guidance is not stored, nor a classifier that is not the model's: images that had one cannot be
        // drawn again from the file.
        if (Recipe.GuidanceKind != AutoKind && (Classifier is null || Recipe.Classifier is not null))
            text[Keyword] = JsonSerializer.Serialize(Document.Of(this), ReceiptJson.Default.Document);
        if (Recipe.ToGuidance() is { } guidance)
            text["Guidance"] = guidance.ToString();
        if (Classifier is { } classifier)
            text["Classifier guidance"] = classifier;
        if (Variations.Count > 0)
            text["Variations"] = string.Join(",", Variations);
        if (NegativePrompt is { } negative)
            text["Negative prompt"] = negative;
        if (ClipSkip > 0)
            text["Clip skip"] = ClipSkip.ToString(CultureInfo.InvariantCulture);
        if (PromptWeights)
            text["Prompt weights"] = "on";
        if (Size is { } size)
            text["Size"] = string.Create(CultureInfo.InvariantCulture, $"{size.Width}x{size.Height}");
        if (Adapters.Count > 0)
            text["Adapters"] = string.Join(", ", Adapters);
        if (ModelHash is not null)
            text["Model SHA-256"] = ModelHash;
        return text;
    }

    /// <summary>Reads what a PNG file says.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="MezzotintException">It is no PNG file, or does not say how it was drawn.</exception>
    public static ImageReceipt Read(string path)
    {
        if (!PngFile.ReadText(path).TryGetValue(Keyword, out string? json))
            throw new MezzotintException(
                $"'{path}' does not say how it was drawn: it has no text of the keyword {Keyword}. Files that `mezzotint "
                + $"sample`, the library and the server write have it, unless a weaker model or a classifier guided, or another "
                + $"program wrote them anew.");
        try
        {
            var document = JsonSerializer.Deserialize(json, ReceiptJson.Default.Document) ?? throw new JsonException("null");
            Check.Range("version", document.Version, document.Version == Version, Version.ToString(CultureInfo.InvariantCulture));
            return document.ToReceipt();
        }
        catch (Exception problem) when (
            problem is JsonException or MezzotintException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw new MezzotintException(
                $"'{path}' says how it was drawn in a way that this program does not understand: "
                + $"{Printable.Line(problem.Message.Split(" Path:")[0], 200)}",
                problem);
        }
    }

    private static string SoftwareVersion { get; } =
        typeof(ImageReceipt)
            .Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
}
