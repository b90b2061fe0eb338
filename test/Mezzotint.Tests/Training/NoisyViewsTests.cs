using Mezzotint.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Training;

public class NoisyViewsTests
{
    [Fact]
    public void A_view_is_the_image_and_noise_at_an_angle_that_is_uniform()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(5, CPU);
        var views = NoisyViews.From(generator, 4000, [1, 4, 4], bent: null);
        var images = full(4000, 1, 4, 4, 0.8);
        var seen = views.Apply(images);
        var angle = views.Angle.view(-1, 1, 1, 1);
        Assert.True((seen - (images * angle.cos() + views.Noise * angle.sin())).abs().max().item<float>() < 1e-6f);
        Assert.InRange(views.Angle.min().item<float>(), 0, 0.01);
        Assert.InRange(views.Angle.max().item<float>(), Math.PI / 2 - 0.01, Math.PI / 2);
        Assert.Equal(Math.PI / 4, views.Angle.mean().item<float>(), 4 * Math.PI / Math.Sqrt(48 * 4000)); // 4 standard errors
        Assert.Equal(1, views.Noise.std().item<float>(), 0.02);
    }

    [Fact]
    public void A_part_of_the_views_is_that_of_the_whole()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(5, CPU);
        var bent = Augmentation.From(generator, 6, Bending.Strokes);
        var views = NoisyViews.From(generator, 6, [1, 8, 8], bent);
        var images = rand(6, 1, 8, 8);
        var part = views.Slice(2, 3).Apply(images.narrow(0, 2, 3));
        Assert.True((views.Apply(images).narrow(0, 2, 3) - part).abs().max().item<float>() < 1e-5f);
    }
}
