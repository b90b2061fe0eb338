using CsCheck;
using Mezzotint.Formats;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using Mezzotint.Serving;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Sampling;

public class SamplerTests
{
    private static readonly UNetConfig Small = new()
    {
        ModelChannels = 32, NumResBlocks = 1, ChannelMultipliers = [1], AttentionLevels = [],
        Transformer = new() { ContextDim = 8, NumHeads = 2 },
    };

    [Fact]
    public void Image_i_depends_on_seed_plus_i_and_not_on_count_batch_or_threads()
    {
        using var network = new UNet(Small, seed: 3);
        var sampler = new Sampler(network, new VarianceExploding(), 8, 8);
        var all = Sample(sampler, 7, seed: 100);
        using DiffusionPipeline one = Drawn.Pipeline(network), three = Drawn.Pipeline(network, threads: 3);
        Gen.Select(Gen.Int[0, 6], Gen.Int[1, 7], Gen.Int[0, 2]).Sample((first, count, how) =>
        {
            count = Math.Min(count, 7 - first);
            int[] labels = [.. Enumerable.Range(first, count)];
            var options = new GenerationOptions { Seed = 100 + first, Steps = 10 };
            var some = how == 0
                ? Sample(sampler, count, 100 + first, first) : (how == 1 ? one : three).Generate(labels, options).Images;
            for (int i = 0; i < count; i++)
                AssertNearlyEqual(all.Image(first + i), some.Image(i));
        }, iter: 20, threads: 1);
    }

    [Fact]
    public void Every_named_solver_draws_images_whose_bytes_follow_from_the_seed_alone()
    {
        using var network = new UNet(Small, seed: 3);
        using var pipeline = Drawn.Pipeline(network, threads: 2);
        foreach (var solver in Solvers.All)
        {
            ImageBatch Draw(int count, long seed, int steps) => pipeline.Generate(
                [0], new() { Count = count, Seed = seed, Steps = steps, Sampler = solver.Name, Levels = "karras" }).Images;
            AssertNearlyEqual(Draw(3, 5, 6).Image(2), Draw(1, 7, 6).Image(0));
            Assert.Equal(64, Draw(1, 0, 1).Pixels.Length); // a single step from noise to the end
        }
    }

    [Fact]
    public void The_same_request_gives_the_same_numbers()
    {
        using var scope = NewDisposeScope();
        using var network = new UNet(Small, seed: 3);
        var sampler = new Sampler(network, new VarianceExploding(), 8, 8);
        SamplingRequest Request() => new() { Condition = Condition.OfLabels([1, 2, 3]), Seed = 1, Steps = 10 };
        TensorAssert.Same(sampler.Sample(Request()), sampler.Sample(Request()));
    }

    [Fact]
    public void A_start_that_is_given_takes_the_place_of_the_noise()
    {
        using var scope = NewDisposeScope();
        using var network = new UNet(Small, seed: 3);
        var process = new VarianceExploding();
        var sampler = new Sampler(network, process, 8, 8);
        double[] levels = NoiseLevels.Karras(process, 6);
        var request = new SamplingRequest
            { Condition = Condition.OfLabels([1, 2]), Seed = 5, Steps = 6, Levels = levels, Solver = Solvers.Heun() };
        using var noise = new ImageNoise([5, 6], 1, 8, 8, CPU);
        TensorAssert.Same(
            sampler.Sample(request), sampler.Sample(request with { Seed = 9, Start = noise.Next().Times(levels[0]) }));
        Assert.Contains("must be [2, 1, 8, 8]", Assert.Throws<ArgumentException>(
            () => sampler.Sample(request with { Start = zeros(1, 1, 8, 8) })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Labels_change_the_image()
    {
        using var network = EulerMaruyamaTests.ReferenceNetwork("two_levels");
        var sampler = new Sampler(network, new VarianceExploding(), 8, 8);
        var images = new[] { 2, 6 }.Select(label => Sample(sampler, 1, 0, label).Pixels).ToArray();
        Assert.NotEqual(images[0], images[1]);
    }

    [Fact]
    public async Task Progress_counts_every_evaluation_once()
    {
        using var network = new UNet(Small);
        using var pipeline = Drawn.Pipeline(network, threads: 2);
        var seen = new List<long>();
        await pipeline.Prepare([0], new() { Count = 5, Steps = 4 })
            .RunAsync(progress: new Collect(seen), cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(20, seen.Max());
        Assert.Equal(seen.Count, seen.Distinct().Count());
    }

    [Fact]
    public async Task A_cancelled_request_ends_with_an_OperationCanceledException()
    {
        using var network = new UNet(Small);
        using var pipeline = Drawn.Pipeline(network, threads: 2);
        using var stop = new CancellationTokenSource();
        var progress = new Collect([], _ => stop.Cancel());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pipeline
            .Prepare([0], new() { Count = 4, Steps = 100_000 }).RunAsync(progress: progress, cancellation: stop.Token));
        Assert.ThrowsAny<OperationCanceledException>(() => new Sampler(network, new VarianceExploding(), 8, 8).Sample(
            new() { Condition = Condition.OfLabels([1]), Steps = 100_000 }, cancellation: stop.Token));
    }

    [Theory]
    [InlineData(new int[0], 0, 10, "at least one image")]
    [InlineData(new[] { 10 }, 0, 10, "Label 10")]
    [InlineData(new[] { -1 }, 0, 10, "Label -1")]
    [InlineData(new[] { 1 }, 0, 0, "0 steps")]
    [InlineData(new[] { 1 }, -1, 10, "Seed -1")]
    [InlineData(new[] { 1, 1 }, uint.MaxValue, 10, "seed + i")]
    public void A_request_out_of_range_is_refused_by_what_is_wrong(int[] labels, long seed, int steps, string message)
    {
        using var network = new UNet(Small);
        var refused = Assert.Throws<ArgumentException>(() => new Sampler(network, new VarianceExploding(), 8, 8).Sample(
            new() { Condition = Condition.OfLabels(labels), Seed = seed, Steps = steps }));
        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
    }

    private static ImageBatch Sample(Sampler sampler, int count, long seed, int firstLabel = 0)
    {
        using var scope = NewDisposeScope();
        var condition = Condition.OfLabels(Enumerable.Range(firstLabel, count));
        return Drawn.Images(sampler, new() { Condition = condition, Seed = seed, Steps = 10 });
    }

    /// <summary>Kernels for other batch sizes may add in another order: a grey value may round the other way.</summary>
    private static void AssertNearlyEqual(ReadOnlySpan<byte> expected, ReadOnlySpan<byte> actual)
    {
        for (int i = 0; i < expected.Length; i++)
            Assert.InRange(Math.Abs(expected[i] - actual[i]), 0, 1);
    }

    private sealed class Collect(List<long> seen, Action<long>? then = null) : IProgress<SamplingProgress>
    {
        public void Report(SamplingProgress value)
        {
            lock (seen)
                seen.Add(value.Evaluations);
            then?.Invoke(value.Evaluations);
        }
    }
}
