using System.Globalization;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Sampling;
using Mezzotint.Text;

namespace Mezzotint.Serving;

/// <summary>What options mean for a model: all that a drawing needs, with nothing encoded yet.</summary>
/// <param name="Labels">The class of each image; of a model that is asked in words, which of the prompts.</param>
/// <param name="Recipe">Sampler, levels, steps and guidance by their names.</param>
/// <param name="Request">What is walked; the picture to begin from is not in it yet.</param>
internal sealed record GenerationPlan(IReadOnlyList<int> Labels, SamplingRecipe Recipe, SamplingRequest Request)
{
    /// <summary>What is asked in words; null where classes are.</summary>
    public IReadOnlyList<string>? Prompts { get; init; }

    /// <summary>What guidance goes away from, in words; null for nothing.</summary>
    public string? NegativePrompt { get; init; }

    /// <summary>The prompt that the last image is of, where the images lead from one to another.</summary>
    public string? InterpolateToPrompt { get; init; }

    /// <summary>The scale and the classifier of classifier guidance, in words; null for none.</summary>
    public string? Classifier { get; init; }

    /// <summary>As <see cref="GenerationOptions.ClipSkip"/>.</summary>
    public int ClipSkip { get; init; }

    /// <summary>As <see cref="GenerationOptions.PromptWeights"/>.</summary>
    public bool PromptWeights { get; init; }

    /// <summary>The model, for images of the size that is drawn.</summary>
    public required ModelInfo Model { get; init; }

    /// <summary>The picture to begin from; null for pure noise.</summary>
    public SourceImage? Source { get; init; }

    /// <summary>Steps that are walked: fewer than asked for where drawing begins from a picture.</summary>
    public int Steps => Source is { } source
        ? SamplingSource.Rest(new double[Request.Steps + 1], source.Strength).Length - 1 : Request.Steps;

    /// <summary>Makes the plan.</summary>
    /// <param name="labels">The classes, an image for each; or which of the prompts.</param>
    /// <param name="prompts">What is asked in words; null where classes are.</param>
    /// <param name="options">How they are to be drawn.</param>
    /// <param name="own">How the model is drawn where nothing is said.</param>
    /// <param name="model">The model.</param>
    /// <param name="seed">The seed.</param>
    /// <exception cref="MezzotintException">A name is not known, a number is out of its range, or the model cannot do
    /// it.</exception>
    public static GenerationPlan Of(
        IReadOnlyList<int> labels, IReadOnlyList<string>? prompts, GenerationOptions options, SamplingRecipe own,
        ModelInfo model, long seed)
    {
        CheckWords(labels, prompts, options, model);
        Check.Range("seed", seed, seed is >= 0 and <= uint.MaxValue, "0 to 4294967295");
        Check.Range(
            "interpolate_to", options.InterpolateTo ?? 0, options.InterpolateTo is null or >= 0 and <= uint.MaxValue,
            "0 to 4294967295");
        NoiseVariation.Check(options.Variations, labels.Count);
        if (options.Variations.Count > 0 && (options.InterpolateTo is not null || options.InterpolateToPrompt is not null))
            throw new InvalidRequestException(
                "Images are variations of one, or a row from one to another: leave variations out, or interpolate_to and "
                + "interpolate_to_prompt.") { Key = "variations" };
        var recipe = own.Choose(options.Sampler, options.Levels, options.Steps, model.Process);
        var guidance = options.Guidance(own);
        recipe = recipe.With(guidance);
        var condition = GenerationCondition.Of(labels, prompts, options.InterpolateToPrompt, options, model);
        if (ToldGuidance.WidthOf(model) is { } width) // which stands in place of guidance by two evaluations
        {
            double weight = options.GuidanceScale ?? own.Guidance ?? ToldGuidance.Published;
            (guidance, recipe) = (null, recipe.With(null) with { Guidance = weight });
            condition = ToldGuidance.Into(condition, weight, width);
        }
        // A weaker model has no name in a recipe: such guidance is checked by itself.
        (guidance is { NeedsWeaker: true } ? recipe.With(null) : recipe).Validate(model.Process, model.Model);
        var classifier = options.GuidanceByClassifier(labels, own, model);
        recipe = recipe with
        {
            Classifier = classifier is null || options.Classifier is not null ? null
                : own.Classifier! with { Scale = classifier.Scale, Low = classifier.Low, High = classifier.High },
        };
        var request = recipe.Of(new SamplingRequest
        {
            Condition = condition,
            Negative = GenerationCondition.Negative(options.NegativePrompt, options, guidance, model),
            Seed = seed,
            // Between two prompts all images have the noise of one seed, unless another is asked for.
            InterpolateTo = options.InterpolateTo ?? (options.InterpolateToPrompt is null ? null : seed),
            Variations = options.Variations,
            WeakerModel = Weaker(options, model),
            Classifier = classifier,
        }, model.Process, options.SolverOptions) with { Guidance = guidance };
        Check.Range("seed", seed, seed + (request.HasOneSeed ? 0 : labels.Count - 1) <= uint.MaxValue,
            $"low enough that {labels.Count} seeds follow up to 4294967295");
        if (guidance is { NeedsWeaker: true } && options.WeakerModel is { } weaker && weaker.Info.Pixels != model.Pixels)
            throw new MezzotintException(
                $"The weaker model, '{weaker.Info.Name}', knows pixels by other numbers than '{model.Name}': guidance needs two "
                + $"models "
                + "with the same [pixels].") { Key = "guidance_kind" };
        return new(labels, recipe, request)
        {
            Prompts = prompts, NegativePrompt = options.NegativePrompt, InterpolateToPrompt = options.InterpolateToPrompt,
            Classifier = classifier is null || (options.Classifier ?? model.Classifier) is not { } asked ? null
                : string.Create(CultureInfo.InvariantCulture,
                    $"{classifier.Scale} by {asked.Info.Name}, levels {classifier.Low} to {classifier.High}, SHA-256 ")
                    + asked.Hash,
            ClipSkip = options.ClipSkip, Source = options.Source, PromptWeights = options.PromptWeights, Model = model,
        };
    }

    /// <summary>The sampler of the weaker model, for images of the same size.</summary>
    private static Sampler? Weaker(GenerationOptions options, ModelInfo model) => options.WeakerModel is not { } weaker ? null
        : (options.Size is null ? weaker : weaker with { Info = weaker.Info.At(model.Width, model.Height) }).CreateSampler();

    private static void CheckWords(
        IReadOnlyList<int> labels, IReadOnlyList<string>? prompts, GenerationOptions options, ModelInfo model)
    {
        if ((prompts is not null) != model.IsAskedInWords)
            throw new InvalidRequestException(prompts is null
                ? $"The model '{model.Name}' has no classes: ask it in words, with a prompt."
                : $"The model '{model.Name}' knows classes alone: ask it for one of them.") { Key = "prompt" };
        foreach (var (key, text) in (prompts ?? []).Select(prompt => ("prompt", (string?)prompt))
            .Append(("negative_prompt", options.NegativePrompt)).Append(("interpolate_to_prompt", options.InterpolateToPrompt)))
            Check.Range(key, $"{text?.Length ?? 0} characters", text is null || text.Length <= LongestPrompt,
                $"at most {LongestPrompt} characters");
        int most = model.Prompts is TextPrompts reader ? reader.MostSkipped : 0;
        Check.Range("clip_skip", options.ClipSkip, options.ClipSkip >= 0 && options.ClipSkip <= most,
            most == 0 ? "0: the model has no text encoder of several layers" : $"0 to {most}");
        Check.Range("prompt_weights", "true", !options.PromptWeights || model.Prompts is TextPrompts,
            "left out: the model is not asked in words");
        if (options.InterpolateToPrompt is null)
            return;
        if (prompts is not { Count: 1 })
            throw new InvalidRequestException(
                "Images between two prompts need a model that is asked in words, and one prompt to begin with.")
                { Key = "interpolate_to_prompt" };
        Check.Range("count", labels.Count, labels.Count >= 2, "2 or more between two prompts");
    }

    private const int LongestPrompt = 10_000;
}
