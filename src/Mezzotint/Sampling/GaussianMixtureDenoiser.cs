using System.Runtime.InteropServices;
using Mezzotint.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mezzotint.Sampling;

/// <summary>
/// The exact denoiser of a known distribution, a mixture of Gaussians: p(x_0) = sum_k w_k N(x_0; m_k 1, s_k^2 I). Then
/// D(x, sigma) = sum_k r_k (s_k^2 x + sigma^2 m_k) / (s_k^2 + sigma^2), r_k proportional to w_k N(x; m_k 1, (s_k^2 + sigma^2) I).
/// No network is needed, so that what a solver makes can be held against the truth.
/// </summary>
/// <remarks>
/// It is E[x_0 | x_0 + sigma z = x]: each component's posterior mean, weighed by its share r_k in x (Bishop 2006, "Pattern
/// Recognition and Machine Learning", equations 2.116 and 9.13). The score (D - x) / sigma^2 is that of the noisy mixture (Efron
/// 2011, "Tweedie's Formula and Selection Bias"). All pixels of an image are of one component, whose mean is the same for each.
/// Computed in float64, whatever the type of x.
/// </remarks>
public sealed class GaussianMixtureDenoiser : IDenoiser
{
    private readonly double[] _weights, _means, _stds;

    /// <summary>Makes a mixture.</summary>
    /// <param name="weights">w_k, each above 0; they are divided by their sum.</param>
    /// <param name="means">m_k, in the data's units.</param>
    /// <param name="stds">s_k, each above 0, in the data's units.</param>
    /// <exception cref="ArgumentException">There is no component, the lists differ in length, or a number is out of its
    /// range.</exception>
    public GaussianMixtureDenoiser(IEnumerable<double> weights, IEnumerable<double> means, IEnumerable<double> stds)
    {
        double[] shares = [.. weights];
        (_means, _stds) = ([.. means], [.. stds]);
        if (shares.Length == 0 || shares.Length != _means.Length || shares.Length != _stds.Length)
            throw new ArgumentException(
                $"{shares.Length} weights, {_means.Length} means and {_stds.Length} standard deviations: a mixture has one of "
                + $"each for every component, and at least one component.",
                nameof(weights));
        if (!shares.All(w => double.IsFinite(w) && w > 0))
            throw new ArgumentException($"Weights {string.Join(", ", shares)}: each is above 0.", nameof(weights));
        if (!_means.All(double.IsFinite))
            throw new ArgumentException($"Means {string.Join(", ", _means)}: each is finite.", nameof(means));
        if (!_stds.All(s => double.IsFinite(s) && s > 0))
            throw new ArgumentException($"Standard deviations {string.Join(", ", _stds)}: each is above 0.", nameof(stds));
        double sum = shares.Sum();
        _weights = [.. shares.Select(w => w / sum)];
    }

    /// <summary>Two modes of different width that overlap little, 0.4 N(-1, 0.5^2) + 0.6 N(1.2, 0.35^2): a path has to decide
    /// between them.</summary>
    public static GaussianMixtureDenoiser TwoModes { get; } = new([0.4, 0.6], [-1, 1.2], [0.5, 0.35]);

    /// <summary>The mean of a pixel.</summary>
    public double Mean => _weights.Zip(_means, (w, m) => w * m).Sum();

    /// <summary>The variance of a pixel.</summary>
    public double Variance => _weights.Select((w, k) => w * (_stds[k] * _stds[k] + _means[k] * _means[k])).Sum() - Mean * Mean;

    /// <summary>The density of a pixel with noise added, p(x) = sum_k w_k N(x; m_k, s_k^2 + sigma^2).</summary>
    /// <param name="x">Where.</param>
    /// <param name="sigma">The standard deviation of the noise, 0 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="sigma"/> is negative.</exception>
    public double Density(double x, double sigma)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sigma);
        return _weights.Select((w, k) =>
        {
            double variance = _stds[k] * _stds[k] + sigma * sigma, distance = x - _means[k];
            return w / Math.Sqrt(2 * Math.PI * variance) * Math.Exp(-distance * distance / (2 * variance));
        }).Sum();
    }

    /// <inheritdoc/>
    public Tensor Denoise(Tensor x, double sigma)
    {
        ArgumentNullException.ThrowIfNull(x);
        using var scope = NewDisposeScope();
        if (x.numel() == 0)
            return x.clone().MoveToOuterDisposeScope();
        if (x.requires_grad && is_grad_enabled())
            return Differentiable(x, sigma).MoveToOuterDisposeScope();
        // In plain numbers: for the few pixels that such a mixture is asked about, that is quicker than tensors.
        double[] values = MemoryMarshal.Cast<byte, double>(x.detach().to(float64).cpu().contiguous().bytes).ToArray();
        int pixels = values.Length / (int)x.shape[0];
        var shares = new double[_weights.Length];
        for (int start = 0; start < values.Length; start += pixels)
            DenoiseImage(values.AsSpan(start, pixels), sigma, shares);
        return tensor(values, x.shape).to(x.dtype).to(x.device).MoveToOuterDisposeScope();
    }

    /// <summary>ln p of noisy images in closed form, in nats: ln sum_k w_k N(x; m_k 1, (s_k^2 + sigma^2) I).</summary>
    /// <param name="x">[B, C, H, W], x_0 + sigma z.</param>
    /// <param name="sigma">The standard deviation of their noise, 0 or more.</param>
    /// <returns>float64 [B].</returns>
    public Tensor LogDensity(Tensor x, double sigma)
    {
        ArgumentNullException.ThrowIfNull(x);
        using var scope = NewDisposeScope();
        return LogShares(x.to(float64).flatten(1), sigma).logsumexp(1).MoveToOuterDisposeScope();
    }

    /// <summary>Draws from the mixture with noise added: x_0 + sigma z, the exact marginal at a level.</summary>
    /// <param name="sigma">The standard deviation of the noise, 0 or more.</param>
    /// <param name="count">B, 1 or more.</param>
    /// <param name="pixels">W, 1 or more.</param>
    /// <param name="seed">Of the numbers; the same seed gives the same draws.</param>
    /// <returns>float64 [B, 1, 1, W].</returns>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    public Tensor Draw(double sigma, int count, int pixels, long seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sigma);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(pixels);
        var stream = new RandomStream(seed);
        var values = new double[count * pixels];
        for (int i = 0; i < count; i++)
        {
            double u = stream.NextDouble();
            int k = 0;
            for (double below = _weights[0]; u >= below && k < _weights.Length - 1; below += _weights[k])
                k++;
            for (int j = 0; j < pixels; j++)
                values[i * pixels + j] = stream.Normal(_means[k], Math.Sqrt(_stds[k] * _stds[k] + sigma * sigma));
        }
        return tensor(values, [count, 1, 1, pixels]);
    }

    /// <summary>D in tensor operations, from which libtorch has its derivatives.</summary>
    private Tensor Differentiable(Tensor x, double sigma)
    {
        var flat = x.to(float64).flatten(1);                       // [B, n]
        var shares = functional.softmax(LogShares(flat, sigma), 1); // [B, K]
        var denoised = zeros_like(flat);
        for (int k = 0; k < _weights.Length; k++)
        {
            double gain = _stds[k] * _stds[k] / (_stds[k] * _stds[k] + sigma * sigma);
            denoised = denoised.Plus(shares.narrow(1, k, 1) * flat.Times(gain).Plus((1 - gain) * _means[k]));
        }
        return denoised.reshape(x.shape).to(x.dtype);
    }

    /// <summary>ln w_k N(x; m_k 1, (s_k^2 + sigma^2) I) of each component: [B, K].</summary>
    private Tensor LogShares(Tensor flat, double sigma) => stack([.. Enumerable.Range(0, _weights.Length).Select(k =>
    {
        double variance = _stds[k] * _stds[k] + sigma * sigma;
        double constant = Math.Log(_weights[k]) - 0.5 * flat.shape[1] * Math.Log(2 * Math.PI * variance);
        return flat.Plus(-_means[k]).Squared().sum(1).Times(-0.5 / variance).Plus(constant);
    })], 1);

    /// <summary>D is linear in x once the shares are known: slope x + offset.</summary>
    private void DenoiseImage(Span<double> image, double sigma, double[] shares)
    {
        for (int k = 0; k < shares.Length; k++)
        {
            double variance = _stds[k] * _stds[k] + sigma * sigma, square = 0;
            foreach (double value in image)
                square += (value - _means[k]) * (value - _means[k]);
            shares[k] = Math.Log(_weights[k]) - 0.5 * (image.Length * Math.Log(variance) + square / variance);
        }
        double top = shares.Max(), sum = 0, slope = 0, offset = 0;
        for (int k = 0; k < shares.Length; k++)
            sum += shares[k] = Math.Exp(shares[k] - top); // from the largest, so that not all vanish
        for (int k = 0; k < shares.Length; k++)
        {
            double gain = _stds[k] * _stds[k] / (_stds[k] * _stds[k] + sigma * sigma);
            slope += shares[k] / sum * gain;
            offset += shares[k] / sum * (1 - gain) * _means[k];
        }
        foreach (ref double value in image)
            value = slope * value + offset;
    }
}
