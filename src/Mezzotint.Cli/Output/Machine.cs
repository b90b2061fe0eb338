using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Mezzotint.Cli.Output;

/// <summary>What the processor is and can do, as far as the speed of tensors depends on it.</summary>
internal static class Machine
{
    private static readonly Lazy<Dictionary<string, string>> ProcessorInfo = new(ReadProcessorInfo);

    /// <summary>The processor's name, where the system tells it.</summary>
    public static string Processor =>
        ProcessorInfo.Value.GetValueOrDefault("model name")
        ?? Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") // Windows
        ?? RuntimeInformation.ProcessArchitecture.ToString();

    /// <summary>The instruction sets that libtorch makes use of, by the names that Linux gives them.</summary>
    public static IReadOnlyList<(string Name, bool There)> Capabilities => RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 or Architecture.X86 =>
        [
            ("avx2", Avx2.IsSupported),
            ("avx512f", Avx512F.IsSupported),
            ("avx512_bf16", Flag("avx512_bf16")), // .NET has no name for it
            ("amx_bf16", Flag("amx_bf16")),
        ],
        _ => [("neon", AdvSimd.IsSupported), ("bf16", Flag("bf16"))],
    };

    /// <summary>Memory that this process may use, in bytes: a container's limit counts.</summary>
    public static long Memory => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    private static bool Flag(string name) =>
        (ProcessorInfo.Value.GetValueOrDefault("flags") ?? ProcessorInfo.Value.GetValueOrDefault("Features") ?? "").Split(' ')
            .Contains(name);

    /// <summary>The first processor's lines of /proc/cpuinfo, <c>key : value</c>; nothing on other systems.</summary>
    private static Dictionary<string, string> ReadProcessorInfo()
    {
        var info = new Dictionary<string, string>(StringComparer.Ordinal);
        try
        {
            foreach (string line in OperatingSystem.IsLinux() ? File.ReadLines("/proc/cpuinfo") : [])
                if (line.Split(':', 2, StringSplitOptions.TrimEntries) is [var key, var value])
                    info.TryAdd(key, value);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            // Then the processor has no name.
        }
        return info;
    }
}
