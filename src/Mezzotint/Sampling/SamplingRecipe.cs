using System.Globalization;
using Mezzotint.Networks;
using Mezzotint.Noise;

namespace Mezzotint.Sampling;

/// <summary>How to sample a model, by names: a training draws its pictures with it, and it is the default of <c>sample</c>. By
/// default it is the seed's.</summary>
public sealed record SamplingRecipe
{
    /// <summary>Steps where another sampler than the model's own is asked for, and nothing is said of steps.</summary>
    public const int StepsOfTheSeed = 500, StepsOfOthers = 20;

    /// <summary>Levels where another sampler than the model's own is asked for, and nothing is said of levels.</summary>
    public const string LevelsOfTheSeed = "uniform", LevelsOfOthers = "flow";

    /// <summary>The solver's name.</summary>
    public string Sampler { get; init; } = EulerMaruyama.Name;

    /// <summary>How the levels are spread: a name of <see cref="NoiseLevels.Names"/>.</summary>
    public string Levels { get; init; } = "uniform";

    /// <summary>Steps, 1 to 100,000.</summary>
    public int Steps { get; init; } = 500;

    /// <summary>Options of the solver that differ from its own defaults; null for none.</summary>
    public SolverOptions? Options { get; init; }

    /// <summary>
    /// The least level that is walked, where that of the process is lower: what a likelihood needs down there, pictures do not
    /// show. null for the process's.
    /// </summary>
    public double? LeastLevel { get; init; }

    /// <summary>
    /// Whether the walk ends at the least level instead of 0, so that a little noise is left, as the library diffusers leaves it
    /// where set_alpha_to_one is false; null for no.
    /// </summary>
    public bool? LeavesNoise { get; init; }

    /// <summary>The weight of the guidance, as <see cref="Sampling.Guidance.Weight"/>; null for none, and the other settings of
    /// it for their defaults.</summary>
    public double? Guidance { get; init; }

    /// <summary>Its kind: a name of <see cref="Sampling.Guidance.Names"/> but auto, whose weaker model has no name here; cfg by
    /// default.</summary>
    public string? GuidanceKind { get; init; }

    /// <summary>How far guided estimates are brought back to the deviation of those without guidance: 0 to 1.</summary>
    public double? GuidanceRescale { get; init; }

    /// <summary>The lowest level with guidance, 0 or more.</summary>
    public double? GuidanceLow { get; init; }

    /// <summary>The highest level with guidance; by default the highest there is.</summary>
    public double? GuidanceHigh { get; init; }

    /// <summary>The classifier that guides too; null for none.</summary>
    public ClassifierRecipe? Classifier { get; init; }

    /// <summary>The guidance of these settings, but for the classifier's; null where they say none.</summary>
    /// <exception cref="MezzotintException">A name is not known, or a number is out of its range.</exception>
    public Guidance? ToGuidance()
    {
        if (Guidance is not { } weight)
            return null;
        var guidance = Sampling.Guidance.Named(
            GuidanceKind ?? "cfg", weight, GuidanceRescale ?? 0, GuidanceLow ?? 0, GuidanceHigh ?? double.PositiveInfinity);
        return guidance.IsNone ? null : guidance;
    }

    /// <summary>The same recipe with the settings of a guidance; null for none.</summary>
    internal SamplingRecipe With(Guidance? guidance) => this with
    {
        Guidance = guidance?.Weight,
        GuidanceKind = guidance?.Name,
        GuidanceRescale = guidance?.Rescale is > 0 and var rescale ? rescale : null,
        GuidanceLow = guidance?.Low is > 0 and var low ? low : null,
        GuidanceHigh = guidance?.High is { } high && double.IsFinite(high) ? high : null,
    };

    /// <summary>The request, with this solver, these levels and this guidance.</summary>
    /// <param name="request">What is to be drawn.</param>
    /// <param name="process">The model's process.</param>
    /// <param name="options">Those of the solver that differ from <see cref="Options"/>.</param>
    /// <exception cref="MezzotintException">A name is not known, an option is not the solver's, or the levels do not fit the
    /// steps.</exception>
    public SamplingRequest Of(SamplingRequest request, NoiseProcess process, SolverOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(request);
        return request with
        {
            Steps = Steps, Solver = Solvers.Named(Sampler, process, OptionsWith(options)), Levels = LevelsIn(process),
            Guidance = ToGuidance(),
        };
    }

    /// <summary>The options of the recipe under others. A coordinate of the recipe gives way where those draw noise, or ask for
    /// weights that have none.</summary>
    private SolverOptions? OptionsWith(SolverOptions? others)
    {
        if (Options is not { } own || others is null)
            return Options ?? others;
        bool alone = others is { Eta: > 0 } or { Churn: > 0 } or { PublishedWeights: true };
        return others.Or(alone ? own with { Coordinate = null } : own);
    }

    private double[] LevelsIn(NoiseProcess process) =>
        NoiseLevels.Named(Levels, LeastLevel is { } least ? process with { MinimumTime = process.Time(least) } : process, Steps,
            LeavesNoise == true ? FinalLevel.Minimum : FinalLevel.Zero);

    /// <summary>
    /// The same where nothing else is asked for. Another sampler than the recipe's comes with options, levels and a number of
    /// steps that suit it, and levels that are written down with as many steps as they are.
    /// </summary>
    /// <param name="sampler">The solver's name.</param>
    /// <param name="levels">How the levels are spread, or the levels themselves.</param>
    /// <param name="steps">Steps.</param>
    /// <param name="process">The model's process. Where it ends without signal, solvers are given the options that suit it over
    /// any levels; elsewhere over other levels than flow they step as their papers have it.</param>
    public SamplingRecipe Choose(
        string? sampler = null, string? levels = null, int? steps = null, NoiseProcess? process = null)
    {
        bool suited = levels is null or LevelsOfOthers || process is { EndsWithoutSignal: true };
        bool seed = sampler == EulerMaruyama.Name;
        var recipe = sampler is null || sampler == Sampler ? this
            : this with
            {
                Sampler = sampler, Levels = seed ? LevelsOfTheSeed : LevelsOfOthers,
                Steps = seed ? StepsOfTheSeed : StepsOfOthers, LeavesNoise = null,
                Options = suited && Solvers.Recommended(sampler) is var best && best != new SolverOptions() ? best : null,
            };
        int listed = levels is [>= '0' and <= '9', ..] ? levels.Count(letter => letter == ',') + 1 : recipe.Steps;
        return recipe with { Levels = levels ?? recipe.Levels, Steps = steps ?? listed };
    }

    /// <summary>Checks the names, the range of the numbers, and that the network can be guided so.</summary>
    /// <param name="process">The model's process.</param>
    /// <param name="network">The model's network.</param>
    /// <exception cref="MezzotintException">A name is not known, a number is out of its range, or what is asked does not fit the
    /// process or the network; the message names it.</exception>
    public void Validate(NoiseProcess process, NetworkConfig network)
    {
        ArgumentNullException.ThrowIfNull(network);
        Check.Range("sampling.steps", Steps, Steps is >= 1 and <= 100_000, "between 1 and 100000");
        var solver = Solvers.Named(Sampler, process, Options);
        Check.Range(
            "sampling.least_level", LeastLevel ?? process.MinimumLevel,
            LeastLevel is not { } least || (least >= process.MinimumLevel && least < process.MaximumLevel),
            string.Create(
                CultureInfo.InvariantCulture,
                $"between the levels of the process, {process.MinimumLevel:G6} and {process.MaximumLevel:G6}"));
        LevelsIn(process);
        Check.Range(
            "sampling.guidance", "missing",
            Guidance is not null || (GuidanceKind, GuidanceRescale, GuidanceLow, GuidanceHigh) == default,
            "the weight, where other settings say how");
        Classifier?.Validate();
        if (ToGuidance() is not { } guidance)
            return;
        Check.Range(
            "sampling.guidance_kind", guidance.Name, !guidance.NeedsWeaker,
            "a kind that needs no other model, which cannot be named here");
        guidance.CheckReference(network.CanBeGuided, weaker: false);
        guidance.CheckSolver(solver);
    }
}
