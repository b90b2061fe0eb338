using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>
/// Keeps a denoiser's estimate in the range of the data, where strong guidance drives it out. Static: it is cut off at the range.
/// Dynamic: let u = D scaled so that the range is -1 to 1, and s the p-quantile of |u| over an image, at least 1. Then u is cut
/// off at -s and s and divided by s.
/// </summary>
/// <remarks>Saharia et al. 2022, "Imagen", arXiv 2205.11487, section 2.3.</remarks>
public sealed class ThresholdingDenoiser : IDenoiser
{
    private readonly IDenoiser _inner;
    private readonly double _low, _high;
    private readonly double? _quantile;
    private readonly double _greatest;
    private readonly bool _keepsNoise;

    private ThresholdingDenoiser(
        IDenoiser inner, double low, double high, double? quantile, double greatest, bool keepsNoise)
    {
        ArgumentNullException.ThrowIfNull(inner);
        if (!double.IsFinite(low) || !double.IsFinite(high) || low >= high)
            throw new ArgumentException($"A range from {low} to {high}: it must go up.", nameof(high));
        (_inner, _low, _high, _quantile, _greatest, _keepsNoise) = (inner, low, high, quantile, greatest, keepsNoise);
    }

    /// <summary>Cuts off at the range.</summary>
    /// <param name="inner">Whose estimates.</param>
    /// <param name="low">The least value of the data.</param>
    /// <param name="high">The greatest.</param>
    /// <param name="keepsNoise">Whether solvers that put the predicted noise back (<see cref="Solver.Renoises"/>) predict it by
    /// the estimate before it was cut off, as diffusers' clip_sample does.</param>
    /// <exception cref="ArgumentException">The range is empty or not finite.</exception>
    public static ThresholdingDenoiser Static(
        IDenoiser inner, double low = 0, double high = 1, bool keepsNoise = false) =>
        new(inner, low, high, null, double.PositiveInfinity, keepsNoise);

    /// <summary>Cuts off where all but 1 - <paramref name="quantile"/> of an image's values lie within, and scales that to the
    /// range.</summary>
    /// <param name="inner">Whose estimates.</param>
    /// <param name="quantile">p, above 0 to 1.</param>
    /// <param name="low">The least value of the data.</param>
    /// <param name="high">The greatest.</param>
    /// <param name="greatest">The most that s may be, 1 or more: what lies beyond is cut off, not scaled in (diffusers'
    /// sample_max_value).</param>
    /// <param name="keepsNoise">As for <see cref="Static"/>.</param>
    /// <exception cref="ArgumentException">The range is empty or not finite, or the quantile or the greatest s out of its
    /// own.</exception>
    public static ThresholdingDenoiser Dynamic(
        IDenoiser inner, double quantile = 0.995, double low = 0, double high = 1, double greatest = double.PositiveInfinity,
        bool keepsNoise = false) =>
        !(greatest >= 1) ? throw new ArgumentOutOfRangeException(nameof(greatest), greatest, "The greatest s is 1 or more.")
        : quantile is > 0 and <= 1
            ? new(inner, low, high, quantile, greatest, keepsNoise)
            : throw new ArgumentOutOfRangeException(nameof(quantile), quantile, "A quantile is above 0 and at most 1.");

    /// <inheritdoc/>
    public Tensor Denoise(Tensor x, double sigma)
    {
        using var scope = NewDisposeScope();
        return InRange(_inner.Denoise(x, sigma)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Estimates Estimate(Tensor x, double sigma)
    {
        using var scope = NewDisposeScope();
        var (denoised, ofNoise) = _inner.Estimate(x, sigma);
        var predicts = _keepsNoise ? ofNoise ?? denoised : ofNoise is null ? null : InRange(ofNoise);
        return new(InRange(denoised).MoveToOuterDisposeScope(), predicts?.MoveToOuterDisposeScope());
    }

    private Tensor InRange(Tensor denoised)
    {
        using var scope = NewDisposeScope();
        using var low = tensor(_low, denoised.dtype, denoised.device);
        using var high = tensor(_high, denoised.dtype, denoised.device);
        if (_quantile is not { } p)
            return denoised.maximum(low).minimum(high).MoveToOuterDisposeScope();

        using var middle = tensor((_low + _high) / 2, denoised.dtype, denoised.device);
        using var half = tensor((_high - _low) / 2, denoised.dtype, denoised.device);
        using var one = tensor(1.0, denoised.dtype, denoised.device);
        using var most = tensor(_greatest, denoised.dtype, denoised.device);
        var u = denoised.sub(middle).div(half);
        // [B, 1, 1, 1]
        var s = Quantile(u.abs().flatten(1), p).maximum(one).minimum(most)
            .reshape([u.shape[0], .. Enumerable.Repeat(1L, (int)u.dim() - 1)]);
        return u.minimum(s).maximum(s.neg()).div(s).mul(half).Plus(middle).MoveToOuterDisposeScope();
    }

    /// <summary>The p-quantile of each row, linear between its neighbours; libtorch's own refuses more than 2^24
    /// values.</summary>
    private static Tensor Quantile(Tensor rows, double p)
    {
        long last = rows.shape[1] - 1;
        double position = p * last;
        long below = Math.Min((long)position, Math.Max(last - 1, 0)), above = Math.Min(below + 1, last);
        using var weight = tensor(position - below, rows.dtype, rows.device);
        var (sorted, _) = rows.sort(1);
        return sorted.select(1, below).lerp(sorted.select(1, above), weight);
    }
}
