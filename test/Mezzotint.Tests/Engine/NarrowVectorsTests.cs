using System.Diagnostics;
using System.Runtime.Intrinsics.X86;
using Mezzotint.Engine;
using Mezzotint.Tests.Runtime;

namespace Mezzotint.Tests.Engine;

/// <summary>
/// The engine on a processor without AVX-512, and on one without any AVX, where vectors have 128 bits as on ARM: this very
/// program once more, with .NET told to leave those vectors alone.
/// </summary>
public class NarrowVectorsTests
{
    [Fact]
    public Task All_of_the_engine_is_right_with_AVX2_alone()
    {
        Assert.SkipUnless(TileKernel.HasCode && TileKernel.IsWide, "this processor has no AVX-512 to leave alone");
        return RunWithout("AVX512", null, typeof(NetworkEngineTests), typeof(LayersTests), typeof(LanesTests),
            typeof(EnginePlanTests), typeof(Bfloat16Tests));
    }

    [Fact]
    public Task All_of_the_engine_is_right_with_vectors_of_128_bits_alone()
    {
        Assert.SkipUnless(Avx.IsSupported, "this processor has no AVX to leave alone");
        return RunWithout("AVX", nameof(EngineKind.Vectors), typeof(NetworkEngineTests), typeof(LayersTests),
            typeof(LanesTests), typeof(TileKernelTests));
    }

    /// <summary>Those that ask nothing of the vectors that others do not, and take half of the time.</summary>
    private static readonly string[] LeftOut =
    [
        nameof(NetworkEngineTests.An_image_takes_no_memory_of_the_garbage_collectors),
        nameof(NetworkEngineTests.New_weights_count_once_they_are_packed),
        nameof(NetworkEngineTests.The_seeds_network_with_several_labels_is_that_of_libtorch),
    ];

    private static async Task RunWithout(string vectors, string? engine, params Type[] tests)
    {
        string program = Environment.ProcessPath!;
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true };
        if (Path.GetFileNameWithoutExtension(program) == "dotnet")
            start.ArgumentList.Add(typeof(NarrowVectorsTests).Assembly.Location);
        start.ArgumentList.Add("-noColor");
        foreach (var type in tests)
        {
            start.ArgumentList.Add("-class");
            start.ArgumentList.Add(type.FullName!);
        }
        start.Environment[$"DOTNET_Enable{vectors}"] = "0";
        List<string> leftOut = [.. LeftOut];
        if (engine is not null)
        {
            start.Environment[Engines.Variable] = engine;
            leftOut.Add(nameof(NetworkEngineTests.In_bfloat16_they_are_so_to_a_few_hundredths)); // which has no data then
        }
        foreach (string test in leftOut)
        {
            start.ArgumentList.Add("-method-");
            start.ArgumentList.Add($"*.{test}");
        }
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string said = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, $"{said}{await errors}");
        Assert.Contains("Failed: 0", said, StringComparison.Ordinal);
    }
}
