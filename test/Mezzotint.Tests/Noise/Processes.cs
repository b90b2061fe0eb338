using System.Text.Json;
using CsCheck;
using Mezzotint.Noise;

namespace Mezzotint.Tests.Noise;

/// <summary>One of each kind of process, and any process at all; the reference numbers of Golden/noise.</summary>
internal static class Processes
{
    /// <summary>Golden/noise/noise_reference.json: 50-digit arithmetic, see noise_reference.py beside it.</summary>
    public static readonly JsonElement Reference = JsonDocument.Parse(
        File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden", "noise", "noise_reference.json"))).RootElement;

    public static readonly IReadOnlyDictionary<string, NoiseProcess> All = new Dictionary<string, NoiseProcess>
    {
        ["variance-exploding"] = new VarianceExploding(),
        ["linear"] = new VariancePreserving(),
        ["scaled-linear"] = new VariancePreserving { Schedule = new ScaledLinearSchedule() },
        ["cosine"] = new VariancePreserving { Schedule = new CosineSchedule() },
        ["sigmoid"] = new VariancePreserving { Schedule = new SigmoidSchedule() },
        ["sigmoid-shifted"] = new VariancePreserving { Schedule = new SigmoidSchedule { Start = 0, Temperature = 0.3 } },
        ["linear-zero-terminal"] = new VariancePreserving { Schedule = new LinearSchedule().WithZeroTerminalSnr() },
        ["scaled-linear-zero-terminal"] = new VariancePreserving { Schedule = new ScaledLinearSchedule().WithZeroTerminalSnr() },
        ["linear-table"] = new VariancePreserving { Schedule = new LinearSchedule().ToTable(1000) },
        ["cosine-table"] = new VariancePreserving { Schedule = new CosineSchedule().ToTable(1000) },
        ["sigmoid-table"] = new VariancePreserving { Schedule = new SigmoidSchedule().ToTable(1000) },
        ["scaled-linear-zero-terminal-table"] = new VariancePreserving
            { Schedule = new ScaledLinearSchedule().ToTable(1000).WithZeroTerminalSnr() },
        ["sub-variance-preserving"] = new SubVariancePreserving(),
        ["sub-variance-preserving-cosine"] = new SubVariancePreserving { Schedule = new CosineSchedule() },
        ["sub-variance-preserving-table"] = new SubVariancePreserving
            { Schedule = new LinearSchedule().ToTable(1000).WithZeroTerminalSnr() },
        ["edm"] = new Edm(),
        ["flow"] = new FlowMatching(),
        ["flow-shifted"] = new FlowMatching { Shift = 3 },
    };

    /// <summary>One of each kind, with its own settings.</summary>
    public static readonly IReadOnlyDictionary<string, NoiseProcess> OfEachKind = new Dictionary<string, NoiseProcess>
    {
        ["VE"] = new VarianceExploding(),         // 9.8 to 0.032
        ["VP"] = new VariancePreserving(),        // 152 to 0.010
        ["sub-VP"] = new SubVariancePreserving(), // 152 to 0.0001
        ["EDM"] = new Edm(),                      // 80 to 0.002
        ["flow"] = new FlowMatching(),            // 4096 to 0.001
    };

    /// <summary>The same, but VE with its sigma from large images: 142 to 0.026.</summary>
    public static readonly IReadOnlyDictionary<string, NoiseProcess> OfWideRange =
        new Dictionary<string, NoiseProcess>(OfEachKind) { ["VE"] = new VarianceExploding { Sigma = 500 } };

    public static TheoryData<string> Names => [.. All.Keys];

    private static readonly Gen<NoiseSchedule> Continuous = Gen.OneOf(
        Gen.Select(Gen.Double[0.01, 2], Gen.Double[0, 30]).Select((min, more) =>
            (NoiseSchedule)new LinearSchedule { BetaMin = min, BetaMax = min + more }),
        Gen.Select(Gen.Double[0.01, 2], Gen.Double[0, 30]).Select((min, more) =>
            (NoiseSchedule)new ScaledLinearSchedule { BetaMin = min, BetaMax = min + more }),
        Gen.Double[0, 0.5].Select(offset => (NoiseSchedule)new CosineSchedule { Offset = offset }),
        Gen.Select(Gen.Double[-4, 0], Gen.Double[0.5, 4], Gen.Double[0.3, 3]).Select((start, more, temperature) =>
            (NoiseSchedule)new SigmoidSchedule { Start = start, End = start + more, Temperature = temperature }));

    private static readonly Gen<NoiseSchedule> Tables =
        Gen.Select(Continuous, Gen.Int[40, 1200]).Select((schedule, count) => (NoiseSchedule)schedule.ToTable(count));

    public static readonly Gen<NoiseSchedule> AnySchedule =
        Gen.Select(Gen.OneOf(Continuous, Tables), Gen.Bool).Select((schedule, zeroTerminal) =>
            zeroTerminal ? schedule.WithZeroTerminalSnr() : schedule);

    /// <summary>Any process with valid settings.</summary>
    public static readonly Gen<NoiseProcess> Any = Gen.OneOf(
        Gen.Double[1.1, 1000].Select(sigma => (NoiseProcess)new VarianceExploding { Sigma = sigma }),
        AnySchedule.Select(schedule => (NoiseProcess)new VariancePreserving { Schedule = schedule }),
        AnySchedule.Select(schedule => (NoiseProcess)new SubVariancePreserving { Schedule = schedule }),
        Gen.Select(Gen.Double[1e-4, 0.1], Gen.Double[1, 1000]).Select((min, max) =>
            (NoiseProcess)new Edm { MinimumTime = min, MaximumSigma = max }),
        Gen.Double[0.1, 20].Select(shift => (NoiseProcess)new FlowMatching { Shift = shift }));

    /// <summary>A process and a time in its range.</summary>
    public static readonly Gen<(NoiseProcess Process, double T)> AnyMoment = Gen.Select(Any, Gen.Double[0, 1])
        .Select((process, part) => (process, process.MinimumTime + part * (process.MaximumTime - process.MinimumTime)));

    public static void AssertClose(double expected, double actual, double relative, string what = "")
    {
        if (!(Math.Abs(actual - expected) <= relative * Math.Abs(expected)))
            Assert.Fail($"{what}: {actual:R} instead of {expected:R}");
    }
}
