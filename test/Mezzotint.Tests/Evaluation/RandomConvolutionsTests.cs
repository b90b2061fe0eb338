using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Runtime;

namespace Mezzotint.Tests.Evaluation;

/// <summary>The space of random convolutions is the same everywhere, differs by its seed, and takes images of any kind.</summary>
public sealed class RandomConvolutionsTests : IDisposable
{
    private readonly WorkerThreads _threads = new(2);

    public void Dispose() => _threads.Dispose();

    [Theory]
    [InlineData(1, 28, 28)]
    [InlineData(3, 64, 48)]
    [InlineData(3, 8, 8)]
    public void It_has_128_numbers_an_image_of_any_size_and_colour(int channels, int height, int width)
    {
        var points = Of(Images(5, channels, height, width), seed: 1);
        Assert.Equal((5, 128), (points.Count, points.Length));
        Assert.All(points.Values, value => Assert.True(double.IsFinite(value) && value >= 0));
    }

    [Fact]
    public void An_image_has_the_same_numbers_in_any_set_and_on_any_number_of_threads()
    {
        var images = Images(130, 1, 28, 28);
        using var one = new WorkerThreads(1);
        var (all, alone) = (Of(images, 1), RandomConvolutions.Of(1, one).Embed(images.Pick([77]), null, default));
        Assert.Equal(all[77].ToArray(), alone.Values, (a, b) => Math.Abs(a - b) <= 1e-5 * Math.Max(1, Math.Abs(a)));
        Assert.NotEqual(Of(images, 2)[77].ToArray(), all[77].ToArray());
    }

    private Points Of(ImageSet images, long seed) => RandomConvolutions.Of(seed, _threads).Embed(images, null, default);

    private static ImageSet Images(int count, int channels, int height, int width)
    {
        var random = new RandomStream(9);
        byte[] pixels = new byte[count * channels * height * width];
        for (int i = 0; i < pixels.Length; i++)
            pixels[i] = (byte)random.Below(256);
        return new ImageSet("noise", pixels, new byte[count], channels, height, width, ["one"]);
    }
}
