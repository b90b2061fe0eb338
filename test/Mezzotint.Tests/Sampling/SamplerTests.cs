using CsCheck;
using Mezzotint.Formats;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Sampling;

public class SamplerTests
{
    private static readonly UNetConfig Small = new() { ModelChannels = 32, NumResBlocks = 1, ChannelMultipliers = [1], AttentionLevels = [], Transformer = new() { ContextDim = 8, NumHeads = 2 } };

    [Fact]
    public void Image_i_depends_on_seed_plus_i_and_not_on_count_batch_or_threads()
    {
        using var network = new UNet(Small, seed: 3);
        var sampler = new Sampler(network, new VarianceExploding(), 8, 8);
        var all = Sample(sampler, 7, seed: 100, batch: 32, threads: 1);
        Gen.Select(Gen.Int[0, 6], Gen.Int[1, 4], Gen.Int[1, 3], Gen.Int[1, 7]).Sample((first, batch, threads, count) =>
        {
            count = Math.Min(count, 7 - first);
            var some = Sample(sampler, count, 100 + first, batch, threads, firstLabel: first);
            for (int i = 0; i < count; i++)
                AssertNearlyEqual(all.Image(first + i), some.Image(i));
        }, iter: 20, threads: 1);
    }

    [Fact]
    public void Every_named_solver_draws_images_whose_bytes_follow_from_the_seed_alone()
    {
        using var network = new UNet(Small, seed: 3);
        using var threads = new WorkerThreads(2);
        var process = new VarianceExploding();
        var sampler = new Sampler(network, process, 8, 8);
        foreach (var solver in Solvers.All)
        {
            ImageBatch Draw(int count, long seed, int steps) => sampler.Sample(
                new() { Labels = new int[count], Seed = seed, Steps = steps, Solver = solver, Levels = NoiseLevels.Karras(process, steps) }, threads);
            AssertNearlyEqual(Draw(3, 5, 6).Image(2), Draw(1, 7, 6).Image(0));
            Assert.Equal(64, Draw(1, 0, 1).Pixels.Length); // a single step from noise to the end
        }
    }

    [Fact]
    public void The_same_request_gives_the_same_bytes()
    {
        using var network = new UNet(Small, seed: 3);
        var sampler = new Sampler(network, new VarianceExploding(), 8, 8);
        Assert.Equal(Sample(sampler, 5, 1, 2, 2).Pixels, Sample(sampler, 5, 1, 2, 2).Pixels);
    }

    [Fact]
    public void Labels_change_the_image()
    {
        using var network = EulerMaruyamaTests.ReferenceNetwork("two_levels");
        var sampler = new Sampler(network, new VarianceExploding(), 8, 8);
        using var threads = new WorkerThreads(1);
        var images = new[] { 2, 6 }.Select(label => sampler.Sample(new() { Labels = [label], Steps = 10 }, threads).Pixels).ToArray();
        Assert.NotEqual(images[0], images[1]);
    }

    [Fact]
    public void Progress_counts_every_evaluation_once()
    {
        using var network = new UNet(Small);
        using var threads = new WorkerThreads(2);
        var seen = new List<long>();
        new Sampler(network, new VarianceExploding(), 8, 8).Sample(new() { Labels = new int[5], Steps = 4, BatchSize = 2 }, threads, new Collect(seen));
        Assert.Equal(20, seen.Max());
        Assert.Equal(seen.Count, seen.Distinct().Count());
    }

    [Fact]
    public void A_cancelled_request_ends_with_an_OperationCanceledException()
    {
        using var network = new UNet(Small);
        using var threads = new WorkerThreads(2);
        using var stop = new CancellationTokenSource();
        var progress = new Collect([], _ => stop.Cancel());
        Assert.Throws<OperationCanceledException>(() =>
            new Sampler(network, new VarianceExploding(), 8, 8).Sample(new() { Labels = new int[4], Steps = 100_000 }, threads, progress, stop.Token));
    }

    [Theory]
    [InlineData(new int[0], 0, 10, 32, "at least one image")]
    [InlineData(new[] { 10 }, 0, 10, 32, "Label 10")]
    [InlineData(new[] { -1 }, 0, 10, 32, "Label -1")]
    [InlineData(new[] { 1 }, 0, 0, 32, "0 steps")]
    [InlineData(new[] { 1 }, 0, 10, 0, "batch of 0")]
    [InlineData(new[] { 1 }, -1, 10, 32, "Seed -1")]
    [InlineData(new[] { 1, 1 }, uint.MaxValue, 10, 32, "seed + i")]
    public void A_request_out_of_range_is_refused_by_what_is_wrong(int[] labels, long seed, int steps, int batch, string message)
    {
        using var network = new UNet(Small);
        using var threads = new WorkerThreads(1);
        var refused = Assert.Throws<ArgumentException>(() =>
            new Sampler(network, new VarianceExploding(), 8, 8).Sample(new() { Labels = labels, Seed = seed, Steps = steps, BatchSize = batch }, threads));
        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
    }

    private static ImageBatch Sample(Sampler sampler, int count, long seed, int batch, int threads, int firstLabel = 0)
    {
        using var workers = new WorkerThreads(threads);
        return sampler.Sample(new() { Labels = [.. Enumerable.Range(firstLabel, count)], Seed = seed, Steps = 10, BatchSize = batch }, workers);
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
