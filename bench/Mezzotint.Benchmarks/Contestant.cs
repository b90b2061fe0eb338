using System.Diagnostics;

namespace Mezzotint.Benchmarks;

/// <summary>One thing that is measured beside the others.</summary>
/// <param name="Name">Its key in the JSON.</param>
/// <param name="Title">What people read.</param>
/// <param name="Unit">What its rate counts a second.</param>
/// <param name="Baseline">The name of what its ratio is to; null where there is nothing to compare with.</param>
/// <param name="LibtorchThreads">Threads that libtorch takes for one operator.</param>
/// <param name="Work">Does some of it, and returns how many units that was.</param>
/// <param name="Gigaflops">Floating-point operations of a unit, in 10^9, for a share of the limit; 0 where there is none.</param>
/// <param name="Limit">The name of the matrix product in the same precision, whose rate is the limit; null where there is
/// none.</param>
/// <param name="Elsewhere">Where another process does the work: works for a time, and returns units a second.</param>
internal sealed record Contestant(
    string Name, string Title, string Unit, string? Baseline, int LibtorchThreads, Func<double> Work, double Gigaflops = 0,
        string? Limit = null, Func<TimeSpan, double>? Elsewhere = null)
{
    /// <summary>Works for at least <paramref name="atLeast"/>.</summary>
    /// <returns>Units a second.</returns>
    public double Rate(TimeSpan atLeast)
    {
        if (Elsewhere is not null)
            return Elsewhere(atLeast);
        TorchSharp.torch.set_num_threads(LibtorchThreads);
        double units = 0;
        var clock = Stopwatch.StartNew();
        do
            units += Work();
        while (clock.Elapsed < atLeast);
        return units / clock.Elapsed.TotalSeconds;
    }
}

/// <summary>The rates of one contestant.</summary>
/// <param name="Name">Its key.</param>
/// <param name="Title">What people read.</param>
/// <param name="Unit">What the rates count a second.</param>
/// <param name="Baseline">The name of what <paramref name="Ratio"/> is to.</param>
/// <param name="Median">The middle rate.</param>
/// <param name="Lowest">The lowest rate.</param>
/// <param name="Highest">The highest rate.</param>
/// <param name="Ratio">The median of the ratios to the baseline, each within one round: what disturbs a whole round
/// cancels.</param>
/// <param name="Limit">The name of the matrix product that <paramref name="LimitShare"/> is of.</param>
/// <param name="LimitShare">The median of the operations it does, as a share of the matrix product's of the same precision in the
/// same round; null where it is not about the network.</param>
/// <param name="Rounds">All rates in their order.</param>
internal sealed record Measurement(
    string Name, string Title, string Unit, string? Baseline, double Median, double Lowest, double Highest, double? Ratio,
        string? Limit, double? LimitShare, IReadOnlyList<double> Rounds)
{
    public static Measurement Of(Contestant contestant, IReadOnlyDictionary<string, List<double>> all)
    {
        var rates = all[contestant.Name];
        double? MedianRatio(string? other, double factor) =>
            other is null ? null : Math.Round(MedianOf([.. rates.Zip(all[other], (rate, its) => rate * factor / its)]), 3);
        return new(
            contestant.Name, contestant.Title, contestant.Unit, contestant.Baseline,
            Round(MedianOf(rates)), Round(rates.Min()), Round(rates.Max()),
            MedianRatio(contestant.Baseline, 1), contestant.Limit, MedianRatio(contestant.Limit, contestant.Gigaflops),
            [.. rates.Select(Round)]);
    }

    private static double Round(double rate) => Math.Round(rate, 1);

    private static double MedianOf(IReadOnlyList<double> values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
