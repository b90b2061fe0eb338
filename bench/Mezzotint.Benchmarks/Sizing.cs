using System.Globalization;
using System.Text;

namespace Mezzotint.Benchmarks;

/// <summary>One way to serve with the cores of a machine.</summary>
/// <param name="Replicas">Servers.</param>
/// <param name="Threads">Threads that evaluate, of each.</param>
/// <param name="Load">What clients saw.</param>
internal sealed record SizingRow(int Replicas, int Threads, LoadResult Load)
{
    /// <summary>Network evaluations for each second of a core that the servers took.</summary>
    public double RateOfCore => Math.Round(Load.Rate / Load.ServerCores, 1);

    /// <summary>Milliseconds of a core that the balancer took for a request.</summary>
    public double BalancerMilliseconds => Math.Round(1000 * Load.BalancerCores * Load.Seconds / Load.Requests, 2);
}

/// <summary>What <c>sizing</c> found.</summary>
internal sealed record SizingResult(
    DateTime Date, Machine Machine, string Model, int Clients, double AskedSeconds, IReadOnlyList<SizingRow> Rows)
{
    public bool IsSound => Rows.All(row => row.Load.IsSound);

    /// <summary>Measures a server of one thread, one of all cores, and as many replicas of one thread as there are
    /// cores.</summary>
    public static async Task<SizingResult> OfAsync(string model, int clients, TimeSpan time, Action<string> tell)
    {
        var rows = new List<SizingRow>();
        int cores = Environment.ProcessorCount;
        using var run = new LoadRun(model);
        foreach (var (replicas, threads) in new[] { (1, 1), (1, cores), (cores, 1) }.Distinct())
        {
            tell(string.Create(CultureInfo.InvariantCulture, $"{replicas} of {threads}"));
            rows.Add(new(replicas, threads, await run.RunAsync(clients, time, tell, replicas, threads, balanced: true)));
        }
        return new(DateTime.UtcNow, Machine.Describe(), Path.GetFileName(model), clients, time.TotalSeconds, rows);
    }

    public string Table()
    {
        var table = new StringBuilder(
            "| servers | threads each | evaluations/s | images/s | latency, median and 99 %, s | cores of the servers | "
            + "evaluations/s of a core | peak memory of each, MB | balancer, ms of a core a request | cores of others |\n"
            + "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
        foreach (var row in Rows)
            table.Append(CultureInfo.InvariantCulture,
                $"| {row.Replicas} | {row.Threads} | {row.Load.Rate:F0} | {row.Load.Images / row.Load.Seconds:F0} | "
                + $"{row.Load.MedianLatency:F2}, {row.Load.P99Latency:F2} | {row.Load.ServerCores:F2} | {row.RateOfCore:F0} | "
                + $"{row.Load.PeakMegabytes / row.Replicas:F0} | {row.BalancerMilliseconds:F2} | "
                + $"{row.Load.OtherCores:F2} |\n");
        table.Append(CultureInfo.InvariantCulture, $"\nRefused with 429: {Rows.Sum(row => row.Load.TooMany)}; other errors: "
            + $"{Rows.Sum(row => row.Load.OtherErrors)}; images that are not those of their seed: "
            + $"{Rows.Sum(row => row.Load.WrongImages)}.\n");
        if (Rows.Max(row => row.Load.OtherCores) is > OtherLoad.Quiet)
            table.Append("\n**The machine was not quiet**: rates, latencies and the rate of a core do not compare. Memory and ")
                .Append("errors do.\n");
        return table.ToString();
    }
}
