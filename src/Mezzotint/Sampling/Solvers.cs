using Mezzotint.Sampling.Methods;
using NoiseProcess = Mezzotint.Noise.NoiseProcess; // Noise.Edm and Methods.Edm have one name

namespace Mezzotint.Sampling;

/// <summary>The named solvers. Each is a value; a program's own is made as these are, from a step
/// (<see cref="SolverLoop"/>).</summary>
public static class Solvers
{
    private const string Coordinate = "coordinate";
    private const string DpmPlusPlus = "Lu et al. 2022, arXiv 2211.01095";

    // Replaced, never changed, so that readers need no lock.
    private static (Solver Default, Func<SolverOptions, Solver> With)[] s_catalogue =
    [
        (Ddpm(), _ => Ddpm()),
        (Ddim(), o => Ddim(o.Eta!.Value)),
        (Euler(), o => Euler(o.ToChurn())),
        (EulerAncestral(), o => EulerAncestral(o.Eta!.Value)),
        (Heun(), o => Heun(o.ToChurn())),
        (Dpm2(), o => Dpm2(o.ToChurn())),
        (Dpm2Ancestral(), o => Dpm2Ancestral(o.Eta!.Value)),
        (DpmPlusPlus2S(), o => DpmPlusPlus2S(o.Eta!.Value)),
        (DpmPlusPlus2SAlternating(), _ => DpmPlusPlus2SAlternating()),
        (DpmPlusPlus2M(), o => DpmPlusPlus2M(o.LowerOrderFinal ?? false, o.SolverType ?? DpmSolverType.Midpoint)),
        (DpmPlusPlus3M(), o => DpmPlusPlus3M(o.LowerOrderFinal ?? false, o.PublishedWeights ?? false)),
        (DpmPlusPlusSde(), o => DpmPlusPlusSde(o.Eta!.Value)),
        (DpmPlusPlus2MSde(), o =>
            DpmPlusPlus2MSde(o.Eta!.Value, o.LowerOrderFinal ?? false, o.SolverType ?? DpmSolverType.Midpoint)),
        (DpmPlusPlus3MSde(), o =>
            DpmPlusPlus3MSde(o.Eta!.Value, o.LowerOrderFinal ?? false, o.PublishedWeights ?? false)),
        (Lms(), o => Lms(o.Order!.Value, o.LowerOrderFinal ?? false)),
        (Plms(), o => Plms(o.RungeKuttaStart ?? false, o.LowerOrderFinal ?? false)),
        (Ipndm(), o => Ipndm(o.Order!.Value, o.LowerOrderFinal ?? false)),
        (Deis(), o => Deis(o.Order!.Value, o.LowerOrderFinal ?? false)),
        (UniPc(), o =>
            UniPc(o.Order!.Value, o.Variant!.Value, o.Corrector!.Value, o.LowerOrderFinal ?? false)),
        (StochasticAdams(), o =>
            StochasticAdams(o.Order!.Value, o.Eta!.Value, o.Corrector!.Value, o.LowerOrderFinal ?? false)),
        (Lcm(), _ => Lcm()),
        (PredictorCorrector(), o => PredictorCorrector(o.Snr!.Value, o.CorrectorSteps!.Value)),
        (Dopri5(), o => Dopri5(o.Rtol!.Value, o.Atol!.Value)),
    ];

    private static readonly Lock Adding = new();

    /// <summary>All of them with their default options, those that <see cref="Register"/> has added at the end.</summary>
    public static IReadOnlyList<Solver> All => [.. s_catalogue.Select(entry => entry.Default)];

    private static IEnumerable<string> Names => All.Select(solver => solver.Name).Prepend(EulerMaruyama.Name);

    /// <summary>Adds a solver of a program's own: from then on its name stands for it in configurations, options and
    /// receipts.</summary>
    /// <param name="solver">The solver with its default options. Adding the same one again changes nothing.</param>
    /// <param name="with">The solver with other options, all of those that it takes; null where it takes none.</param>
    /// <exception cref="MezzotintException">Another solver has the name.</exception>
    public static void Register(Solver solver, Func<SolverOptions, Solver>? with = null)
    {
        ArgumentNullException.ThrowIfNull(solver);
        lock (Adding)
        {
            var known = All.FirstOrDefault(known => known.Name == solver.Name);
            if (ReferenceEquals(known, solver))
                return;
            if (known is not null || solver.Name == EulerMaruyama.Name)
                throw new MezzotintException($"A sampler '{solver.Name}' exists already: give this one another name.")
                    { Key = "sampler" };
            s_catalogue = [.. s_catalogue, (solver, with ?? (_ => solver))];
        }
    }

    /// <summary>The solver of a name.</summary>
    /// <param name="name">One of <see cref="All"/>'s.</param>
    /// <param name="options">Those that differ from the defaults.</param>
    /// <exception cref="MezzotintException">No solver has this name, it does not take one of the options, or one is out of its
    /// range.</exception>
    public static Solver Named(string name, SolverOptions? options = null) => Find(name, null, options);

    private static Solver Find(string name, NoiseProcess? process, SolverOptions? options)
    {
        ArgumentNullException.ThrowIfNull(name);
        var (found, with) = s_catalogue.FirstOrDefault(entry => entry.Default.Name == name);
        if (found is null)
            throw new MezzotintException($"Sampler '{name}' is not known{Spelling.Remedy(name, Names)}") { Key = "sampler" };
        if (options is null)
            return found;
        foreach (var option in SolverOptions.All)
            if (option.Value(options) is not null && !Takes(found, option) && option.Name != Coordinate)
                throw new MezzotintException($"Sampler '{name}' takes no {option.Name}; it takes {Takes(found)}.")
                    { Key = "sampler" };
        var own = with((options with { Coordinate = null }).Or(found.Options));
        return options.Coordinate is { } coordinate ? own.In(coordinate, process) : own;
    }

    /// <summary>The solver of a name, the seed's <see cref="EulerMaruyama"/> included, which steps in the time of a
    /// process.</summary>
    /// <param name="name">"euler-maruyama", or one of <see cref="All"/>'s.</param>
    /// <param name="process">The process that the network was trained in.</param>
    /// <param name="options">Those that differ from the defaults.</param>
    /// <exception cref="MezzotintException">As for a name alone.</exception>
    public static Solver Named(string name, NoiseProcess process, SolverOptions? options = null)
    {
        if (name != EulerMaruyama.Name)
            return Find(name, process, options);
        if (SolverOptions.All.FirstOrDefault(option => options is not null && option.Value(options) is not null) is { } given)
            throw new MezzotintException(
                $"Sampler '{name}' takes no {given.Name}, nor any other option. `mezzotint samplers` says which one takes what.")
                { Key = "sampler" };
        return EulerMaruyama.For(process);
    }

    /// <summary>
    /// The options that a solver is best given where nothing else is asked for, over the levels of
    /// <see cref="Mezzotint.Noise.NoiseLevels.Flow"/>: those with the least error on a distribution that is known exactly, which
    /// are the same for every process (docs/solver-errors.md).
    /// </summary>
    /// <param name="name">A name of <see cref="All"/>; of others the options are none.</param>
    public static SolverOptions Recommended(string name) => name switch
    {
        "heun" or "dpm2" or "dpmpp-2s" or "dpmpp-2s-alternating" or "lms" or "plms" or "ipndm" or "deis" =>
            new() { Coordinate = SolverCoordinate.Flow },
        "dpmpp-2m" or "dpmpp-3m" => new() { Coordinate = SolverCoordinate.Flow, LowerOrderFinal = true },
        "unipc" => new() { LowerOrderFinal = true },
        _ => new(),
    };

    /// <summary>DDPM's ancestral sampling with the posterior's variance (Ho et al. 2020, equation 7): <see cref="Ddim"/> with eta
    /// = 1.</summary>
    public static Solver Ddpm() =>
        Ancestral.Create("ddpm", 1, false, "Ho et al. 2020, arXiv 2006.11239, algorithm 2, equation 7");

    /// <summary>DDIM, in these coordinates Euler's method; with eta some of the noise is drawn anew.</summary>
    /// <param name="eta">0 to 1.</param>
    public static Solver Ddim(double eta = 0) =>
        Ancestral.Create("ddim", eta, true, "Song et al. 2021, arXiv 2010.02502, equations 12 and 16");

    /// <summary>Euler's method.</summary>
    /// <param name="churn">Noise before each step; none by default.</param>
    public static Solver Euler(Churn? churn = null) => Edm.Euler(churn ?? new());

    /// <summary>Euler's method down to a lower level, then noise back up: the formula of <see cref="Ddim"/>.</summary>
    /// <param name="eta">0 to 1.</param>
    public static Solver EulerAncestral(double eta = 1) =>
        Ancestral.Create("euler-ancestral", eta, true, "k-diffusion, sample_euler_ancestral");

    /// <summary>Heun's second-order method, two evaluations a step.</summary>
    /// <param name="churn">Noise before each step; none by default.</param>
    public static Solver Heun(Churn? churn = null) => Edm.Heun(churn ?? new());

    /// <summary>DPM-Solver-2: the midpoint rule in ln sigma.</summary>
    /// <param name="churn">Noise before each step; none by default.</param>
    public static Solver Dpm2(Churn? churn = null) => DpmSolver.Second(churn ?? new());

    /// <summary><see cref="Dpm2"/> down to a lower level, then noise back up.</summary>
    /// <param name="eta">0 to 1.</param>
    public static Solver Dpm2Ancestral(double eta = 1) => DpmSolver.SecondAncestral(eta);

    /// <summary>DPM-Solver++(2S); above eta = 0 it goes to a lower level, then noise back up.</summary>
    /// <param name="eta">0 to 1.</param>
    public static Solver DpmPlusPlus2S(double eta = 0) => DpmSolverPlusPlus.SecondSinglestep(eta);

    /// <summary>DPM-Solver++(2S) over pairs of levels, the first of which is the look at the middle: second order at one
    /// evaluation a step.</summary>
    public static Solver DpmPlusPlus2SAlternating() => DpmSolverPlusPlus.SecondAlternating();

    /// <summary>DPM-Solver++(2M): second order at one evaluation a step.</summary>
    /// <param name="lowerOrderFinal">As <see cref="SolverOptions.LowerOrderFinal"/>.</param>
    /// <param name="type">How the last two estimates are weighed.</param>
    public static Solver DpmPlusPlus2M(bool lowerOrderFinal = false, DpmSolverType type = DpmSolverType.Midpoint) =>
        DpmSolverPlusPlus.SecondMultistep("dpmpp-2m", 0, false, $"{DpmPlusPlus}, algorithm 2", lowerOrderFinal, type);

    /// <summary>DPM-Solver++ of third order at one evaluation a step.</summary>
    /// <param name="lowerOrderFinal">As <see cref="SolverOptions.LowerOrderFinal"/>.</param>
    /// <param name="publishedWeights">Whether the second difference is weighed as in the authors' program, by half of what makes
    /// the method of third order: then it is of second, and at 10 to 20 steps often errs less.</param>
    public static Solver DpmPlusPlus3M(bool lowerOrderFinal = false, bool publishedWeights = false) =>
        DpmSolverPlusPlus.ThirdMultistep(
            "dpmpp-3m", 0, false, $"{DpmPlusPlus}; third order: the authors' program, with its second derivative mended",
            lowerOrderFinal, publishedWeights);

    /// <summary>The stochastic single-step solver of k-diffusion.</summary>
    /// <param name="eta">0 to 1; 0 is <see cref="DpmPlusPlus2S"/>.</param>
    public static Solver DpmPlusPlusSde(double eta = 1) => DpmSolverPlusPlus.SinglestepSde(eta);

    /// <summary>SDE-DPM-Solver++(2M).</summary>
    /// <param name="eta">0 or more; 0 is <see cref="DpmPlusPlus2M"/>, 1 the paper's.</param>
    /// <param name="lowerOrderFinal">As <see cref="SolverOptions.LowerOrderFinal"/>.</param>
    /// <param name="type">How the last two estimates are weighed.</param>
    public static Solver DpmPlusPlus2MSde(
        double eta = 1, bool lowerOrderFinal = false, DpmSolverType type = DpmSolverType.Midpoint) =>
        DpmSolverPlusPlus.SecondMultistep(
            "dpmpp-2m-sde", eta, true, $"{DpmPlusPlus}, SDE-DPM-Solver++(2M)", lowerOrderFinal, type);

    /// <summary>The same with a parabola through three values.</summary>
    /// <param name="eta">0 or more; 0 is <see cref="DpmPlusPlus3M"/>.</param>
    /// <param name="lowerOrderFinal">As <see cref="SolverOptions.LowerOrderFinal"/>.</param>
    /// <param name="publishedWeights">As for <see cref="DpmPlusPlus3M"/>.</param>
    public static Solver DpmPlusPlus3MSde(double eta = 1, bool lowerOrderFinal = false, bool publishedWeights = false) =>
        DpmSolverPlusPlus.ThirdMultistep(
            "dpmpp-3m-sde", eta, true, "k-diffusion, sample_dpmpp_3m_sde, with its second derivative mended", lowerOrderFinal,
            publishedWeights);

    /// <summary>Adams-Bashforth with polynomials in sigma.</summary>
    /// <param name="order">1 to 4.</param>
    /// <param name="lowerOrderFinal">As <see cref="SolverOptions.LowerOrderFinal"/>.</param>
    public static Solver Lms(int order = 4, bool lowerOrderFinal = false) => LinearMultistep.Lms(order, lowerOrderFinal);

    /// <summary>PNDM's linear multistep method with fixed weights.</summary>
    /// <param name="rungeKuttaStart">Whether it starts with three Runge-Kutta steps, nine evaluations more; else with one of
    /// Heun's.</param>
    /// <param name="lowerOrderFinal">As <see cref="SolverOptions.LowerOrderFinal"/>.</param>
    public static Solver Plms(bool rungeKuttaStart = false, bool lowerOrderFinal = false) =>
        LinearMultistep.Plms(rungeKuttaStart, lowerOrderFinal);

    /// <summary>Improved PNDM: the same weights without any start, one evaluation a step.</summary>
    /// <param name="order">1 to 4: how many slopes a step is made of.</param>
    /// <param name="lowerOrderFinal">As <see cref="SolverOptions.LowerOrderFinal"/>.</param>
    public static Solver Ipndm(int order = 4, bool lowerOrderFinal = false) => LinearMultistep.Ipndm(order, lowerOrderFinal);

    /// <summary>tAB-DEIS: Adams-Bashforth with polynomials in the time of the VP process.</summary>
    /// <param name="order">1 to 3.</param>
    /// <param name="lowerOrderFinal">As <see cref="SolverOptions.LowerOrderFinal"/>.</param>
    public static Solver Deis(int order = 3, bool lowerOrderFinal = false) => LinearMultistep.Deis(order, lowerOrderFinal);

    /// <summary>UniPC: a multistep predictor and a corrector that costs no evaluation, of order + 1 together.</summary>
    /// <param name="order">The predictor's: 1 to 3.</param>
    /// <param name="variant">B(h).</param>
    /// <param name="corrector">Whether to correct.</param>
    /// <param name="lowerOrderFinal">As <see cref="SolverOptions.LowerOrderFinal"/>.</param>
    public static Solver UniPc(
        int order = 2, UniPcVariant variant = UniPcVariant.Bh2, bool corrector = true, bool lowerOrderFinal = false) =>
        Methods.UniPc.Create(order, variant, corrector, lowerOrderFinal);

    /// <summary>SA-Solver: a stochastic multistep predictor and a corrector that costs no evaluation.</summary>
    /// <param name="order">The predictor's: 1 to 3. Without noise, predictor and corrector are of order + 1 together.</param>
    /// <param name="eta">0 or more: how much noise is drawn anew; the authors' tau squared, here the same at all levels. 0 for
    /// none.</param>
    /// <param name="corrector">Whether to correct.</param>
    /// <param name="lowerOrderFinal">As <see cref="SolverOptions.LowerOrderFinal"/>.</param>
    public static Solver StochasticAdams(
        int order = 2, double eta = 1, bool corrector = true, bool lowerOrderFinal = false) =>
        Methods.StochasticAdams.Create(order, eta, corrector, lowerOrderFinal);

    /// <summary>Multistep consistency sampling, for models distilled to it.</summary>
    public static Solver Lcm() => Consistency.Lcm();

    /// <summary>The reverse diffusion predictor with Langevin correctors.</summary>
    /// <param name="snr">Above 0: the signal-to-noise ratio of the Langevin steps.</param>
    /// <param name="correctorSteps">0 to 1000 at each level.</param>
    public static Solver PredictorCorrector(double snr = 0.16, int correctorSteps = 1) =>
        Methods.PredictorCorrector.Create(snr, correctorSteps);

    /// <summary>The adaptive Runge-Kutta method of Dormand and Prince, of order 5.</summary>
    /// <param name="rtol">The allowed error of a step over the size of x, above 0.</param>
    /// <param name="atol">The allowed error beside that, above 0, in the data's units.</param>
    public static Solver Dopri5(double rtol = 1e-5, double atol = 1e-5) => DormandPrince.Create(rtol, atol);

    private static bool Takes(Solver solver, SolverOption option) =>
        option.Value(solver.Options) is not null || solver.Switches.Contains(option.Name)
        || option.Name == Coordinate && solver.Coordinates.Count > 1;

    private static string Takes(Solver solver)
    {
        string[] names = [.. SolverOptions.All.Where(option => Takes(solver, option)).Select(option => option.Name)];
        return names.Length == 0 ? "none" : string.Join(", ", names);
    }
}
