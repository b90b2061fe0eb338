using System.Globalization;

namespace Mezzotint.Sampling;

/// <summary>Which B(h) UniPC uses in steps with a single difference.</summary>
public enum UniPcVariant
{
    /// <summary>B(h) = h: recommended for few steps without guidance.</summary>
    Bh1,
    /// <summary>B(h) = e^h - 1, here 1 - e^{-h}: recommended with guidance.</summary>
    Bh2,
}

/// <summary>How a second-order multistep step of DPM-Solver++ weighs its last two estimates.</summary>
public enum DpmSolverType
{
    /// <summary>The paper's algorithm 2, the midpoint rule for the difference.</summary>
    Midpoint,
    /// <summary>A line through them, integrated exactly: "heun" of diffusers and k-diffusion.</summary>
    Heun,
}

/// <summary>
/// The options of all named solvers, for where a solver is chosen by name. Unset ones keep the solver's own default;
/// setting one that the solver does not take is an error. In code, the methods of <see cref="Solvers"/> take theirs as arguments.
/// </summary>
public sealed record SolverOptions
{
    /// <summary>How much of the noise is drawn anew: 0 (none) to 1 (all that keeps the marginals); sa-solver and the
    /// dpmpp-2m-sde and -3m-sde solvers take more.</summary>
    public double? Eta { get; init; }

    /// <summary><see cref="Sampling.Churn.Amount"/>, 0 or more.</summary>
    public double? Churn { get; init; }

    /// <summary><see cref="Sampling.Churn.Min"/>, 0 or more.</summary>
    public double? ChurnMin { get; init; }

    /// <summary><see cref="Sampling.Churn.Max"/>, above <see cref="ChurnMin"/>.</summary>
    public double? ChurnMax { get; init; }

    /// <summary><see cref="Sampling.Churn.NoiseScale"/>, above 0.</summary>
    public double? NoiseScale { get; init; }

    /// <summary>How many evaluations a step of a multistep method is made of: lms 1 to 4, deis, unipc and sa-solver 1 to
    /// 3.</summary>
    public int? Order { get; init; }

    /// <summary>UniPC's B(h).</summary>
    public UniPcVariant? Variant { get; init; }

    /// <summary>Whether UniPC or SA-Solver corrects each step by the next evaluation.</summary>
    public bool? Corrector { get; init; }

    /// <summary>The signal-to-noise ratio of Langevin steps, above 0.</summary>
    public double? Snr { get; init; }

    /// <summary>Langevin steps at each level, 0 to 1000.</summary>
    public int? CorrectorSteps { get; init; }

    /// <summary>The allowed error over the size of x, above 0.</summary>
    public double? Rtol { get; init; }

    /// <summary>The allowed error beside that, above 0, in the data's units.</summary>
    public double? Atol { get; init; }

    /// <summary>The coordinate that a solver without noise steps in; <see cref="SolverCoordinate.Own"/> where unset.</summary>
    public SolverCoordinate? Coordinate { get; init; }

    /// <summary>Whether a multistep method ends with lower orders: its last step above level 0 is of first order, the one before
    /// of second. False where unset.</summary>
    public bool? LowerOrderFinal { get; init; }

    /// <summary>Whether dpmpp-3m weighs the second difference as its authors' program does. False where unset.</summary>
    public bool? PublishedWeights { get; init; }

    /// <summary>How dpmpp-2m and dpmpp-2m-sde weigh; <see cref="DpmSolverType.Midpoint"/> where unset.</summary>
    public DpmSolverType? SolverType { get; init; }

    /// <summary>Whether plms starts with three Runge-Kutta steps, as PNDM's program does. False where unset.</summary>
    public bool? RungeKuttaStart { get; init; }

    /// <summary>Every option there is, by the name that configurations and the command use, with its range in words.</summary>
    public static IReadOnlyList<SolverOption> All { get; } =
    [
        new("eta", "0 to 1", "how much of the noise is drawn anew", options => options.Eta),
        new("churn", "0 or more", "S_churn: noise added before steps, over all steps", options => options.Churn),
        new("churn_min", "0 or more", "S_min: the lowest level with churn", options => options.ChurnMin),
        new("churn_max", "above churn_min", "S_max: the highest level with churn", options => options.ChurnMax),
        new(
            "noise_scale", "above 0", "S_noise: the standard deviation of churn's noise over its due",
            options => options.NoiseScale),
        new("order", "1 to 3, lms to 4", "evaluations that a multistep step is made of", options => options.Order),
        new("variant", "bh1 or bh2", "B(h) of UniPC", options => options.Variant),
        new("corrector", "true or false", "whether UniPC or SA-Solver corrects", options => options.Corrector),
        new("snr", "above 0", "signal-to-noise ratio of Langevin steps", options => options.Snr),
        new("corrector_steps", "0 to 1000", "Langevin steps at each level", options => options.CorrectorSteps),
        new("rtol", "above 0", "allowed error over the size of x", options => options.Rtol),
        new("atol", "above 0", "allowed error beside that", options => options.Atol),
        new("coordinate", "own, sigma, log, time or flow", "the variable that it steps in", options => options.Coordinate),
        new(
            "lower_order_final", "true or false", "whether its last steps are of lower order",
            options => options.LowerOrderFinal),
        new(
            "published_weights", "true or false", "whether dpmpp-3m weighs as its authors' program",
            options => options.PublishedWeights),
        new("solver_type", "midpoint or heun", "how dpmpp-2m weighs its last two estimates", options => options.SolverType),
        new("runge_kutta_start", "true or false", "whether plms starts as PNDM's program", options => options.RungeKuttaStart),
    ];

    /// <summary>The same with an option that is written down, as after <c>--solver-option</c> on the command line.</summary>
    /// <param name="name">One of <see cref="All"/>'s.</param>
    /// <param name="value">Its value as text.</param>
    /// <exception cref="MezzotintException">The name is unknown, or the value is not of its kind. Ranges are the solver's to
    /// check.</exception>
    public SolverOptions With(string name, string value)
    {
        ArgumentNullException.ThrowIfNull(name);
        var option = All.FirstOrDefault(option => option.Name == name) ?? throw new MezzotintException(
            $"Option {Printable.Quote(name)} is not known{Spelling.Remedy(name, All.Select(option => option.Name))}")
            { Key = name };
        MezzotintException Wrong() => new($"{name} = {Printable.Quote(value)}: must be {option.Range}.") { Key = name };
        double Number() =>
            double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number : throw Wrong();
        int Whole() =>
            int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int whole) ? whole
            : throw Wrong();
        bool Flag() => value is "true" or "false" ? value == "true" : throw Wrong();
        T Choice<T>() where T : struct, Enum => Enum.GetValues<T>().Where(choice => Text(choice) == value).ToList() is [var one]
            ? one : throw Wrong();
        return name switch
        {
            "eta" => this with { Eta = Number() },
            "churn" => this with { Churn = Number() },
            "churn_min" => this with { ChurnMin = Number() },
            "churn_max" => this with { ChurnMax = Number() },
            "noise_scale" => this with { NoiseScale = Number() },
            "order" => this with { Order = Whole() },
            "variant" => this with { Variant = Choice<UniPcVariant>() },
            "corrector" => this with { Corrector = Flag() },
            "snr" => this with { Snr = Number() },
            "corrector_steps" => this with { CorrectorSteps = Whole() },
            "rtol" => this with { Rtol = Number() },
            "atol" => this with { Atol = Number() },
            "coordinate" => this with { Coordinate = Choice<SolverCoordinate>() },
            "lower_order_final" => this with { LowerOrderFinal = Flag() },
            "published_weights" => this with { PublishedWeights = Flag() },
            "solver_type" => this with { SolverType = Choice<DpmSolverType>() },
            _ => this with { RungeKuttaStart = Flag() },
        };
    }

    /// <summary>The options that are set and their values, as text: "eta = 1, ..."; empty where none is.</summary>
    public override string ToString() => string.Join(", ", All.Where(option => option.Value(this) is not null)
        .Select(option =>
            string.Create(CultureInfo.InvariantCulture, $"{option.Name} = {option.Value(this)}").ToLowerInvariant()));

    /// <summary>A choice as configurations spell it.</summary>
    internal static string Text<T>(T choice) where T : struct, Enum => choice.ToString().ToLowerInvariant();

    internal static SolverOptions Of(Churn churn) =>
        new() { Churn = churn.Amount, ChurnMin = churn.Min, ChurnMax = churn.Max, NoiseScale = churn.NoiseScale };

    internal Churn ToChurn() =>
        new() { Amount = Churn!.Value, Min = ChurnMin!.Value, Max = ChurnMax!.Value, NoiseScale = NoiseScale!.Value };

    internal SolverOptions Or(SolverOptions defaults) => new()
    {
        Eta = Eta ?? defaults.Eta,
        Churn = Churn ?? defaults.Churn,
        ChurnMin = ChurnMin ?? defaults.ChurnMin,
        ChurnMax = ChurnMax ?? defaults.ChurnMax,
        NoiseScale = NoiseScale ?? defaults.NoiseScale,
        Order = Order ?? defaults.Order,
        Variant = Variant ?? defaults.Variant,
        Corrector = Corrector ?? defaults.Corrector,
        Snr = Snr ?? defaults.Snr,
        CorrectorSteps = CorrectorSteps ?? defaults.CorrectorSteps,
        Rtol = Rtol ?? defaults.Rtol,
        Atol = Atol ?? defaults.Atol,
        Coordinate = Coordinate ?? defaults.Coordinate,
        LowerOrderFinal = LowerOrderFinal ?? defaults.LowerOrderFinal,
        PublishedWeights = PublishedWeights ?? defaults.PublishedWeights,
        SolverType = SolverType ?? defaults.SolverType,
        RungeKuttaStart = RungeKuttaStart ?? defaults.RungeKuttaStart,
    };
}

/// <summary>One of <see cref="SolverOptions"/>.</summary>
/// <param name="Name">As configurations spell it.</param>
/// <param name="Range">What it may be.</param>
/// <param name="Meaning">What it is.</param>
/// <param name="Value">Its value in a set of options, null where unset.</param>
public sealed record SolverOption(string Name, string Range, string Meaning, Func<SolverOptions, object?> Value);
