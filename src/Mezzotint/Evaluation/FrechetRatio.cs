using System.Globalization;
using Mezzotint.Runtime;

namespace Mezzotint.Evaluation;

/// <summary>How many times the distance of real images that of the evaluated ones is, with an interval of 95 %.</summary>
/// <param name="Value">The ratio.</param>
/// <param name="Low">The lower end of the interval.</param>
/// <param name="High">The upper end.</param>
public sealed record RatioInterval(double Value, double Low, double High)
{
    internal const double Deviations = 1.96; // of a normal distribution to either side: 95 %

    /// <summary>As people read it: <c>1.09 (1.02-1.17)</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Value:0.00} ({Low:0.00}-{High:0.00})");

    /// <summary>Of two estimates and their bootstrap replicates: normal in the logarithm, by the first-order formula for a ratio
    /// (Casella and Berger 2002, "Statistical Inference", example 5.5.27).</summary>
    /// <param name="above">The estimate above the line, more than 0.</param>
    /// <param name="below">The one below.</param>
    /// <param name="replicates">Both again, of sets that were drawn with replacement: two or more.</param>
    /// <remarks>
    /// A Frechet distance of drawn sets is larger than that of the sets themselves, as some images are drawn twice: twice as
    /// large where the sets differ by chance alone, and its spread too. So the spread is taken relative to the replicates' own
    /// mean, and where they lie is not used.
    /// </remarks>
    public static RatioInterval Of(double above, double below, IReadOnlyList<(double Above, double Below)> replicates)
    {
        ArgumentNullException.ThrowIfNull(replicates);
        ArgumentOutOfRangeException.ThrowIfLessThan(replicates.Count, 2, nameof(replicates));
        double meanAbove = replicates.Average(pair => pair.Above), meanBelow = replicates.Average(pair => pair.Below);
        double variance = replicates.Sum(pair =>
        {
            double relative = pair.Above / meanAbove - pair.Below / meanBelow;
            return relative * relative;
        }) / (replicates.Count - 1);
        double ratio = above / below, factor = Math.Exp(Deviations * Math.Sqrt(variance));
        return new(ratio, ratio / factor, ratio * factor);
    }
}

/// <summary>The ratio of two Frechet distances to one set: of the evaluated images, and of as many real ones.</summary>
internal static class FrechetRatio
{
    private const int Replicates = 48, ReplicatesOfLong = 12, Long = 256;

    /// <summary>The distances and their ratio; evaluated images, real ones and the set are all drawn anew in each
    /// replicate.</summary>
    public static (double Mine, double Floor, RatioInterval? Ratio) Of(Space space, WorkerThreads threads, long seed)
    {
        var test = Moments.Of(space.Test);
        double mine = FrechetDistance.Between(Moments.Of(space.Images), test);
        double floor = FrechetDistance.Between(Moments.Of(space.Floor), test);
        if (mine <= 0 || floor <= 0)
            return (mine, floor, null); // sets that are all the same
        var replicates = new (double, double)[space.Test.Length > Long ? ReplicatesOfLong : Replicates];
        int next = -1;
        threads.Run(_ =>
        {
            while (Interlocked.Increment(ref next) is var number && number < replicates.Length)
            {
                var random = new RandomStream(seed, number);
                var drawn = Moments.Of(Drawn(space.Test, random));
                replicates[number] = (FrechetDistance.Between(Moments.Of(Drawn(space.Images, random)), drawn),
                    FrechetDistance.Between(Moments.Of(Drawn(space.Floor, random)), drawn));
            }
        });
        return (mine, floor, RatioInterval.Of(mine, floor, replicates));
    }

    /// <summary>As many points, drawn with replacement.</summary>
    private static Points Drawn(Points points, RandomStream random) =>
        points.Take([.. Enumerable.Range(0, points.Count).Select(_ => random.Below(points.Count))]);
}
