using Mezzotint.Models;
using Mezzotint.Sampling;

namespace Mezzotint.Serving;

/// <summary>How images are to be drawn; what is not said is the model's own way.</summary>
public sealed record GenerationOptions
{
    /// <summary>Images of each label, 1 or more.</summary>
    public int Count { get; init; } = 1;

    /// <summary>Image i is drawn from seed + i alone: 0 to 2^32 - 1. Null draws a seed; <see cref="GeneratedImages.Seed"/> tells it.</summary>
    public long? Seed { get; init; }

    /// <summary>The solver's name, as in <c>mezzotint samplers</c>.</summary>
    public string? Sampler { get; init; }

    /// <summary>How the levels are spread: a name of <see cref="Noise.NoiseLevels.Names"/>.</summary>
    public string? Levels { get; init; }

    /// <summary>Steps, 1 to 100,000.</summary>
    public int? Steps { get; init; }

    /// <summary>Options of the solver that differ from its defaults.</summary>
    public SolverOptions SolverOptions { get; init; } = new();

    /// <summary>The weight of the guidance, of the model's own kind or classifier-free; null for the model's own. 1 is none. The model must have learned to draw without a class.</summary>
    public double? GuidanceScale { get; init; }

    /// <summary>The picture to begin from; null for pure noise. <see cref="PictureFitting"/> brings pictures to the model's size.</summary>
    public SourceImage? Source { get; init; }

    /// <summary>The seed whose noise the last image starts from, as <see cref="SamplingRequest.InterpolateTo"/>.</summary>
    public long? InterpolateTo { get; init; }

    /// <summary>The request that these options mean for a model.</summary>
    /// <param name="own">How the model is drawn where nothing is said.</param>
    /// <param name="model">The model.</param>
    /// <param name="labels">The classes.</param>
    /// <param name="seed">The seed.</param>
    /// <exception cref="MezzotintException">A name is not known, a number is out of its range, or the model cannot do it.</exception>
    internal (SamplingRequest Request, SamplingRecipe Recipe) For(SamplingRecipe own, ModelInfo model, IReadOnlyList<int> labels, long seed)
    {
        Check.Range("count", Count, Count >= 1, "1 or more");
        Mezzotint.Sampling.Sampler.RefuseTooMany((long)labels.Count * Count, model.Model.InChannels, model.Height, model.Width);
        Check.Range("seed", seed, seed is >= 0 and <= uint.MaxValue, "0 to 4294967295");
        Check.Range("interpolate_to", InterpolateTo ?? 0, InterpolateTo is null or >= 0 and <= uint.MaxValue, "0 to 4294967295");
        var recipe = own.Choose(Sampler, Levels, Steps);
        if (GuidanceScale is { } scale)
            recipe = recipe with { Guidance = scale };
        recipe.Validate(model.Process, model.Model);
        var request = recipe.Of(new SamplingRequest
        {
            Labels = [.. labels.SelectMany(label => Enumerable.Repeat(label, Count))],
            Seed = seed,
            Source = Source,
            InterpolateTo = InterpolateTo,
            BatchSize = DiffusionPipeline.ImagesOfAWalk,
        }, model.Process, SolverOptions);
        Check.Range("seed", seed, seed + (InterpolateTo is null ? request.Labels.Count - 1 : 0) <= uint.MaxValue, $"low enough that {request.Labels.Count} seeds follow up to 4294967295");
        return (request, recipe);
    }
}
