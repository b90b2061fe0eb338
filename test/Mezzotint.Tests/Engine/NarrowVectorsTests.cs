using System.Diagnostics;
using Mezzotint.Engine;
using Mezzotint.Tests.Runtime;

namespace Mezzotint.Tests.Engine;

/// <summary>The engine on a processor without AVX-512: this very program once more, with .NET told to leave those vectors
/// alone.</summary>
public class NarrowVectorsTests
{
    private const string Variable = "DOTNET_EnableAVX512";

    [Fact]
    public async Task All_of_the_engine_is_right_with_AVX2_alone()
    {
        Assert.SkipUnless(TileKernel.IsSupported && TileKernel.IsWide, "this processor has no AVX-512 to leave alone");
        string program = Environment.ProcessPath!;
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true };
        if (Path.GetFileNameWithoutExtension(program) == "dotnet")
            start.ArgumentList.Add(typeof(NarrowVectorsTests).Assembly.Location);
        foreach (
            string argument in new[]
            {
                "-noColor", "-class", typeof(NetworkEngineTests).FullName!, "-class", typeof(LayersTests).FullName!, "-class",
                typeof(EnginePlanTests).FullName!, "-class", typeof(Bfloat16Tests).FullName!,
            })
            start.ArgumentList.Add(argument);
        start.Environment[Variable] = "0";
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string said = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, $"{said}{await errors}");
        Assert.Contains("Failed: 0", said, StringComparison.Ordinal);
    }
}
