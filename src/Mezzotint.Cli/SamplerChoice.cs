using System.CommandLine;
using System.CommandLine.Parsing;
using Mezzotint.Noise;
using Mezzotint.Sampling;

namespace Mezzotint.Cli;

/// <summary>The options that say how noise is removed: <c>--sampler --levels --steps --eta --churn</c>, and the solver and levels they mean.</summary>
internal sealed class SamplerChoice
{
    private const int StepsOfTheSeed = 500, StepsOfOthers = 20, MostSteps = 100_000;
    private const string LevelsOfTheSeed = "uniform", LevelsOfOthers = "karras";

    // The names are not listed here: they come with the solvers, whose loading would slow down every --help.
    private readonly Option<string> _sampler = new("--sampler") { HelpName = "NAME", Description = "How the noise is removed; `mezzotint samplers` lists the names.", DefaultValueFactory = _ => EulerMaruyama.Name };
    private readonly Option<string?> _levels = Options.Text("--levels", "NAME", $"How the levels of noise are spread; `mezzotint samplers` lists the names. [default: {LevelsOfTheSeed} with {EulerMaruyama.Name}, else {LevelsOfOthers}]");
    private readonly Option<long> _steps = Options.Whole("--steps", null, 1, MostSteps, "Steps, for most samplers network evaluations an image; fewer are faster and rougher", $"{StepsOfTheSeed} with {EulerMaruyama.Name}, else {StepsOfOthers}");
    private readonly Option<double?> _eta = Options.Real("--eta", "How much of the noise is drawn anew, for samplers that take it: 0 (none) to 1.");
    private readonly Option<double?> _churn = Options.Real("--churn", "Noise added before each step, for euler, heun and dpm2: S_churn, 0 or more.");

    public IEnumerable<Option> All => [_sampler, _levels, _steps, _eta, _churn];

    /// <summary>What the command line says, with the defaults filled in.</summary>
    public Chosen Read(ParseResult result)
    {
        string sampler = result.GetValue(_sampler)!;
        bool seed = sampler == EulerMaruyama.Name;
        long steps = result.GetValue(_steps);
        return new Chosen(sampler, result.GetValue(_levels) ?? (seed ? LevelsOfTheSeed : LevelsOfOthers),
            (int)(steps > 0 ? steps : seed ? StepsOfTheSeed : StepsOfOthers), result.GetValue(_eta), result.GetValue(_churn));
    }

    internal sealed record Chosen(string Sampler, string Levels, int Steps, double? Eta, double? Churn)
    {
        /// <summary>The same request, with this solver and these levels for a model of <paramref name="process"/>.</summary>
        /// <exception cref="MezzotintException">A name is not known, an option is not the sampler's, or the levels do not fit the steps.</exception>
        public SamplingRequest Of(SamplingRequest request, NoiseProcess process)
        {
            var options = new SolverOptions { Eta = Eta, Churn = Churn };
            var solver = Sampler != EulerMaruyama.Name ? Solvers.Named(Sampler, options)
                : Eta is null && Churn is null ? EulerMaruyama.For(process)
                : throw new MezzotintException($"Sampler '{Sampler}' takes neither --eta nor --churn. `mezzotint samplers` says which one takes what.");
            return request with { Steps = Steps, Solver = solver, Levels = NoiseLevels.Named(Levels, process, Steps) };
        }
    }
}
