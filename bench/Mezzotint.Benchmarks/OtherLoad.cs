using System.Diagnostics;
using System.Globalization;

namespace Mezzotint.Benchmarks;

/// <summary>How many cores other processes took meanwhile: all busy time in <c>/proc/stat</c>, less this process's own.</summary>
/// <remarks>
/// OpenMP's threads wait for each other by spinning, and collapse where another process takes a core: figures from a machine that
/// was not quiet flatter whatever does without them. A host that takes the core away (steal) counts as another process.
/// </remarks>
internal sealed class OtherLoad
{
    /// <summary>More than this many cores' worth is not quiet.</summary>
    public const double Quiet = 0.05;

    private const double TicksPerSecond = 100; // USER_HZ, the same on every Linux that .NET runs on

    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly IReadOnlyList<Process> _companions;
    private readonly double? _start;

    /// <param name="companions">Processes that are part of the measurement, where there are.</param>
    public OtherLoad(params Process?[] companions)
    {
        _companions = [.. companions.OfType<Process>()];
        _start = OthersSeconds();
    }

    /// <summary>Cores taken by others since the start, or null where the system does not tell.</summary>
    public double? Cores =>
        OthersSeconds() is { } now && _start is { } start ? Math.Max(0, now - start) / _clock.Elapsed.TotalSeconds : null;

    private double? OthersSeconds()
    {
        if (!File.Exists("/proc/stat"))
            return null;
        // cpu user nice system idle iowait irq softirq steal guest guest_nice; the last two are in user and nice already
        string[] fields = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        double busy = fields.Skip(1).Take(8).Where((_, i) => i is not (3 or 4)).Sum(ticks =>
            double.Parse(ticks, CultureInfo.InvariantCulture));
        using var process = Process.GetCurrentProcess();
        return busy / TicksPerSecond - process.TotalProcessorTime.TotalSeconds - _companions.Sum(companion =>
        {
            companion.Refresh();
            return companion.TotalProcessorTime.TotalSeconds;
        });
    }
}
