using Mezzotint.Evaluation;
using Mezzotint.Runtime;

namespace Mezzotint.Tests.Evaluation;

/// <summary>The interval of a ratio of Frechet distances holds what it says, and the worst space is the headline.</summary>
public sealed class RatioIntervalTests : IDisposable
{
    private const int Count = 600, Length = 6;

    private readonly WorkerThreads _threads = new(2);

    public void Dispose() => _threads.Dispose();

    [Fact]
    public void It_is_normal_in_the_logarithm_with_the_spread_of_the_replicates()
    {
        // relative deviations of +-0.1 above and none below: a standard deviation of 0.1 sqrt(2)
        var ratio = RatioInterval.Of(2, 1, [(4.4, 1), (3.6, 1)]); // of sets drawn anew both are larger
        double factor = Math.Exp(1.96 * 0.1 * Math.Sqrt(2));
        Assert.Equal(2 / factor, ratio.Low, 1e-12);
        Assert.Equal(2 * factor, ratio.High, 1e-12);
        Assert.Equal("2.00 (1.52-2.64)", ratio.ToString());
    }

    [Fact]
    public void What_moves_both_distances_alike_does_not_widen_it()
    {
        var ratio = RatioInterval.Of(2, 1, [(4.4, 3.3), (3.6, 2.7)]);
        Assert.Equal(ratio.Low, ratio.High, 1e-12);
    }

    [Fact]
    public void It_holds_1_for_images_as_good_as_real_ones_nearly_always_and_never_for_bad_ones()
    {
        int held = 0;
        for (int set = 0; set < 20; set++)
        {
            held += Ratio(set, shift: 0) is { Low: <= 1, High: >= 1 } ? 1 : 0;
            Assert.True(Ratio(set, shift: 0.5) is { Low: > 1 });
        }
        Assert.InRange(held, 17, 20); // 19 on average: fewer than 17 once in 60
    }

    [Fact]
    public void The_same_sets_have_the_same_interval_on_any_number_of_threads()
    {
        using var one = new WorkerThreads(1);
        Assert.Equal(FrechetRatio.Of(Sets(3, 0.1), one, seed: 5).Ratio, FrechetRatio.Of(Sets(3, 0.1), _threads, seed: 5).Ratio);
    }

    [Fact]
    public void The_worst_of_the_spaces_is_the_headline_whichever_way_it_is_to_go()
    {
        Figure Of(string key, double ratio, Better better) => new()
        {
            Key = key, Group = "", Name = "", Value = ratio, Real = 1, Better = better, Ratio = new(ratio, ratio - 1, ratio + 1),
        };
        var distance = DistanceMeasures.Worst(
            [Of("a", 1.2, Better.Lower), Of("b", 3, Better.Lower), Of("c", 2, Better.Lower)], "worst", "distance").Single();
        Assert.Equal((3.0, "in the space 'b', the worst of 3"), (distance.Value!.Value, distance.Note));
        var recall =
            DistanceMeasures.Worst([Of("a", 0.9, Better.Higher), Of("b", 0.7, Better.Higher)], "worst", "recall").Single();
        Assert.Equal(0.7, recall.Value);
        Assert.Empty(DistanceMeasures.Worst([], "worst", "nothing"));
    }

    private RatioInterval? Ratio(int seed, double shift) => FrechetRatio.Of(Sets(seed, shift), _threads, seed).Ratio;

    private static Space Sets(int seed, double shift)
    {
        var random = new RandomStream(seed);
        Points Normal(double mean) => new(
            [.. Enumerable.Range(0, Count * Length).Select(_ => random.Normal(mean, 1))], Count, Length);
        return new("key", "name", Normal(shift), Normal(0), Normal(0), Normal(0));
    }
}
