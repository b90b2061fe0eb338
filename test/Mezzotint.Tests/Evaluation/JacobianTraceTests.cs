using Mezzotint.Evaluation;
using Mezzotint.Sampling;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Evaluation;

public class JacobianTraceTests
{
    private const int Pixels = 5;

    [Theory]
    [InlineData(0.05)]
    [InlineData(0.8)]
    [InlineData(3)]
    public void The_exact_trace_is_the_one_by_hand(double sigma)
    {
        using var scope = NewDisposeScope();
        var x = GaussianMixtureDenoiser.TwoModes.Draw(sigma, 6, Pixels, seed: 2);
        var (denoised, trace) = JacobianTrace.Of(GaussianMixtureDenoiser.TwoModes, x, sigma, null);
        TensorAssert.Close(GaussianMixtureDenoiser.TwoModes.Denoise(x, sigma), denoised, 1e-12);
        for (int i = 0; i < 6; i++)
            Assert.Equal(ByHand(x[i].flatten().data<double>().ToArray(), sigma), trace[i].item<double>(), 1e-9);
        Assert.False(denoised.requires_grad || trace.requires_grad);
    }

    [Fact]
    public void The_mean_over_all_probes_of_ones_is_the_exact_trace()
    {
        using var scope = NewDisposeScope();
        var x = GaussianMixtureDenoiser.TwoModes.Draw(1, 2, Pixels, seed: 2);
        var all = stack([.. Enumerable.Range(0, 1 << Pixels).Select(bits =>
            tensor([.. Enumerable.Range(0, Pixels).Select(place => (bits >> place & 1) * 2.0 - 1)], [1, 1, 1, Pixels]).expand(
                2, 1, 1, Pixels))]);
        var exact = JacobianTrace.Of(GaussianMixtureDenoiser.TwoModes, x, 1, null).Trace;
        TensorAssert.Close(exact, JacobianTrace.Of(GaussianMixtureDenoiser.TwoModes, x, 1, all).Trace, 1e-12);
    }

    [Fact]
    public void The_probes_of_an_image_are_its_own_whatever_comes_before()
    {
        using var scope = NewDisposeScope();
        var all = JacobianTrace.Rademacher(7, 0, 3, [4, 1, 2, 2], CPU);
        TensorAssert.Same(all.narrow(1, 2, 2), JacobianTrace.Rademacher(7, 2, 3, [2, 1, 2, 2], CPU));
        Assert.True(all.abs().eq(1).all().item<bool>());
        Assert.NotEqual(all[0].sum().item<float>(), all.abs()[0].sum().item<float>());
    }

    [Fact]
    public void It_works_where_derivatives_are_off()
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var x = ones(1, 1, 1, Pixels, dtype: float64);
        var (_, trace) = JacobianTrace.Of(GaussianMixtureDenoiser.TwoModes, x, 1, null);
        Assert.Equal(ByHand([1, 1, 1, 1, 1], 1), trace.item<double>(), 1e-9);
    }

    /// <summary>tr(dD/dx) = n sum_k r_k g_k + sum_k r_k mu_k . (u_k - sum_j r_j u_j), mu_k = g_k x + (1 - g_k) m_k, u_k = -(x -
    /// m_k) / (s_k^2 + sigma^2).</summary>
    private static double ByHand(double[] x, double sigma)
    {
        (double W, double M, double S)[] mixture = [(0.4, -1, 0.5), (0.6, 1.2, 0.35)];
        double[] v = [.. mixture.Select(c => c.S * c.S + sigma * sigma)];
        double[] p =
        [
            .. mixture.Select((c, k) =>
                c.W * Math.Pow(v[k], -x.Length / 2.0) * Math.Exp(-x.Sum(value => (value - c.M) * (value - c.M)) / (2 * v[k]))),
        ];
        double[] r = [.. p.Select(share => share / p.Sum())];
        double trace = 0;
        for (int k = 0; k < 2; k++)
        {
            double gain = mixture[k].S * mixture[k].S / v[k];
            trace += x.Length * r[k] * gain;
            foreach (double value in x)
            {
                double Slope(int component) => -(value - mixture[component].M) / v[component];
                trace += r[k] * (gain * value + (1 - gain) * mixture[k].M) * (Slope(k) - r[0] * Slope(0) - r[1] * Slope(1));
            }
        }
        return trace;
    }
}
