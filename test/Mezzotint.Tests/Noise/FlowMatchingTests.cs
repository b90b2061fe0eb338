using CsCheck;
using Mezzotint.Noise;
using static Mezzotint.Tests.Noise.Processes;

namespace Mezzotint.Tests.Noise;

public class FlowMatchingTests
{
    [Fact]
    public void Shift_multiplies_the_level() => Gen.Select(Gen.Double[0.05, 20], Gen.Double[0.001, 0.999]).Sample((shift, t) =>
    {
        var process = new FlowMatching { Shift = shift };
        AssertClose(shift * process.Level(t), process.Level(process.ShiftTime(t)), 1e-9);
    });

    [Fact]
    public void Shifted_times_keep_both_ends_and_shift_what_is_between()
    {
        // Esser et al. 2024, equation 23, with their shift 3: the middle time 1/2 becomes 3/4.
        var process = new FlowMatching { Shift = 3 };
        Assert.Equal(0.75, process.ShiftTime(0.5), 1e-15);
        double[] times = process.Times(101);
        Assert.Equal((process.MaximumTime, process.MinimumTime), (times[0], times[^1]));
        double[] even = [.. times.Select(t => t / (3 - 2 * t))];
        for (int i = 1; i < 101; i++)
            AssertClose((even[0] - even[^1]) / 100, even[i - 1] - even[i], 1e-9);
    }

    [Fact]
    public void Shift_leaves_the_meaning_of_time_alone() =>
        Assert.Equal(
            (0.7, 0.3), (Math.Round(new FlowMatching { Shift = 5 }.Alpha(0.3), 12), new FlowMatching { Shift = 5 }.Std(0.3)));
}
