using Mezzotint.Engine;

namespace Mezzotint.Tests.Engine;

/// <summary>The engine by its machine code, and by the twin of that in plain C#, which runs on every processor.</summary>
internal static class Engines
{
    private const string NoCode = "no machine code here: neither AVX-512 nor AVX2, or no memory for code";

    private const string NoBfloat16Code = "no machine code of bfloat16 here: no AVX-512 with avx512_bf16, or no memory for code";

    /// <summary>The names of both.</summary>
    public static string[] Both => [nameof(EngineKind.On), nameof(EngineKind.Plain)];

    /// <summary>Takes one of them until it is disposed; skips the test where the processor has no such code.</summary>
    public static IDisposable Use(string kind, bool bfloat16 = false)
    {
        var chosen = Enum.Parse<EngineKind>(kind);
        Assert.SkipWhen(chosen == EngineKind.On && !TileKernel.HasCode, NoCode);
        Assert.SkipWhen(chosen == EngineKind.On && bfloat16 && !TileKernel.HasBfloat16Code, NoBfloat16Code);
        return EngineChoice.Use(chosen);
    }

    /// <summary>Takes the machine code where the processor has it, else the twin.</summary>
    public static IDisposable UseAny(bool bfloat16 = false) =>
        EngineChoice.Use((bfloat16 ? TileKernel.HasBfloat16Code : TileKernel.HasCode) ? EngineKind.On : EngineKind.Plain);
}
