using System.Diagnostics;
using System.Globalization;
using System.Text;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Benchmarks;

/// <summary>One operator at one shape, in one number type and order of memory.</summary>
internal sealed record OperatorTime(
    string Operator, string Type, string Layout, double ForwardMilliseconds, double BackwardMilliseconds);

/// <summary>What <c>operators</c> found.</summary>
internal sealed record OperatorsResult(DateTime Date, Machine Machine, int Repeats, IReadOnlyList<OperatorTime> Times);

/// <summary>The operators of the networks one by one, on one thread, at half a batch of 64: what a replica on one of two cores
/// does. The best of some repeats.</summary>
internal static class Operators
{
    private const int Batch = 32;

    private static readonly (string Name, Func<nn.Module<Tensor, Tensor>> Make, long Channels, long Side)[] All =
    [
        .. new (long From, long To, long Side)[] { (48, 48, 14), (96, 96, 7), (32, 32, 28), (64, 64, 14), (128, 128, 7) }
            .Select(at =>
                (
                    $"conv 3 x 3, {at.From} to {at.To} at {at.Side} x {at.Side}",
                    (Func<nn.Module<Tensor, Tensor>>)(() => nn.Conv2d(at.From, at.To, 3, padding: 1)), at.From, at.Side)),
        ("conv 1 x 1, 96 to 48 at 14 x 14", () => nn.Conv2d(96, 48, 1), 96, 14),
        .. new (long Groups, long Channels, long Side)[] { (6, 48, 14), (12, 96, 7), (32, 32, 28), (32, 64, 14) }
            .Select(at =>
                (
                    $"group normalisation, {at.Channels} channels in {at.Groups} groups at {at.Side} x {at.Side}",
                    (Func<nn.Module<Tensor, Tensor>>)(() => Normalisation(at.Groups, at.Channels)), at.Channels, at.Side)),
        ("silu, 48 at 14 x 14", () => nn.SiLU(), 48, 14),
    ];

    public static OperatorsResult Run(int repeats, Action<string> tell)
    {
        using var threads = new WorkerThreads(1);
        var times = new List<OperatorTime>();
        foreach (var (name, make, channels, side) in All)
            foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16 })
                foreach (bool channelsLast in new[] { false, true })
                {
                    using var layer = make();
                    layer.to(type);
                    var (forward, backward) = Best(layer, channels, side, type, channelsLast, repeats);
                    times.Add(new OperatorTime(
                        name, type == ScalarType.Float32 ? "float32" : "bfloat16",
                        channelsLast ? "channels last" : "channels first", Math.Round(forward, 3), Math.Round(backward, 3)));
                    tell(Line(times[^1]));
                }
        return new OperatorsResult(DateTime.UtcNow, Machine.Describe(), repeats, times);
    }

    public static string Table(OperatorsResult result)
    {
        var table = new StringBuilder(
            "| operator, forward + backward in ms | float32 | float32, channels last | bfloat16 | bfloat16, channels last |\n| "
            + "--- | ---: | ---: | ---: | ---: |\n");
        foreach (var row in result.Times.GroupBy(time => time.Operator))
        {
            var cells = row.Select(time => string.Create(
                CultureInfo.InvariantCulture, $"{time.ForwardMilliseconds:F2} + {time.BackwardMilliseconds:F2}"));
            table.Append(CultureInfo.InvariantCulture, $"| {row.Key} | {string.Join(" | ", cells)} |\n");
        }
        return table.ToString();
    }

    private static (double Forward, double Backward) Best(
        nn.Module<Tensor, Tensor> layer, long channels, long side, ScalarType type, bool channelsLast, int repeats)
    {
        double forward = double.PositiveInfinity, backward = double.PositiveInfinity;
        for (int i = 0; i < repeats + 2; i++)
        {
            using var scope = NewDisposeScope();
            layer.zero_grad();
            var x = randn([Batch, channels, side, side], dtype: type);
            if (channelsLast)
                x = x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
            x.requires_grad_(true);
            var clock = Stopwatch.StartNew();
            var y = layer.call(x);
            double first = clock.Elapsed.TotalMilliseconds;
            var gradient = randn_like(y);
            clock.Restart();
            y.backward([gradient]);
            double second = clock.Elapsed.TotalMilliseconds;
            if (i >= 2) // kernels are compiled before
                (forward, backward) = (Math.Min(forward, first), Math.Min(backward, second));
        }
        return (forward, backward);
    }

    private static string Line(OperatorTime time) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{time.Operator,-62} {time.Type,-8} {time.Layout,-14} {time.ForwardMilliseconds,8:F2} + "
            + $"{time.BackwardMilliseconds:F2} ms");

    private static nn.Module<Tensor, Tensor> Normalisation(long groups, long channels)
    {
        var norm = nn.GroupNorm(groups, channels);
        nn.init.ones_(norm.weight);
        nn.init.zeros_(norm.bias);
        return norm;
    }
}
