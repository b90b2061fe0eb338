using Mezzotint.Sampling;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Sampling;

public class ThresholdingDenoiserTests
{
    [Fact]
    public void Static_cuts_off_at_the_range()
    {
        using var scope = NewDisposeScope();
        Assert.Equal([0, 0.25, 1, 1], Denoise(ThresholdingDenoiser.Static(new Same()), -0.5, 0.25, 1, 7));
        Assert.Equal([-0.5, 0.25, 1, 2], Denoise(ThresholdingDenoiser.Static(new Same(), -1, 2), -0.5, 0.25, 1, 7));
    }

    [Fact]
    public void Dynamic_scales_by_the_quantile_where_it_is_above_1()
    {
        // Range -1 to 1: |u| sorted is 0.5, 1, 2, 4; the quantile 5/6 lies halfway between the third and the fourth, 3.
        using var scope = NewDisposeScope();
        double[] result = Denoise(ThresholdingDenoiser.Dynamic(new Same(), 5 / 6.0, -1, 1), -1, 0.5, 2, -4);
        double[] expected = [-1 / 3.0, 0.5 / 3, 2 / 3.0, -1];
        for (int i = 0; i < 4; i++)
            Assert.Equal(expected[i], result[i], 1e-12);
    }

    [Fact]
    public void Dynamic_leaves_an_image_within_the_range_as_it_is()
    {
        using var scope = NewDisposeScope();
        double[] result = Denoise(ThresholdingDenoiser.Dynamic(new Same()), 0, 0.2, 0.7, 1);
        double[] expected = [0, 0.2, 0.7, 1];
        for (int i = 0; i < 4; i++)
            Assert.Equal(expected[i], result[i], 1e-12);
    }

    [Fact]
    public void Dynamic_takes_each_image_for_itself()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new[] { 0.1, 0.4, 3.0, -2.0 }, [2, 1, 1, 2]);
        var denoiser = ThresholdingDenoiser.Dynamic(new Same(), 1, 0, 1);
        var both = denoiser.Denoise(x, 1);
        Assert.True((both[0] - x[0]).abs().max().item<double>() < 1e-12);
        Assert.Equal(1, both[1].max().item<double>(), 1e-12);
        Assert.Equal(0, (both[1] - denoiser.Denoise(x[1].unsqueeze(0), 1)[0]).abs().max().item<double>());
    }

    [Fact]
    public void Ranges_and_quantiles_that_mean_nothing_are_refused()
    {
        Assert.Throws<ArgumentException>(() => ThresholdingDenoiser.Static(new Same(), 1, 1));
        Assert.Throws<ArgumentException>(() => ThresholdingDenoiser.Static(new Same(), 0, double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => ThresholdingDenoiser.Dynamic(new Same(), 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => ThresholdingDenoiser.Dynamic(new Same(), 1.1));
    }

    private static double[] Denoise(ThresholdingDenoiser denoiser, params double[] values) =>
        denoiser.Denoise(tensor(values, [1, 1, 2, 2]), 1).data<double>().ToArray();

    [Fact]
    public void What_is_cut_off_may_still_predict_the_noise()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new double[] { -3, 0.25, 5 }, [1, 1, 1, 3]);
        IDenoiser given = new Same(), keeps = ThresholdingDenoiser.Static(given, keepsNoise: true);
        var (denoised, ofNoise) = keeps.Estimate(x, 1);
        Assert.Equal([0, 0.25, 1], denoised.data<double>().ToArray());
        Assert.Equal([-3, 0.25, 5], ofNoise!.data<double>().ToArray());
        Assert.Null(((IDenoiser)ThresholdingDenoiser.Static(given)).Estimate(x, 1).OfNoise);
    }

    [Fact]
    public void The_greatest_s_cuts_off_what_lies_beyond()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new double[] { -1, 0.5, 8 }, [1, 1, 1, 3]); // u = -3, 0, 15
        Assert.Equal(
            [0, 0.5, 1], ThresholdingDenoiser.Dynamic(new Same(), 1, greatest: 1.5).Denoise(x, 1).data<double>().ToArray());
        Assert.Equal(0.4, ThresholdingDenoiser.Dynamic(new Same(), 1).Denoise(x, 1).data<double>().ToArray()[0], 1e-12);
        Assert.Throws<ArgumentOutOfRangeException>(() => ThresholdingDenoiser.Dynamic(new Same(), greatest: 0.5));
    }

    private sealed class Same : IDenoiser
    {
        public Tensor Denoise(Tensor x, double sigma) => x.clone();
    }
}
