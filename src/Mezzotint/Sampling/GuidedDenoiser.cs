using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>The denoiser of a <see cref="Guidance"/> for one walk, in which it may remember what it was asked. Dispose it at the
/// end.</summary>
public sealed class GuidedDenoiser : IDenoiser, IDisposable
{
    private readonly Guidance _guidance;
    private readonly IDenoiser _denoiser;
    private readonly IDenoiser? _reference; // null where the guidance is none
    private Tensor? _memory;

    internal GuidedDenoiser(Guidance guidance, IDenoiser denoiser, IDenoiser? reference) =>
        (_guidance, _denoiser, _reference) = (guidance, denoiser, reference);

    /// <inheritdoc/>
    /// <exception cref="MezzotintException">The guidance has another estimate of the noise, which whoever asks for this one would
    /// miss.</exception>
    public Tensor Denoise(Tensor x, double sigma)
    {
        if (_guidance.Renoises)
            throw RenoisedGuidance.Undefined("and this one asks for a single estimate");
        return IsGuided(sigma) ? Guide(x, sigma).Denoised : _denoiser.Denoise(x, sigma);
    }

    /// <inheritdoc/>
    public Estimates Estimate(Tensor x, double sigma) =>
        IsGuided(sigma) ? Guide(x, sigma) : new(_denoiser.Denoise(x, sigma));

    /// <summary>Frees what it remembers.</summary>
    public void Dispose() => _memory?.Dispose();

    private bool IsGuided(double sigma) => !_guidance.IsNone && _guidance.Covers(sigma);

    private Estimates Guide(Tensor x, double sigma)
    {
        using var scope = NewDisposeScope();
        var (denoised, reference) = _denoiser.DenoiseWith(_reference!, x, sigma);
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

    /// <summary>guided (phi std(D) / std(guided) + 1 - phi). A flat image has no deviation to restore.</summary>
    private Tensor Rescaled(Tensor guided, Tensor denoised)
    {
        var std = PerImage.Std(guided);
        var factor = PerImage.Std(denoised) / std;
        factor = where(std.eq(zeros_like(std)), ones_like(factor), factor);
        return guided * factor.Times(_guidance.Rescale).Plus(1 - _guidance.Rescale);
    }
}
