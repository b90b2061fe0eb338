using Mezzotint.Noise;
using Mezzotint.Sampling;
using Mezzotint.Settings;

namespace Mezzotint.Models.Diffusers;

/// <summary>
/// The file <c>scheduler/scheduler_config.json</c>: the noise process of discrete time, what the network predicts, and how
/// diffusers samples it.
/// </summary>
/// <remarks>
/// <c>steps_offset</c> is 1 and samples are not clipped, whatever the file says: that is how the pipeline of diffusers takes it.
/// </remarks>
internal sealed record DiffusersScheduler
{
    private const string Heun = "heun", Leading = "leading", Trailing = "trailing", Linspace = "linspace";

    private const string TrainedBetas = "trained_betas", SigmaMin = "sigma_min", ClassKey = "class_name";

    private const string Multistep = "dpmpp-2m", Singlestep = "dpmpp-2s-alternating";

    /// <summary>Levels, and changes of estimates, that are not diffusers' default and not known here by a name.</summary>
    private static readonly string[] OtherWays =
        ["use_lu_lambdas", "use_exponential_sigmas", "use_beta_sigmas", "thresholding"];

    /// <summary>The classes of diffusers, each with our solver, how it spaces timesteps where nothing is said, and whether it
    /// ends at the first entry where nothing is said (null where it ends at 0 always).</summary>
    private static readonly (string Class, string Sampler, string Spacing, bool? EndsAtFirst)[] Classes =
    [
        ("DDIMScheduler", "ddim", Leading, false), ("PNDMScheduler", "plms", Leading, true),
        ("DDPMScheduler", "ddpm", Leading, null), ("EulerDiscreteScheduler", "euler", Linspace, null),
        ("EulerAncestralDiscreteScheduler", "euler-ancestral", Linspace, null),
        ("HeunDiscreteScheduler", "heun", Linspace, null), ("LMSDiscreteScheduler", "lms", Linspace, null),
        ("KDPM2DiscreteScheduler", "dpm2", Linspace, null),
        ("KDPM2AncestralDiscreteScheduler", "dpm2-ancestral", Linspace, null),
        ("DPMSolverMultistepScheduler", Multistep, Linspace, null),
        ("DPMSolverSinglestepScheduler", Singlestep, Linspace, null), ("UniPCMultistepScheduler", "unipc", Linspace, null),
        ("DEISMultistepScheduler", "deis", Linspace, null), ("LCMScheduler", "lcm", Leading, null),
        ("SASolverScheduler", "sa-solver", Linspace, null),
        ("DPMSolverSDEScheduler", "dpmpp-sde", Linspace, null),
    ];

    /// <summary>The class of diffusers.</summary>
    public string ClassName { get; init; } = "DDIMScheduler";

    /// <summary>beta of the first entry.</summary>
    public double BetaStart { get; init; } = 0.0001;

    /// <summary>beta of the last entry.</summary>
    public double BetaEnd { get; init; } = 0.02;

    /// <summary>"linear", "scaled_linear" or "squaredcos_cap_v2".</summary>
    public string BetaSchedule { get; init; } = "linear";

    /// <summary>T, the entries of the table.</summary>
    public int NumTrainTimesteps { get; init; } = 1000;

    /// <summary>"epsilon", "v_prediction" or "sample".</summary>
    public string PredictionType { get; init; } = "epsilon";

    /// <summary>"leading", "trailing" or "linspace"; null for the class's own.</summary>
    public string? TimestepSpacing { get; init; }

    /// <summary>Whether the walk ends without noise, and not at the first entry; null for the class's own.</summary>
    public bool? SetAlphaToOne { get; init; }

    /// <summary>Whether the table is made to end without signal.</summary>
    public bool RescaleBetasZeroSnr { get; init; }

    /// <summary>Whether levels are Karras et al.'s.</summary>
    public bool UseKarrasSigmas { get; init; }

    /// <summary>The order of DPM-Solver++.</summary>
    public int SolverOrder { get; init; } = 2;

    /// <summary>Of multistep methods: "sigma_min" ends at the first entry; null, or "zero", at 0.</summary>
    public string? FinalSigmasType { get; init; }

    /// <summary>"dpmsolver++", or "sde-dpmsolver++".</summary>
    public string AlgorithmType { get; init; } = "dpmsolver++";

    /// <summary>"midpoint", or "heun": how DPM-Solver++ of order 2 weighs.</summary>
    public string SolverType { get; init; } = "midpoint";

    /// <summary>The process: its network sees timesteps.</summary>
    public NoiseProcess Process
    {
        get
        {
            NoiseSchedule schedule = BetaSchedule switch
            {
                "linear" => TableSchedule.Linear(BetaStart, BetaEnd, NumTrainTimesteps),
                "scaled_linear" => TableSchedule.ScaledLinear(BetaStart, BetaEnd, NumTrainTimesteps),
                _ => new CosineSchedule().ToTable(NumTrainTimesteps),
            };
            return new VariancePreserving
            {
                Schedule = RescaleBetasZeroSnr ? schedule.WithZeroTerminalSnr() : schedule, Timesteps = true,
            };
        }
    }

    /// <summary>What the network predicts.</summary>
    public Parameterisation Parameterisation => PredictionType switch
    {
        "epsilon" => new EpsilonParameterisation(),
        "sample" => new ImageParameterisation(),
        _ => new VelocityParameterisation(),
    };

    /// <summary>The name of our solver that does what the class does.</summary>
    public string Sampler => Own.Sampler != Multistep ? Own.Sampler
        : (SolverOrder == 3 ? "dpmpp-3m" : Multistep)
            + (AlgorithmType.StartsWith("sde", StringComparison.Ordinal) ? "-sde" : "");

    private (string Class, string Sampler, string Spacing, bool? EndsAtFirst) Own =>
        Array.Find(Classes, own => own.Class == ClassName);

    /// <summary>False for multistep methods, which space one timestep more than there are steps and leave the last out.</summary>
    private bool TakesLastPart => Own.Sampler is not (Multistep or Singlestep or "unipc" or "deis" or "sa-solver");

    /// <summary>Whether it is for latent consistency models, which have timesteps of their own and few of them.</summary>
    private bool IsConsistency => Own.Sampler == "lcm";

    private string Spacing => TimestepSpacing ?? Own.Spacing;

    private bool EndsAtFirst => FinalSigmasType == SigmaMin
        || Own.EndsAtFirst is { } own && (SetAlphaToOne is { } one ? !one : own);

    /// <summary>The levels that diffusers walks over.</summary>
    /// <param name="steps">The number of steps.</param>
    /// <returns>steps + 1 levels.</returns>
    /// <exception cref="MezzotintException">There are more steps than entries.</exception>
    public double[] Levels(int steps)
    {
        var process = Process;
        if (UseKarrasSigmas)
            return NoiseLevels.Karras(process, steps);
        if (IsConsistency)
            return NoiseLevels.Lcm(process, steps);
        int last = NumTrainTimesteps - 1, parts = TakesLastPart ? steps : steps + 1;
        int apart = NumTrainTimesteps / Math.Max(1, parts);
        Check.Range("steps", steps, steps >= 1 && steps < NumTrainTimesteps, $"between 1 and {last}");
        double Timestep(int i) => Spacing switch
        {
            Leading => (parts - 1 - i) * apart + 1,
            Trailing => Math.Round(NumTrainTimesteps - i * (double)NumTrainTimesteps / steps) - 1,
            _ when Own.EndsAtFirst is not null || !TakesLastPart => Math.Round(Even(i)), // not Euler's and its kin
            _ => Even(i),
        };
        double Even(int i) => parts == 1 ? (Own.EndsAtFirst is null ? last : 0) : last * (1 - i / (parts - 1.0));
        double Level(double timestep) // between two entries on a straight line, as diffusers has it
        {
            int below = (int)Math.Min(Math.Floor(timestep), last);
            double share = timestep - below;
            double At(int index) => process.Level(process.Table!.TimeOf(index));
            return share == 0 ? At(below) : (1 - share) * At(below) + share * At(below + 1);
        }
        double end = EndsAtFirst ? Level(0) : 0;
        double[] levels = [.. Enumerable.Range(0, steps).Select(i => Level(Timestep(i)))];
        return levels[^1] > end ? [.. levels, end] : [.. levels[..^1], end]; // the last entry may be the first of the table
    }

    /// <summary>How the model is sampled where nothing else is asked, as near to diffusers as names say.</summary>
    public SamplingRecipe Recipe => new()
    {
        Sampler = Sampler,
        Steps = IsConsistency ? 4 : 50,
        Options = Own.Sampler != Multistep ? null
            : SolverOrder == 3 ? new() { PublishedWeights = true }
            : SolverType == Heun ? new() { SolverType = DpmSolverType.Heun } : null,
        Levels = UseKarrasSigmas ? "karras" : IsConsistency ? "lcm" : Spacing == Leading ? "leading-plus-one" : Spacing,
        LeavesNoise = Spacing == Leading && EndsAtFirst && !IsConsistency ? true : null,
        Guidance = IsConsistency ? 8.5 : 7.5,
    };

    /// <summary>Reads a file.</summary>
    /// <exception cref="MezzotintException">It is damaged, or says what is not supported; the message names it.</exception>
    public static DiffusersScheduler Read(string path)
    {
        var file = DiffusersConfig.Parse(path);
        if (file.Entries.GetValueOrDefault(DiffusersConfig.Class) is { } named)
            file.Entries[ClassKey] = Classes.Any(known => known.Class.Equals(named.Value)) ? named
                : throw new MezzotintException(
                    $"{named.Place}: '{DiffusersConfig.Class}' is {named.Description}, which is not known; there are "
                    + $"{string.Join(", ", Classes.Select(known => known.Class))}.") { Key = DiffusersConfig.Class };
        DiffusersConfig.TakeOnly(file, TrainedBetas, [null]);
        foreach (string key in OtherWays)
            DiffusersConfig.TakeOnly(file, key, false, null);
        var scheduler = DiffusersConfig.Read<DiffusersScheduler>(file);
        file.Validate(scheduler.Validate);
        return scheduler;
    }

    /// <summary>Whether the file has words for a process and what a network predicts.</summary>
    public static bool CanSay(NoiseProcess process, Parameterisation parameterisation) =>
        WordsOf(process) is not null && WordOf(parameterisation) is not null;

    /// <summary>What the file says of a model.</summary>
    /// <param name="process">Its process.</param>
    /// <param name="parameterisation">What its network predicts.</param>
    /// <param name="recipe">How it is sampled.</param>
    /// <exception cref="MezzotintException">The file has no words for the process, or for what is predicted.</exception>
    public static DiffusersScheduler Of(NoiseProcess process, Parameterisation parameterisation, SamplingRecipe recipe)
    {
        var (name, first, last, count, zero) = WordsOf(process) ?? throw new MezzotintException(
            "The process has no words in scheduler_config.json: train with process.kind = \"vp\", process.timesteps = true and a "
            + "schedule with a table_length: linear, scaled-linear, or cosine with its offset of 0.008.") { Key = "process" };
        string prediction = WordOf(parameterisation) ?? throw new MezzotintException(
            "The parameterisation has no words in scheduler_config.json: take epsilon, v or x0.")
            { Key = "parameterisation.kind" };
        var own = Array.Find(Classes, own => own.Sampler == recipe.Sampler) is { Class: not null } found ? found : Classes[0];
        return new()
        {
            ClassName = own.Class,
            BetaSchedule = name,
            BetaStart = first / count,
            BetaEnd = last / count,
            NumTrainTimesteps = count,
            PredictionType = prediction,
            TimestepSpacing = recipe.Levels is Trailing or Linspace ? recipe.Levels : Leading,
            SetAlphaToOne = own.EndsAtFirst is null ? null : recipe.LeavesNoise != true,
            RescaleBetasZeroSnr = zero,
            UseKarrasSigmas = recipe.Levels == "karras",
        };
    }

    /// <summary>Writes the file.</summary>
    public void Write(string path)
    {
        var settings = SettingsBinder.Write(this with { TimestepSpacing = Spacing, ClassName = "" }, complete: true);
        foreach (string key in new[] { ClassKey, "solver_order", "algorithm_type", "solver_type" })
            settings.Entries.Remove(key);
        if (!UseKarrasSigmas)
            settings.Entries.Remove("use_karras_sigmas");
        DiffusersConfig.Add(settings, "clip_sample", false);
        DiffusersConfig.Add(settings, "skip_prk_steps", true);
        DiffusersConfig.Add(settings, "steps_offset", 1L);
        DiffusersConfig.Add(settings, TrainedBetas, null);
        DiffusersConfig.Write(path, settings, ClassName);
    }

    private static (string Name, double First, double Last, int Count, bool ZeroTerminal)? WordsOf(NoiseProcess process)
    {
        if (process is not VariancePreserving
            {
                Timesteps: true, Schedule: TableSchedule { Recipe: var (source, count, zero) } own,
            } || process.MinimumTime != own.MinimumTime)
            return null;
        return source switch
        {
            LinearSchedule linear => ("linear", linear.BetaMin, linear.BetaMax, count, zero),
            ScaledLinearSchedule scaled => ("scaled_linear", scaled.BetaMin, scaled.BetaMax, count, zero),
            CosineSchedule { Offset: 0.008 } => ("squaredcos_cap_v2", 0.1, 20, count, zero),
            _ => null,
        };
    }

    private static string? WordOf(Parameterisation parameterisation) => parameterisation switch
    {
        EpsilonParameterisation => "epsilon",
        VelocityParameterisation => "v_prediction",
        ImageParameterisation => "sample",
        _ => null,
    };

    internal void Validate()
    {
        Check.Range("num_train_timesteps", NumTrainTimesteps, NumTrainTimesteps is >= 2 and <= TableSchedule.MaximumCount,
            $"between 2 and {TableSchedule.MaximumCount}");
        Check.Range("beta_start", BetaStart, BetaStart is > 0 and < 1, "more than 0 and below 1");
        Check.Range("beta_end", BetaEnd, BetaEnd >= BetaStart && BetaEnd < 1, "beta_start or more, and below 1");
        Check.Range("beta_schedule", Printable.Quote(BetaSchedule),
            BetaSchedule is "linear" or "scaled_linear" or "squaredcos_cap_v2", "linear, scaled_linear or squaredcos_cap_v2");
        Check.Range("prediction_type", Printable.Quote(PredictionType),
            PredictionType is "epsilon" or "v_prediction" or "sample", "epsilon, v_prediction or sample");
        Check.Range("final_sigmas_type", Printable.Quote(FinalSigmasType ?? "zero"),
            FinalSigmasType is null or "zero" or SigmaMin, $"zero or {SigmaMin}");
        Check.Range("timestep_spacing", Printable.Quote(Spacing), Spacing is Leading or Trailing or Linspace,
            "leading, trailing or linspace");
        Parameterisation.Validate(Process);
    }
}
