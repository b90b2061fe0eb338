using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Sampling;

namespace Mezzotint.Serving;

/// <summary>What options mean for a model: all that a drawing needs, with nothing encoded yet.</summary>
/// <param name="Labels">The class of each image.</param>
/// <param name="Recipe">Sampler, levels, steps and guidance by their names.</param>
/// <param name="Request">What is walked; the picture to begin from is not in it yet.</param>
internal sealed record GenerationPlan(IReadOnlyList<int> Labels, SamplingRecipe Recipe, SamplingRequest Request)
{
    /// <summary>The picture to begin from; null for pure noise.</summary>
    public SourceImage? Source { get; init; }

    /// <summary>Steps that are walked: fewer than asked for where drawing begins from a picture.</summary>
    public int Steps => Source is { } source
        ? SamplingSource.Rest(new double[Request.Steps + 1], source.Strength).Length - 1 : Request.Steps;

    /// <summary>Makes the plan.</summary>
    /// <param name="labels">The classes, an image for each.</param>
    /// <param name="options">How they are to be drawn.</param>
    /// <param name="own">How the model is drawn where nothing is said.</param>
    /// <param name="model">The model.</param>
    /// <param name="seed">The seed.</param>
    /// <exception cref="MezzotintException">A name is not known, a number is out of its range, or the model cannot do
    /// it.</exception>
    public static GenerationPlan Of(
        IReadOnlyList<int> labels, GenerationOptions options, SamplingRecipe own, ModelInfo model, long seed)
    {
        Check.Range("seed", seed, seed is >= 0 and <= uint.MaxValue, "0 to 4294967295");
        Check.Range(
            "interpolate_to", options.InterpolateTo ?? 0, options.InterpolateTo is null or >= 0 and <= uint.MaxValue,
            "0 to 4294967295");
        var recipe = own.Choose(options.Sampler, options.Levels, options.Steps);
        var guidance = options.Guidance(own);
        recipe = recipe.With(guidance);
        // A weaker model has no name in a recipe: such guidance is checked by itself.
        (guidance is { NeedsWeaker: true } ? recipe.With(null) : recipe).Validate(model.Process, model.Model);
        var request = recipe.Of(new SamplingRequest
        {
            Condition = Condition.OfLabels(labels).Detached(),
            Seed = seed,
            InterpolateTo = options.InterpolateTo,
            WeakerModel = options.WeakerModel?.CreateSampler(),
        }, model.Process, options.SolverOptions) with { Guidance = guidance };
        Check.Range("seed", seed, seed + (options.InterpolateTo is null ? labels.Count - 1 : 0) <= uint.MaxValue,
            $"low enough that {labels.Count} seeds follow up to 4294967295");
        if (guidance is { NeedsWeaker: true } && options.WeakerModel is { } weaker && weaker.Info.Pixels != model.Pixels)
            throw new MezzotintException(
                $"The weaker model, '{weaker.Info.Name}', knows pixels by other numbers than '{model.Name}': guidance needs two "
                + $"models "
                + "with the same [pixels].") { Key = "guidance_kind" };
        return new(labels, recipe, request) { Source = options.Source };
    }
}
