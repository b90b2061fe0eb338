using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>The denoiser of a <see cref="Guidance"/> for one walk, in which it may remember what it was asked. Dispose it at the end.</summary>
public sealed class GuidedDenoiser : IDenoiser, IDisposable
{
    private readonly Guidance _guidance;
    private readonly IDenoiser _denoiser;
    private readonly IDenoiser? _weaker;
    private readonly long? _noLabel;
    private Tensor? _memory;

    internal GuidedDenoiser(Guidance guidance, IDenoiser denoiser, int? noLabel, IDenoiser? weaker) =>
        (_guidance, _denoiser, _noLabel, _weaker) = (guidance, denoiser, noLabel, weaker);

    /// <inheritdoc/>
    /// <exception cref="MezzotintException">The guidance has another estimate of the noise, which whoever asks for this one would miss.</exception>
    public Tensor Denoise(Tensor x, double sigma, Tensor labels)
    {
        if (_guidance.Renoises)
            throw RenoisedGuidance.Undefined("and this one asks for a single estimate");
        return IsGuided(sigma) ? Guide(x, sigma, labels).Denoised : _denoiser.Denoise(x, sigma, labels);
    }

    /// <inheritdoc/>
    public Estimates Estimate(Tensor x, double sigma, Tensor labels) =>
        IsGuided(sigma) ? Guide(x, sigma, labels) : new(_denoiser.Denoise(x, sigma, labels));

    /// <summary>Frees what it remembers.</summary>
    public void Dispose() => _memory?.Dispose();

    private bool IsGuided(double sigma) => !_guidance.IsNone && _guidance.Covers(sigma);

    private Estimates Guide(Tensor x, double sigma, Tensor labels)
    {
        using var scope = NewDisposeScope();
        var (denoised, reference) = Pair(x, sigma, labels);
        var before = _memory;
        var guided = _guidance.Combine(denoised, reference, ref _memory);
        if (!ReferenceEquals(before, _memory))
        {
            before?.Dispose();
            _memory!.DetachFromDisposeScope();
        }
        if (_guidance.Rescale > 0)
            guided = Rescaled(guided, denoised);
        return new(guided.MoveToOuterDisposeScope(), _guidance.Renoises ? reference.MoveToOuterDisposeScope() : null);
    }

    /// <summary>D and D_0: of one network in one evaluation of twice as many images, or of two.</summary>
    private (Tensor Denoised, Tensor Reference) Pair(Tensor x, double sigma, Tensor labels)
    {
        if (_weaker is not null)
            return (_denoiser.Denoise(x, sigma, labels), _weaker.Denoise(x, sigma, labels));
        using Scalar noLabel = _noLabel!.Value;
        var nothing = full(labels.shape, noLabel, dtype: labels.dtype, device: labels.device);
        var both = _denoiser.Denoise(cat([x, x]), sigma, cat([labels, nothing]));  // [2B, C, H, W]
        long images = x.shape[0];
        return (both.narrow(0, 0, images), both.narrow(0, images, images));
    }

    /// <summary>guided (phi std(D) / std(guided) + 1 - phi). A flat image has no deviation to restore.</summary>
    private Tensor Rescaled(Tensor guided, Tensor denoised)
    {
        var std = PerImage.Std(guided);
        var factor = PerImage.Std(denoised) / std;
        factor = where(std.eq(zeros_like(std)), ones_like(factor), factor);
        return guided * factor.Times(_guidance.Rescale).Plus(1 - _guidance.Rescale);
    }
}
