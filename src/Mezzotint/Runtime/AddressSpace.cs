using System.Globalization;

namespace Mezzotint.Runtime;

/// <summary>The address space of this process, where a shell or a batch system limits it (<c>ulimit -v</c>, RLIMIT_AS).</summary>
/// <remarks>
/// .NET reserves half of it for its heap, and libtorch maps libraries of half a gigabyte: what is left may be too small although
/// there is memory. Loaders report that as a library that cannot be found.
/// </remarks>
internal static class AddressSpace
{
    /// <summary>What glibc reserves for a thread: an arena of 64 MB, cut out of twice as much, and 8 MB of stack.</summary>
    private const long ReservedForThread = 136L << 20;

    /// <summary>Threads beside the workers, one a core, that a program has: its first, the collector's and the pool's.</summary>
    private const int OtherThreads = 2;

    private const string SizesFile = "/proc/self/statm";
    private const string LimitsFile = "/proc/self/limits", LimitName = "Max address space";

    /// <summary>The limit in bytes; null where there is none, or none is known.</summary>
    public static long? Limit
    {
        get
        {
            try
            {
                string? line = !OperatingSystem.IsLinux() ? null
                    : File.ReadLines(LimitsFile).FirstOrDefault(limit => limit.StartsWith(LimitName, StringComparison.Ordinal));
                // Then come the soft limit, which counts, the hard one, and the unit.
                return line?[LimitName.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries) is [var soft, ..]
                    && long.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out long bytes) ? bytes : null;
            }
            catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
            {
                return null;
            }
        }
    }

    /// <summary>Whether so little of it is left that threads cannot be started, over which .NET ends the process.</summary>
    public static bool IsUsedUp
    {
        get
        {
            if (Limit is not { } limit)
                return false;
            try
            {
                // The first number is the size in pages.
                long pages = long.Parse(File.ReadAllText(SizesFile).Split(' ')[0], CultureInfo.InvariantCulture);
                long left = limit - pages * Environment.SystemPageSize;
                return left < ReservedForThread * (Environment.ProcessorCount + OtherThreads);
            }
            catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
            {
                return false;
            }
        }
    }

    /// <summary>What there is to say where a library that is there could not be loaded; null where there is no limit.</summary>
    public static string? Problem => Limit is not { } limit ? null : string.Create(CultureInfo.InvariantCulture,
        $"the address space of this process is limited to {limit / 1e9:F1} GB, which is too little for .NET and libtorch "
        + $"together. Take the limit away with `ulimit -v unlimited` before the program starts; to limit memory, use a container "
        + $"or a control group.");
}
