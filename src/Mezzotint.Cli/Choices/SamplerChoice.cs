using System.CommandLine.Parsing;
using System.CommandLine;
using Mezzotint.Noise;
using Mezzotint.Sampling;
using Mezzotint.Serving;

namespace Mezzotint.Cli.Choices;

/// <summary>The options that say how noise is removed: <c>--sampler --levels --steps --coordinate --eta --churn
/// --solver-option</c>, and the solver and levels they mean.</summary>
internal sealed class SamplerChoice
{
    private const int StepsOfTheSeed = SamplingRecipe.StepsOfTheSeed, StepsOfOthers = SamplingRecipe.StepsOfOthers,
        MostSteps = 100_000;
    private const string LevelsOfTheSeed = SamplingRecipe.LevelsOfTheSeed, LevelsOfOthers = SamplingRecipe.LevelsOfOthers;
    private const string LevelsBetween = "karras"; // of a walk between images and noise

    // The names are not listed here: they come with the solvers, whose loading would slow down every --help.
    private readonly Option<string?> _sampler = Options.Text(
        "--sampler", "NAME", "How the noise is removed; `mezzotint samplers` lists the names. [default: the model's own]");
    private readonly Option<string?> _levels = Options.Text(
        "--levels", "NAME",
        $"How the levels of noise are spread; `mezzotint samplers` lists the names. Or the levels themselves, one a step: "
        + $"80,2.5,0.8. [default: the model's own; with another --sampler {LevelsOfTheSeed} for {EulerMaruyama.Name}, else "
        + $"{LevelsOfOthers}]");
    private readonly Option<long> _steps = Options.Whole(
        "--steps", null, 1, MostSteps, "Steps, for most samplers network evaluations an image; fewer are faster and rougher",
        $"the model's own; with another --sampler {StepsOfTheSeed} for {EulerMaruyama.Name}, else {StepsOfOthers}");
    private readonly Option<double?> _eta =
        Options.Real("--eta", "How much of the noise is drawn anew, for samplers that take it: 0 (none) to 1.");
    private readonly Option<double?> _churn =
        Options.Real("--churn", "Noise added before each step, for euler, heun and dpm2: S_churn, 0 or more.");
    private readonly Option<string?> _coordinate = Options.Text(
        "--coordinate", "NAME",
        "The variable that a sampler without noise steps in: own (its paper's), sigma, log, time or flow; `mezzotint samplers` "
        + "says which ones it takes. [default: the model's own; with another --sampler the one with the least error]");
    private readonly Option<string[]> _more = Options.Names(
        "--solver-option", "KEY=VALUE",
        "Another option of the sampler, such as order=2 or lower_order_final=true; may be given again. `mezzotint samplers` "
        + "lists them.");

    public IEnumerable<Option> All => [_sampler, _levels, _steps, _coordinate, _eta, _churn, _more];

    /// <summary>What the command line says; null or 0 where it says nothing.</summary>
    public Chosen Read(ParseResult result) =>
        new(
            result.GetValue(_sampler), result.GetValue(_levels), (int)result.GetValue(_steps), result.GetValue(_eta),
            result.GetValue(_churn))
        {
            Others = OthersOf(result.GetValue(_coordinate), result.GetValue(_more) ?? []),
        };

    private static SolverOptions OthersOf(string? coordinate, string[] pairs)
    {
        var options = new SolverOptions();
        if (coordinate is not null)
            options = options.With("coordinate", coordinate);
        foreach (string pair in pairs)
        {
            string[] parts = pair.Split('=', 2, StringSplitOptions.TrimEntries);
            options = parts.Length == 2 ? options.With(parts[0], parts[1])
                : throw new MezzotintException($"--solver-option takes KEY=VALUE, such as order=2, not '{pair}'.")
                    { Key = "--solver-option" };
        }
        return options;
    }

    internal sealed record Chosen(string? Sampler, string? Levels, int Steps, double? Eta, double? Churn)
    {
        /// <summary>What options without a name of their own here say.</summary>
        public SolverOptions Others { get; init; } = new();

        private SolverOptions Asked => Others with { Eta = Eta ?? Others.Eta, Churn = Churn ?? Others.Churn };

        /// <summary>The names and the steps that are meant for a model that is best sampled in its own way.</summary>
        public SamplingRecipe RecipeFor(SamplingRecipe own) => own.Choose(Sampler, Levels, Steps > 0 ? Steps : null);

        /// <summary>
        /// The names and the steps of a walk between images and noise: by default heun in 100 steps over karras. A model's own
        /// sampler, made to draw, would seldom do.
        /// </summary>
        public SamplingRecipe RecipeForFlow() =>
            RecipeFor(
                new SamplingRecipe { Sampler = Sampler ?? "heun", Levels = LevelsBetween, Steps = Inversion.DefaultSteps });

        /// <summary>The solver and the levels of such a walk.</summary>
        /// <exception cref="MezzotintException">A name is not known, an option is not the sampler's, or the levels do not fit the
        /// steps.</exception>
        public (Solver Solver, double[] Levels) Flow(NoiseProcess process, FinalLevel final = FinalLevel.Minimum)
        {
            var recipe = RecipeForFlow();
            return (Solvers.Named(recipe.Sampler, process, Asked),
                NoiseLevels.Named(recipe.Levels, process, recipe.Steps, final));
        }

        /// <summary>The same options with this sampler; its names and numbers are checked where they are drawn.</summary>
        public GenerationOptions Into(GenerationOptions options) => options with
        {
            Sampler = Sampler,
            Levels = Levels,
            Steps = Steps > 0 ? Steps : null,
            SolverOptions = Asked,
        };
    }
}
