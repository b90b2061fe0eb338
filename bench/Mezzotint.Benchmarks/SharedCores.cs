using System.Diagnostics;
using System.Globalization;

namespace Mezzotint.Benchmarks;

/// <summary>
/// <c>shared</c>: training and sampling while another process keeps one of the cores busy, beside this program alone on one core.
/// Threads that wait for each other by spinning collapse there; this program's should lose the core and nothing else.
/// </summary>
internal static class SharedCores
{
    public const string SpinCommand = "shared-spin";

    public static double? Measure(Action<Figure> add, int rounds, double seconds)
    {
        int cores = Environment.ProcessorCount;
        using var alone = Start(RateWorker.Command, 1); // confined to the first core, with one thread
        using var shared = Start(RateWorker.Command, (1L << cores) - 1);
        foreach (string what in new[] { "train", "sample" })
        {
            List<double> single = [], beside = [], ratios = [], free = [];
            Ask(alone, what, 1);
            Ask(shared, what, 1);
            for (int round = 0; round < rounds; round++)
            {
                single.Add(Ask(alone, what, seconds));
                free.Add(Ask(shared, what, seconds));
                using (var spinner = Start(SpinCommand, 1L << (cores - 1)))
                {
                    beside.Add(Ask(shared, what, seconds));
                    spinner.Kill();
                    spinner.WaitForExit();
                }
                ratios.Add(beside[^1] / single[^1]);
            }
            string unit = what == "train" ? "images/s" : "evaluations/s";
            add(Figure.Of($"{what}, alone on one core", unit, single));
            add(Figure.Of($"{what}, on all {cores} cores", unit, free));
            add(Figure.Of($"{what}, on all {cores} cores, one taken by another process", unit, beside));
            add(Figure.Of($"{what}, one core taken against alone on one", "x", ratios));
        }
        foreach (var worker in new[] { alone, shared })
        {
            worker.StandardInput.Close();
            worker.WaitForExit();
        }
        return null; // there was another process, by intention
    }

    /// <summary>The other process.</summary>
    public static void Spin(long cores)
    {
        RateWorker.Confine(cores);
        while (true)
            Thread.SpinWait(1000);
    }

    private static Process Start(string command, long cores) =>
        PeakMemory.StartChild(command, cores.ToString(CultureInfo.InvariantCulture));

    private static double Ask(Process worker, string what, double seconds) => RateWorker.Ask(worker, what, seconds).ByClock;
}
