using Mezzotint.Data;
using Mezzotint.Models;
using Mezzotint.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Serving;

/// <summary>What a drawing begins from, in the network's numbers.</summary>
/// <param name="Source">The picture; null for pure noise.</param>
/// <param name="Pixels">Its pixels, 0 to 1; null where there is none.</param>
/// <param name="Mask">Which of them are drawn anew; null for all.</param>
/// <param name="Beside">What a network for inpainting sees beside: see <see cref="SamplingRequest.Beside"/>.</param>
internal sealed record EncodedSource(SamplingSource? Source, Tensor? Pixels, Tensor? Mask, Tensor? Beside) : IDisposable
{
    private static readonly Scalar Half = 0.5f;

    /// <summary>Encodes what a plan begins from.</summary>
    public static EncodedSource Of(GenerationPlan plan)
    {
        var info = plan.Model;
        bool sees = info.Model.InChannels != info.Model.OutChannels;
        if (plan.Source is not { } source)
            return new(null, null, null, NothingKept(info));
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var pixels = PixelTensors.Of(source.Image);
        var mask = source.Mask is null ? null : PixelTensors.Of(source.Mask).ge(Half);
        return new(
            new SamplingSource
            {
                Numbers = info.Pixels.Encode(pixels).DetachFromDisposeScope(),
                Mask = mask is null ? null : info.Pixels.EncodeMask(mask).DetachFromDisposeScope(),
                Strength = source.Strength,
                Resampling = source.Resampling,
            },
            pixels.DetachFromDisposeScope(), mask?.DetachFromDisposeScope(),
            !sees ? null : Shown(info, pixels, mask ?? ones_like(pixels.narrow(1, 0, 1)).to(ScalarType.Bool))
                .DetachFromDisposeScope());
    }

    public void Dispose()
    {
        Source?.Numbers.Dispose();
        Source?.Mask?.Dispose();
        Pixels?.Dispose();
        Mask?.Dispose();
        Beside?.Dispose();
    }

    /// <summary>All of a grey picture is drawn anew; null for networks that see nothing beside.</summary>
    internal static Tensor? NothingKept(ModelInfo info)
    {
        if (info.Model.InChannels == info.Model.OutChannels)
            return null;
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var grey = full(new long[] { 1, info.Channels, info.Height, info.Width }, Half);
        return Shown(info, grey, ones_like(grey.narrow(1, 0, 1)).to(ScalarType.Bool)).DetachFromDisposeScope();
    }

    /// <summary>The mask at the places of the numbers, and the numbers of the picture with grey under the mask.</summary>
    private static Tensor Shown(ModelInfo info, Tensor pixels, Tensor mask)
    {
        using var scope = NewDisposeScope();
        var numbers = info.Pixels.Encode(where(mask, full_like(pixels, Half), pixels));
        var places = nn.functional.interpolate(
            mask.to(float32), size: [numbers.shape[2], numbers.shape[3]], mode: InterpolationMode.Nearest);
        return cat([places, numbers], 1).MoveToOuterDisposeScope();
    }
}
