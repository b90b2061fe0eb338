using Mezzotint.Engine;

namespace Mezzotint.Tests.Engine;

/// <summary>
/// The engine by its machine code, by .NET's vectors of 128 bits, and by the twin in plain C#, which runs on every processor.
/// </summary>
internal static class Engines
{
    private const string NoCode = "no machine code here: neither AVX-512 nor AVX2, or no memory for code";

    private const string NoBfloat16Code = "no machine code of bfloat16 here: no AVX-512 with avx512_bf16, or no memory for code";

    private const string NoVectors = "no vectors of 128 bits here";

    /// <summary>Limits a run of tests to one of them, where it has its name.</summary>
    public const string Variable = "MEZZOTINT_TEST_ENGINE";

    /// <summary>The names of those that have bfloat16.</summary>
    public static string[] Both => Wanted(nameof(EngineKind.On), nameof(EngineKind.Plain));

    /// <summary>The names of all, for tests in float32.</summary>
    public static string[] All => Wanted(nameof(EngineKind.On), nameof(EngineKind.Plain), nameof(EngineKind.Vectors));

    private static string[] Wanted(params string[] kinds) =>
        Environment.GetEnvironmentVariable(Variable) is { } only ? [.. kinds.Where(kind => kind == only)] : kinds;

    /// <summary>Takes one of them until it is disposed; skips the test where the processor has no such code.</summary>
    public static IDisposable Use(string kind, bool bfloat16 = false)
    {
        var chosen = Enum.Parse<EngineKind>(kind);
        Assert.SkipWhen(chosen == EngineKind.On && !TileKernel.HasCode, NoCode);
        Assert.SkipWhen(chosen == EngineKind.On && bfloat16 && !TileKernel.HasBfloat16Code, NoBfloat16Code);
        Assert.SkipWhen(chosen == EngineKind.Vectors && !TileVectors.IsSupported, NoVectors);
        return EngineChoice.Use(chosen);
    }

    /// <summary>Takes the fastest that the processor has, which may be the twin.</summary>
    public static IDisposable UseAny(bool bfloat16 = false)
    {
        bool has = bfloat16 ? TileKernel.HasBfloat16Code : TileKernel.HasCode;
        return EngineChoice.Use(has ? EngineKind.On
            : !bfloat16 && TileVectors.IsSupported ? EngineKind.Vectors : EngineKind.Plain);
    }
}
