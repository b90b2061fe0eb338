using Mezzotint.Formats;
using Mezzotint.Networks;
using Mezzotint.Sampling;
using Mezzotint.Serving;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Sampling;

/// <summary>Beginning from a picture, or between two noises.</summary>
public class SourceImageTests
{
    private const int Side = 8, Area = Side * Side;
    private static readonly UNetConfig Small = new()
    {
        ModelChannels = 32, NumResBlocks = 1, ChannelMultipliers = [1], AttentionLevels = [],
        Transformer = new() { ContextDim = 8, NumHeads = 2 },
    };

    [Fact]
    public void What_the_mask_keeps_is_kept_to_the_bit_by_every_solver()
    {
        using var network = new UNet(Small, seed: 3);
        var (image, mask) = (Picture(), LowerHalf());
        foreach (var solver in Solvers.All)
        {
            var drawn = Sample(network, new() { Image = image, Mask = mask, Strength = 1, Resampling = 2 }, solver);
            for (int i = 0; i < drawn.Count; i++)
                Assert.Equal(image.Pixels[..(Area / 2)], drawn.Image(i)[..(Area / 2)].ToArray());
            Assert.NotEqual(image.Pixels[(Area / 2)..], drawn.Image(0)[(Area / 2)..].ToArray());
        }
    }

    [Theory]
    [InlineData(1.0, new double[] { 5, 4, 3, 2, 0 })]
    [InlineData(0.5, new double[] { 3, 2, 0 })]
    [InlineData(0.01, new double[] { 2, 0 })]
    public void Strength_is_the_share_of_the_steps_and_at_least_one(double strength, double[] expected)
    {
        Assert.Equal(expected, SamplingSource.Rest([5, 4, 3, 2, 0], strength));
    }

    [Fact]
    public void The_start_of_image_to_image_is_the_picture_with_the_noise_of_its_level()
    {
        // With a denoiser that returns the picture whatever it sees, each solver must end in the picture.
        using var network = new UNet(Small, seed: 3);
        var everywhere = new ImageBatch(1, 1, Side, Side, new byte[Area]); // draws nothing anew
        Assert.Equal(
            Picture().Pixels,
            Sample(network, new() { Image = Picture(), Mask = everywhere, Strength = 0.4 }, Solvers.Heun()).Image(0).ToArray());
    }

    [Fact]
    public void Resampling_asks_the_denoiser_as_often_as_it_says()
    {
        using var scope = NewDisposeScope();
        var solver = Resampling.Of(Solvers.Heun(), 3);
        var denoiser = new Counting();
        double[] levels = [3, 2, 1, 0];
        using var generator = new Generator(1, CPU);
        Tensor Noise() => randn(1, 1, 4, 4, generator: generator);
        using var result = solver.Solve(new() { Denoiser = denoiser, Levels = levels, X = Noise(), Noise = (_, _) => Noise() });
        Assert.Equal(13, denoiser.Count); // two steps three times by two evaluations, and the last with one
        Assert.Equal(denoiser.Count, solver.Evaluations!(3));
        Assert.Same(solver, Resampling.Of(solver, 1));
    }

    [Fact]
    public void Interpolation_begins_with_the_image_of_the_one_seed_and_ends_with_that_of_the_other()
    {
        using var network = new UNet(Small, seed: 3);
        using var pipeline = Drawn.Pipeline(network, Side, threads: 2);
        ImageBatch Draw(int count, long seed, long? to = null) => pipeline.Generate([0],
            new() { Count = count, Seed = seed, InterpolateTo = to, Steps = 8, Sampler = "heun", Levels = "karras" }).Images;
        var walk = Draw(5, 7, to: 70);
        AssertNear(Draw(1, 7).Image(0), walk.Image(0));
        AssertNear(Draw(1, 70).Image(0), walk.Image(4));
        Assert.NotEqual(walk.Image(0).ToArray(), walk.Image(2).ToArray());
    }

    [Fact]
    public void A_picture_that_does_not_fit_is_refused_by_its_size()
    {
        using var network = new UNet(Small);
        void Refused(SourceImage source, string why) =>
            Assert.Contains(
                why, Assert.Throws<InvalidRequestException>(() => Sample(network, source, Solvers.Euler())).Message,
                StringComparison.Ordinal);
        Refused(new() { Image = new ImageBatch(1, 1, 4, 4, new byte[16]) }, "1 x 1 x 4 x 4");
        Refused(new() { Image = Picture(), Mask = new ImageBatch(1, 3, Side, Side, new byte[3 * Area]) }, "The mask is 1 x 3");
        Refused(new() { Image = Picture(), Strength = 0 }, "Strength 0");
        Refused(new() { Image = Picture(), Resampling = 0 }, "Resampling 0");
    }

    private static ImageBatch Sample(UNet network, SourceImage source, Solver solver)
    {
        using var pipeline = Drawn.Pipeline(network, Side, threads: 2);
        return pipeline.Generate(
            [0], new() { Count = 3, Seed = 0, Steps = 5, Sampler = solver.Name, Levels = "karras", Source = source }).Images;
    }

    private static ImageBatch Picture() => new(1, 1, Side, Side, [.. Enumerable.Range(0, Area).Select(i => (byte)(i * 4))]);

    private static ImageBatch LowerHalf() =>
        new(1, 1, Side, Side, [.. Enumerable.Range(0, Area).Select(i => (byte)(i < Area / 2 ? 0 : 255))]);

    private static void AssertNear(ReadOnlySpan<byte> expected, ReadOnlySpan<byte> actual)
    {
        for (int i = 0; i < expected.Length; i++)
            Assert.InRange(Math.Abs(expected[i] - actual[i]), 0, 1);
    }

    private sealed class Counting : IDenoiser
    {
        public int Count { get; private set; }

        public Tensor Denoise(Tensor x, double sigma)
        {
            Count++;
            return x * 0.5;
        }
    }
}
