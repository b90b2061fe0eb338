using System.Diagnostics;
using System.Globalization;

namespace Mezzotint.Benchmarks;

/// <summary>
/// <c>builds</c>: training and sampling by this program's machine code, by vectors of 128 bits, by libtorch, and by another build
/// of the program, each in a process of its own, in turn.
/// </summary>
/// <remarks>
/// Rates by the process's own processor time are little changed by what else the machine does. Ratios are to the machine code of
/// this program, within a round.
/// </remarks>
internal static class Builds
{
    private static readonly (string Name, string Engine)[] Engines =
        [("machine code", "on"), ("vectors of 128 bits", "vectors"), ("libtorch", "off")];

    /// <param name="add">Told each figure.</param>
    /// <param name="other">A command line of the shell that starts another build; null for none.</param>
    /// <param name="rounds">How often each has its turn.</param>
    /// <param name="seconds">How long a turn is at least.</param>
    public static double? Measure(Action<Figure> add, string? other, int rounds, double seconds)
    {
        List<(string Name, Process Worker)> all =
            [.. Engines.Select(engine => (engine.Name, PeakMemory.StartChild(RateWorker.Command, "0", engine.Engine)))];
        if (other is not null)
            all.Add(("machine code, the other build", Process.Start(
                new ProcessStartInfo("sh", ["-c", $"exec {other} {RateWorker.Command} 0"])
                    { RedirectStandardInput = true, RedirectStandardOutput = true })!));
        var load = new OtherLoad([.. all.Select(one => one.Worker)]);
        foreach (var (what, unit) in new[] { ("train", "images/s"), ("sample", "evaluations/s") })
        {
            var rates = all.Select(_ => new List<(double ByClock, double ByProcessor)>()).ToList();
            foreach (var (_, worker) in all)
                RateWorker.Ask(worker, what, 1);
            for (int round = 0; round < rounds; round++)
                for (int turn = 0; turn < all.Count; turn++)
                {
                    int which = (round + turn) % all.Count;
                    rates[which].Add(RateWorker.Ask(all[which].Worker, what, seconds));
                }
            for (int which = 0; which < all.Count; which++)
            {
                string name = $"{what}, {all[which].Name}";
                add(Figure.Of(name, unit, [.. rates[which].Select(rate => rate.ByClock)]));
                add(Figure.Of($"{name}, of a second of processor time", unit, [.. rates[which].Select(rate => rate.ByProcessor)],
                    which == 0 ? "" : Ratio(rates[which], rates[0])));
            }
        }
        double? others = load.Cores;
        foreach (var (_, worker) in all)
        {
            worker.StandardInput.Close();
            worker.WaitForExit();
            worker.Dispose();
        }
        return others;
    }

    private static string Ratio(List<(double ByClock, double ByProcessor)> rates, List<(double ByClock, double ByProcessor)> to)
    {
        double[] ratios = [.. rates.Zip(to, (rate, its) => rate.ByProcessor / its.ByProcessor).Order()];
        return string.Create(CultureInfo.InvariantCulture,
            $"{ratios[ratios.Length / 2]:0.00} x ({ratios[0]:0.00} - {ratios[^1]:0.00})");
    }
}
