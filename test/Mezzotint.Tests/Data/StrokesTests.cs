using System.Security.Cryptography;
using Mezzotint.Data;

namespace Mezzotint.Tests.Data;

public class StrokesTests
{
    private static readonly ImageSet Set = Strokes.Make(1000, 0);

    [Fact]
    public void The_first_hundred_are_what_they_always_were()
    {
        // Made by this code when it was written and looked at (Linux x64, .NET 10.0); it guards the data set against changes
        // unawares.
        string sha256 = Convert.ToHexStringLower(SHA256.HashData(Strokes.Make(100, 0).Pixels));
        Assert.True(sha256 == "fef615a1d52d5a3eed93e45b707e75216947a29695c2fca68a31e01988ebe1e4", $"It is {sha256}.");
    }

    [Fact]
    public void An_image_depends_on_seed_and_index_and_not_on_the_count()
    {
        var few = Strokes.Make(37, 0);
        Assert.Equal(Set.Pixels[..few.Pixels.Length], few.Pixels);
        Assert.Equal(Set.Labels[..37], few.Labels);
        var other = Strokes.Make(37, 1);
        for (int i = 0; i < 37; i++)
            Assert.False(few.Image(i).SequenceEqual(other.Image(i)), $"Image {i} is the same with another seed.");
    }

    [Fact]
    public void No_image_comes_twice() =>
        Assert.Equal(
            Set.Count,
            Enumerable.Range(0, Set.Count).Select(i => Convert.ToHexString(SHA256.HashData(Set.Image(i)))).Distinct().Count());

    [Fact]
    public void Classes_are_balanced()
    {
        Assert.All(Set.Labels.GroupBy(label => label), group => Assert.Equal(100, group.Count()));
        Assert.Equal(Enumerable.Range(0, 10).Select(i => $"{i}"), Set.ClassNames);
    }

    [Theory]
    [InlineData(28)]
    [InlineData(16)]
    [InlineData(33)]
    [InlineData(64)]
    public void Ink_is_centred_whole_and_bright(int size)
    {
        var set = Strokes.Make(500, 3, size);
        for (int i = 0; i < set.Count; i++)
        {
            double mass = 0, x = 0, y = 0, most = 0, rim = 0;
            for (int row = 0; row < size; row++)
                for (int column = 0; column < size; column++)
                {
                    double value = set.Image(i)[row * size + column];
                    (mass, x, y, most) =
                        (mass + value, x + value * (column + 0.5), y + value * (row + 0.5), Math.Max(most, value));
                    if (row == 0 || column == 0 || row == size - 1 || column == size - 1)
                        rim = Math.Max(rim, value);
                }
            Assert.True(most >= 150, $"Image {i} is pale: {most}.");
            Assert.True(rim == 0, $"Image {i} touches the rim.");
            // The middle, give or take the half pixel of the placement, crossings, whose ink counts once, and the margin that is
            // kept.
            double allowed = 2.0 * size / 28;
            Assert.InRange(x / mass, size / 2.0 - allowed, size / 2.0 + allowed);
            Assert.InRange(y / mass, size / 2.0 - allowed, size / 2.0 + allowed);
        }
    }

    [Fact]
    public void Values_span_the_whole_range_and_brightness_is_that_of_mnist()
    {
        Assert.Equal((0, 255), (Set.Pixels.Min(), Set.Pixels.Max()));
        Assert.Equal(256, Set.Pixels.Distinct().Count());
        Assert.Equal(33.3, Set.Pixels.Average(value => (double)value), 6.0); // MNIST: 0.1307 * 255
    }

    [Fact]
    public void Digits_can_be_told_apart()
    {
        // Of 300 unseen images, nearly all are nearest to one of the same digit: ten classes, not ten kinds of noise.
        var unseen = Strokes.Make(300, 77);
        int right = 0;
        for (int i = 0; i < unseen.Count; i++)
        {
            int best = 0;
            long least = long.MaxValue;
            for (int k = 0; k < Set.Count; k++)
            {
                var a = unseen.Image(i);
                var b = Set.Image(k);
                long distance = 0;
                for (int p = 0; p < a.Length; p++)
                    distance += (a[p] - b[p]) * (a[p] - b[p]);
                if (distance < least)
                    (least, best) = (distance, k);
            }
            right += Set.Labels[best] == unseen.Labels[i] ? 1 : 0;
        }
        Assert.InRange(right, 280, 300);
    }

    [Fact]
    public void Arguments_out_of_range_are_refused()
    {
        Assert.Empty(Strokes.Make(0, 0).Pixels);
        Assert.Equal(500, Strokes.Make(500, 0, 8).Count);
        Assert.Throws<ArgumentOutOfRangeException>(() => Strokes.Make(-1, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Strokes.Make(1, 0, 7));
        Assert.Throws<ArgumentOutOfRangeException>(() => Strokes.Make(int.MaxValue, 0));
    }
}
