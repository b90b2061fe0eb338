using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Noise;

/// <summary>
/// The variance-exploding process of the seed system: x_t = x_0 + std(t) z with z ~ N(0, I), for t in (0, 1].
/// </summary>
/// <remarks>
/// It solves dx = g(t) dw with g(t) = sigma^t, so that Var[x_t | x_0] = integral of g^2 from 0 to t =
/// (sigma^(2t) - 1) / (2 ln sigma). Song et al. 2021, "Score-Based Generative Modeling through Stochastic Differential
/// Equations", arXiv 2011.13456, equation 6, with the exponential diffusion coefficient. All coefficients are float64.
/// </remarks>
public sealed record VarianceExploding : NoiseProcess
{
    /// <summary>The base of the diffusion coefficient sigma^t; more than 1. The noise at t = 1 has about std sigma / sqrt(2 ln
    /// sigma).</summary>
    public double Sigma { get; init; } = 25;

    /// <summary>The smallest time that is trained and sampled, in (0, 1): at t = 0 the score has no bound.</summary>
    public override double MinimumTime { get; init; } = 1e-3;

    /// <summary>The last time: 1.</summary>
    public override double MaximumTime => 1;

    /// <summary>1: the image stays as it is.</summary>
    /// <param name="t">The time, 0 to 1.</param>
    public override double Alpha(double t) => 1;

    /// <summary>The standard deviation of x_t around x_0.</summary>
    /// <param name="t">The time, 0 to 1.</param>
    public override double Std(double t) => Math.Sqrt((Math.Pow(Sigma, 2 * t) - 1) / (2 * Math.Log(Sigma)));

    /// <summary>The same for a tensor of times, in its precision.</summary>
    /// <param name="t">Times, 0 to 1.</param>
    public override Tensor Std(Tensor t) => t.Times(2 * Math.Log(Sigma)).expm1().Over(2 * Math.Log(Sigma)).sqrt();

    /// <summary>The time at which the noise has the standard deviation <paramref name="level"/>: the inverse of
    /// <see cref="Std(double)"/>.</summary>
    /// <param name="level">A standard deviation, 0 or more.</param>
    public override double Time(double level) => Math.Log(1 + 2 * Math.Log(Sigma) * level * level) / (2 * Math.Log(Sigma));

    /// <summary>0: nothing pulls at the image.</summary>
    /// <param name="t">The time, 0 to 1.</param>
    public override double Drift(double t) => 0;

    /// <summary>The diffusion coefficient g(t) of dx = g(t) dw.</summary>
    /// <param name="t">The time, 0 to 1.</param>
    public override double Diffusion(double t) => Math.Pow(Sigma, t);

    /// <summary>The grid of times that sampling walks down: <paramref name="count"/> times from 1 to <see cref="MinimumTime"/>,
    /// evenly spaced.</summary>
    /// <param name="count">The number of times, 2 or more: one network evaluation each.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is below 2.</exception>
    public override double[] Times(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 2);
        var times = new double[count];
        for (int i = 0; i < count; i++)
            times[i] = 1 + (MinimumTime - 1) * i / (count - 1);
        return times;
    }

    /// <summary>Checks the ranges of the settings.</summary>
    /// <exception cref="MezzotintException">A setting is out of its range; the message names it.</exception>
    public override void Validate()
    {
        Check.Range("process.sigma", Sigma, double.IsFinite(Sigma) && Sigma > 1, "more than 1");
        Check.Range("process.minimum_time", MinimumTime, MinimumTime is > 0 and < 1, "between 0 and 1");
        Check.Range(
            "process.minimum_time", MinimumTime, Std(MinimumTime) > 0, "further from 0: the noise there is rounded to nothing");
    }
}
