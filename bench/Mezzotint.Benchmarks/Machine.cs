using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using TorchSharp;

namespace Mezzotint.Benchmarks;

/// <summary>What a figure was measured on. No host name and no path, so that it can be published as it is.</summary>
internal sealed record Machine
{
    public required string Processor { get; init; }
    public required int Cores { get; init; }
    public required IReadOnlyList<string> VectorFlags { get; init; }
    public required bool Virtual { get; init; }
    public required double MemoryGigabytes { get; init; }
    public required string OperatingSystem { get; init; }
    public required string Kernel { get; init; }
    public required string Dotnet { get; init; }
    public required string Libtorch { get; init; }
    public required string Torchsharp { get; init; }
    public required string Version { get; init; }
    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    private static readonly string[] FlagPrefixes = ["sse4_2", "avx", "fma", "f16c", "amx", "asimd", "sve", "bf16", "i8mm"];
    private static readonly string[] VariablePrefixes =
    [
        "OMP_", "GOMP_", "KMP_", "MKL_", "ONEDNN_", "MALLOC_", "GLIBC_TUNABLES", "ATEN_CPU_CAPABILITY", "THP_MEM_ALLOC_ENABLE",
        "DOTNET_gc", "DOTNET_Tiered",
    ];

    public static Machine Describe()
    {
        var cpu = Table("/proc/cpuinfo");
        string[] flags = (cpu.GetValueOrDefault("flags") ?? cpu.GetValueOrDefault("Features") ?? "").Split(' ');
        return new Machine
        {
            Processor = ProcessorName(cpu),
            Cores = System.Environment.ProcessorCount,
            VectorFlags = [.. flags.Where(flag => FlagPrefixes.Any(prefix => flag.StartsWith(prefix, StringComparison.Ordinal)))],
            Virtual = flags.Contains("hypervisor"),
            MemoryGigabytes = Math.Round(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1e9, 1),
            OperatingSystem = RuntimeInformation.OSDescription,
            Kernel = System.Environment.OSVersion.VersionString,
            Dotnet = RuntimeInformation.FrameworkDescription,
            Libtorch = torch.__version__,
            Torchsharp = typeof(torch).Assembly.GetName().Version?.ToString(3) ?? "unknown",
            Version = typeof(MezzotintException).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()
                ?.InformationalVersion
                ?? "unknown",
            Environment = Variables(),
        };
    }

    /// <summary>The lines <c>key : value</c> of a file of the kernel, the first of each key; none where there is no such
    /// file.</summary>
    internal static Dictionary<string, string> Table(string path)
    {
        var table = new Dictionary<string, string>();
        foreach (string line in File.Exists(path) ? File.ReadLines(path) : [])
            if (line.IndexOf(':', StringComparison.Ordinal) is > 0 and var colon)
                table.TryAdd(line[..colon].Trim(), line[(colon + 1)..].Trim());
        return table;
    }

    private static string ProcessorName(Dictionary<string, string> cpu)
    {
        if (!cpu.TryGetValue("model name", out string? name))
            return System.Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER")
                ?? RuntimeInformation.ProcessArchitecture.ToString();
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{name} (family {cpu.GetValueOrDefault("cpu family")}, model {cpu.GetValueOrDefault("model")})");
    }

    /// <summary>The variables that change what is measured.</summary>
    private static Dictionary<string, string> Variables() =>
        System.Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>()
            .Select(entry => (Name: (string)entry.Key, Value: (string?)entry.Value ?? ""))
            .Where(variable =>
                VariablePrefixes.Any(prefix => variable.Name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)))
            .OrderBy(variable => variable.Name, StringComparer.Ordinal)
            .ToDictionary(variable => variable.Name, variable => variable.Value);
}
