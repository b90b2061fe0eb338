using CsCheck;
using Mezzotint.Runtime;
using TorchSharp;

namespace Mezzotint.Tests.Runtime;

public class RandomSeedsTests
{
    // Computed by a separate Python program of the same three rounds of SplitMix64, whose first output from state 0 is the
    // published 16294208416658607535. They may never change: a resumed run and a drawn set of images depend on them.
    [Theory]
    [InlineData(0L, nameof(RandomPurpose.Shuffle), 0L, 595752380u)]
    [InlineData(42L, nameof(RandomPurpose.Shuffle), 0L, 1662041860u)]
    [InlineData(42L, nameof(RandomPurpose.TrainingNoise), 0L, 752888910u)]
    [InlineData(42L, nameof(RandomPurpose.EvaluationNoise), 0L, 109357541u)]
    [InlineData(42L, nameof(RandomPurpose.TrainingNoise), 1L, 1564045200u)]
    [InlineData(42L, nameof(RandomPurpose.TrainingNoise), 28139L, 272912237u)]
    [InlineData(4294967295L, nameof(RandomPurpose.TrainingNoise), 7L, 4197258098u)]
    [InlineData(-1L, nameof(RandomPurpose.EvaluationNoise), 1L << 40, 1178840053u)]
    public void Seeds_of_streams_are_pinned(long seed, string purpose, long index, uint expected) =>
        Assert.Equal(expected, RandomSeeds.Derive(seed, Enum.Parse<RandomPurpose>(purpose), index));

    [Fact]
    public void Streams_of_neighbouring_seeds_purposes_and_indices_are_distinct()
    {
        var seeds = new HashSet<uint>();
        for (long seed = 0; seed < 4; seed++)
            foreach (var purpose in Enum.GetValues<RandomPurpose>())
                for (long index = 0; index < 1000; index++)
                    seeds.Add(RandomSeeds.Derive(seed, purpose, index));
        Assert.Equal(4 * Enum.GetValues<RandomPurpose>().Length * 1000, seeds.Count);
    }

    [Fact]
    public void One_bit_more_in_the_index_changes_about_half_the_bits() =>
        Gen.Select(Gen.Long, Gen.Enum<RandomPurpose>(), Gen.Long, Gen.Int[0, 63]).Array[64].Sample(samples =>
    {
        double changed = samples.Average(sample =>
        {
            var (seed, purpose, index, bit) = sample;
            return uint.PopCount(
                RandomSeeds.Derive(seed, purpose, index) ^ RandomSeeds.Derive(seed, purpose, index ^ (1L << bit)));
        });
        Assert.InRange(changed, 12, 20); // 16 +- 0.35
    }, iter: 100);

    [Fact]
    public void A_generator_starts_at_its_seed()
    {
        using var scope = torch.NewDisposeScope();
        using var derived = RandomSeeds.Generator(42, RandomPurpose.Shuffle, 0);
        using var plain = new torch.Generator(1662041860, torch.CPU);
        TensorAssert.Same(torch.rand(5, generator: plain), torch.rand(5, generator: derived));
    }
}
