using Mezzotint.Models;
using Mezzotint.Sampling;

namespace Mezzotint.Serving;

/// <summary>How images are to be drawn; what is not said is the model's own way.</summary>
public sealed record GenerationOptions
{
    /// <summary>Images of each label or prompt, 1 or more.</summary>
    public int Count { get; init; } = 1;

    /// <summary>Image i is drawn from seed + i alone: 0 to 2^32 - 1. Null draws a seed; <see cref="GeneratedImages.Seed"/> has
    /// it.</summary>
    public long? Seed { get; init; }

    /// <summary>The solver's name, as in <c>mezzotint samplers</c>.</summary>
    public string? Sampler { get; init; }

    /// <summary>How the levels are spread: a name of <see cref="Noise.NoiseLevels.Names"/>.</summary>
    public string? Levels { get; init; }

    /// <summary>Steps, 1 to 100,000.</summary>
    public int? Steps { get; init; }

    /// <summary>Options of the solver that differ from its defaults.</summary>
    public SolverOptions SolverOptions { get; init; } = new();

    /// <summary>The weight of the guidance, 0 to 1000; null for the model's own. 1 is none (but for cfg++).</summary>
    public double? GuidanceScale { get; init; }

    /// <summary>The kind of the guidance: a name of <see cref="Sampling.Guidance.Names"/>; null for the model's own, and where it
    /// has none, or there is a weaker model, for cfg or auto.</summary>
    public string? GuidanceKind { get; init; }

    /// <summary>As <see cref="Sampling.Guidance.Rescale"/>, 0 to 1; null for the model's own.</summary>
    public double? GuidanceRescale { get; init; }

    /// <summary>The lowest and the highest level with guidance, in the data's units; null for the model's own.</summary>
    public (double Low, double High)? GuidanceInterval { get; init; }

    /// <summary>A classifier that drives the images too (<see cref="ClassifierGuidance"/>), one of noisy images or of clean
    /// ones. It stays the caller's. Null for the model's own, where it has one.</summary>
    public LoadedClassifier? Classifier { get; init; }

    /// <summary>As <see cref="ClassifierGuidance.Scale"/>, 0 to 1000; null for the model's own with its own classifier, and 1
    /// with another.</summary>
    public double? ClassifierScale { get; init; }

    /// <summary>The lowest and the highest level with guidance by the classifier, in the data's units. Null for the model's own
    /// with its own classifier; with another for <see cref="GuidanceInterval"/>, and where there is none, for that of the model's
    /// own guidance.</summary>
    public (double Low, double High)? ClassifierInterval { get; init; }

    /// <summary>The name of the classifier's class that all images are driven to; null for that of the label that is
    /// drawn.</summary>
    public string? ClassifierLabel { get; init; }

    /// <summary>What guidance goes away from, in words; null for nothing. A model of classes takes the name of one.</summary>
    public string? NegativePrompt { get; init; }

    /// <summary>The prompt that the last image is of: the others lead from the first one's to it, all from one seed, unless
    /// <see cref="InterpolateTo"/> says another. For a model that is asked in words, and one prompt. null for none.</summary>
    public string? InterpolateToPrompt { get; init; }

    /// <summary>How many of the text encoder's last layers are left out when the prompt is read ("clip skip"): 0 to all but one.
    /// The negative prompt is read with all.</summary>
    public int ClipSkip { get; init; }

    /// <summary>Whether prompts are read as the widely used web interface writes them: with weights, <c>(word:1.3)</c> and
    /// <c>[word]</c>, and of any length, in chunks of 75 tokens. Without, every letter is one of the text, and what is longer
    /// than the text encoder reads is cut off: as the library diffusers does it.</summary>
    public bool PromptWeights { get; init; }

    /// <summary>Width and height of the images in pixels, as <see cref="ModelInfo.At"/> takes them; null for the model's
    /// own.</summary>
    public (int Width, int Height)? Size { get; init; }

    /// <summary>The weaker model of the guidance kind auto, on the same device; it stays the caller's.</summary>
    public LoadedModel? WeakerModel { get; init; }

    /// <summary>The picture to begin from; null for pure noise. <see cref="PictureFitting"/> brings pictures to the model's
    /// size.</summary>
    public SourceImage? Source { get; init; }

    /// <summary>The seed whose noise the last image starts from, as <see cref="SamplingRequest.InterpolateTo"/>.</summary>
    public long? InterpolateTo { get; init; }

    /// <summary>The ways from the noise of the seed to those that images start from, as <see
    /// cref="SamplingRequest.Variations"/>.</summary>
    public IReadOnlyList<NoiseVariation> Variations { get; init; } = [];

    /// <summary>The guidance by a classifier that these options mean; null for none.</summary>
    /// <param name="labels">The class of each image, of a model that has classes.</param>
    /// <param name="own">How the model is drawn where nothing is said.</param>
    /// <param name="model">The model.</param>
    /// <exception cref="MezzotintException">The classifier does not fit the model, or does not know a class.</exception>
    internal ClassifierGuidance? GuidanceByClassifier(IReadOnlyList<int> labels, SamplingRecipe own, ModelInfo model)
    {
        var mine = Classifier is null ? own.Classifier : null;
        if ((Classifier ?? (mine is null ? null : model.Classifier)) is not { } classifier)
        {
            if (mine is not null)
                throw new MezzotintException(
                    $"The model '{model.Name}' is guided by a classifier that was not opened with it: read it with its folder.")
                    { Key = "guidance_classifier" };
            if (ClassifierLabel is not null || ClassifierScale is > 0)
                throw new MezzotintException(
                    "The model has no classifier of its own: name one to guide by.")
                    { Key = ClassifierLabel is null ? "classifier_guidance" : "guidance_label" };
            return null;
        }
        if (ClassifierScale == 0)
            return null;
        var sees = classifier.Info.Network;
        if ((sees.Channels, sees.Height, sees.Width) != (model.Channels, model.Height, model.Width))
            throw new MezzotintException(
                $"The classifier '{classifier.Info.Name}' sees {sees.Channels} x {sees.Height} x {sees.Width}, and "
                + $"{model.Channels} x {model.Height} x {model.Width} is drawn: guide by one for such images.")
                { Key = "guidance_classifier" };
        int ClassOf(string name) => classifier.Info.ClassNames.ToList().IndexOf(name) is >= 0 and var at ? at
            : throw new MezzotintException(
                $"The classifier '{classifier.Info.Name}' knows no class {Printable.Quote(name)}"
                + $"{Spelling.Remedy(name, classifier.Info.ClassNames)}") { Key = "guidance_label" };
        if (ClassifierLabel is null && (!model.Model.HasClasses || model.Model.CorpusLength < 2))
            throw new MezzotintException(
                "The model has no classes: say which of the classifier's its images are driven to.") { Key = "guidance_label" };
        int[] classes = ClassifierLabel is { } one ? [ClassOf(one)]
            : [.. labels.Select(label => ClassOf(model.ClassNames[label]))];
        var (low, high) = ClassifierInterval ?? (mine is null ? IntervalOf(own) : (mine.Low, mine.High));
        double scale = ClassifierScale ?? mine?.Scale ?? 1;
        var guidance = classifier.Guide(model.Pixels, classes, scale) with { Low = low, High = high };
        guidance.Validate();
        return guidance;
    }

    /// <summary>The guidance that these options mean; null for none.</summary>
    /// <param name="own">The model's own.</param>
    /// <exception cref="MezzotintException">A name is not known, a number is out of its range, or the weight is
    /// missing.</exception>
    internal Guidance? Guidance(SamplingRecipe own)
    {
        if ((GuidanceScale ?? own.Guidance) is not { } weight)
            return (GuidanceKind, GuidanceRescale, GuidanceInterval, WeakerModel) is (null, null, null, null) ? null
                : throw new MezzotintException(
                    "The other options of guidance say how, not how much: give its weight too, for instance 2.")
                    { Key = "guidance_scale" };
        string kind = GuidanceKind ?? (WeakerModel is null ? own.GuidanceKind ?? "cfg" : "auto");
        var (low, high) = IntervalOf(own);
        var guidance = Sampling.Guidance.Named(kind, weight, GuidanceRescale ?? own.GuidanceRescale ?? 0, low, high);
        if (WeakerModel is not null && !guidance.NeedsWeaker)
            throw new MezzotintException(
                $"A weaker model is for guidance of the kind auto: {kind} compares with the model's own prediction without a "
                + $"class.")
                { Key = "guidance_kind" };
        return guidance.IsNone ? null : guidance;
    }

    private (double Low, double High) IntervalOf(SamplingRecipe own) =>
        GuidanceInterval ?? (own.GuidanceLow ?? 0, own.GuidanceHigh ?? double.PositiveInfinity);
}
