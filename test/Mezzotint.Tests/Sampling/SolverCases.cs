using Mezzotint.Sampling;

namespace Mezzotint.Tests.Sampling;

/// <summary>Every solver and every option that changes its formula, by the names that the golden values use.</summary>
internal static class SolverCases
{
    private static readonly Churn Churn = new() { Amount = 6, Min = 0.3, Max = 8, NoiseScale = 1.01 };

    public static IReadOnlyDictionary<string, Solver> All { get; } = new Dictionary<string, Solver>
    {
        ["ddpm"] = Solvers.Ddpm(),
        ["ddim"] = Solvers.Ddim(),
        ["ddim eta 0.5"] = Solvers.Ddim(0.5),
        ["euler"] = Solvers.Euler(),
        ["euler churn"] = Solvers.Euler(Churn),
        ["euler-ancestral"] = Solvers.EulerAncestral(),
        ["heun"] = Solvers.Heun(),
        ["heun churn"] = Solvers.Heun(Churn),
        ["dpm2"] = Solvers.Dpm2(),
        ["dpm2 churn"] = Solvers.Dpm2(Churn),
        ["dpm2-ancestral"] = Solvers.Dpm2Ancestral(),
        ["dpmpp-2s"] = Solvers.DpmPlusPlus2S(),
        ["dpmpp-2s eta 1"] = Solvers.DpmPlusPlus2S(1),
        ["dpmpp-2m"] = Solvers.DpmPlusPlus2M(),
        ["dpmpp-3m"] = Solvers.DpmPlusPlus3M(),
        ["dpmpp-sde"] = Solvers.DpmPlusPlusSde(),
        ["dpmpp-2m-sde"] = Solvers.DpmPlusPlus2MSde(),
        ["dpmpp-2m-sde eta 0.7"] = Solvers.DpmPlusPlus2MSde(0.7),
        ["dpmpp-3m-sde"] = Solvers.DpmPlusPlus3MSde(),
        ["lms"] = Solvers.Lms(),
        ["lms order 1"] = Solvers.Lms(1),
        ["lms order 2"] = Solvers.Lms(2),
        ["lms order 3"] = Solvers.Lms(3),
        ["plms"] = Solvers.Plms(),
        ["deis"] = Solvers.Deis(),
        ["deis order 1"] = Solvers.Deis(1),
        ["deis order 2"] = Solvers.Deis(2),
        ["unipc"] = Solvers.UniPc(),
        ["unipc bh1"] = Solvers.UniPc(2, UniPcVariant.Bh1),
        ["unipc order 1"] = Solvers.UniPc(1),
        ["unipc order 1 no corrector"] = Solvers.UniPc(1, corrector: false),
        ["unipc order 2 no corrector"] = Solvers.UniPc(2, corrector: false),
        ["unipc order 2 bh1 no corrector"] = Solvers.UniPc(2, UniPcVariant.Bh1, corrector: false),
        ["unipc order 3"] = Solvers.UniPc(3),
        ["unipc order 3 bh1 no corrector"] = Solvers.UniPc(3, UniPcVariant.Bh1, corrector: false),
        ["sa-solver"] = Solvers.StochasticAdams(),
        ["sa-solver order 3 eta 0.5"] = Solvers.StochasticAdams(3, 0.5),
        ["sa-solver no corrector"] = Solvers.StochasticAdams(corrector: false),
        ["sa-solver order 1 eta 0"] = Solvers.StochasticAdams(1, 0),
        ["sa-solver order 2 eta 0"] = Solvers.StochasticAdams(2, 0),
        ["sa-solver order 3 eta 0 no corrector"] = Solvers.StochasticAdams(3, 0, corrector: false),
        ["sa-solver order 3 lower final"] = Solvers.StochasticAdams(3, lowerOrderFinal: true),
        ["lcm"] = Solvers.Lcm(),
        ["predictor-corrector"] = Solvers.PredictorCorrector(0.16, 2),
        ["heun flow"] = Solvers.Heun().In(SolverCoordinate.Flow),
        ["heun log"] = Solvers.Heun().In(SolverCoordinate.Log),
        ["dpm2 flow"] = Solvers.Dpm2().In(SolverCoordinate.Flow),
        ["dpmpp-2s flow"] = Solvers.DpmPlusPlus2S().In(SolverCoordinate.Flow),
        ["dpmpp-2s-alternating"] = Solvers.DpmPlusPlus2SAlternating(),
        ["dpmpp-2m flow"] = Solvers.DpmPlusPlus2M().In(SolverCoordinate.Flow),
        ["dpmpp-2m heun"] = Solvers.DpmPlusPlus2M(type: DpmSolverType.Heun),
        ["dpmpp-2m-sde heun"] = Solvers.DpmPlusPlus2MSde(type: DpmSolverType.Heun),
        ["dpmpp-3m flow"] = Solvers.DpmPlusPlus3M().In(SolverCoordinate.Flow),
        ["dpmpp-3m flow lower final"] = Solvers.DpmPlusPlus3M(lowerOrderFinal: true).In(SolverCoordinate.Flow),
        ["dpmpp-3m published"] = Solvers.DpmPlusPlus3M(publishedWeights: true),
        ["lms flow"] = Solvers.Lms().In(SolverCoordinate.Flow),
        ["lms order 3 flow"] = Solvers.Lms(3).In(SolverCoordinate.Flow),
        ["plms runge-kutta"] = Solvers.Plms(rungeKuttaStart: true),
        ["ipndm"] = Solvers.Ipndm(),
        ["deis log"] = Solvers.Deis().In(SolverCoordinate.Log),
        ["deis flow"] = Solvers.Deis().In(SolverCoordinate.Flow),
        ["unipc order 3 lower final"] = Solvers.UniPc(3, lowerOrderFinal: true),
        ["dopri5"] = Solvers.Dopri5(),
    };

    public static TheoryData<string> Names { get; } = [.. All.Keys];

    public static TheoryData<string> Deterministic { get; } =
    [
        .. All.Where(entry => !entry.Value.Stochastic).Select(entry => entry.Key),
    ];

    public static TheoryData<string> Stochastic { get; } =
    [
        .. All.Where(entry => entry.Value.Stochastic).Select(entry => entry.Key),
    ];
}
