using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// What a classifier of noisy images sees: x cos a + z sin a, the angle a uniform from 0 (the image) to pi / 2 (noise alone), so
/// that the level of noise is tan a.
/// </summary>
/// <param name="Bent">How images are bent before; null for not.</param>
/// <param name="Angle">a of each image: [B].</param>
/// <param name="Noise">z ~ N(0, I): [B, C, H, W].</param>
/// <remarks>The cosine schedule of Nichol, Dhariwal 2021, arXiv 2102.09672, equation 17, without its offset.</remarks>
internal sealed record NoisyViews(Augmentation? Bent, Tensor Angle, Tensor Noise) : BatchDraw
{
    /// <summary>Draws for each image of a batch; whatever is made lives in the caller's scope.</summary>
    public static NoisyViews From(Generator generator, long batch, long[] shape, Augmentation? bent) => new(
        bent, rand([batch], generator: generator).Times(Math.PI / 2), randn([batch, .. shape], generator: generator));

    public override NoisyViews MoveTo(Device device) => new(Bent?.MoveTo(device), Angle.to(device), Noise.to(device));

    public override NoisyViews Slice(long start, long count) =>
        new(Bent?.Slice(start, count), Angle.narrow(0, start, count), Noise.narrow(0, start, count));

    /// <summary>The views of images: [B, C, H, W] to the same.</summary>
    public Tensor Apply(Tensor images)
    {
        using var scope = NewDisposeScope();
        var x = Bent?.Apply(images) ?? images;
        var angle = Angle.view(-1, 1, 1, 1);
        return (x * angle.cos()).Plus(Noise * angle.sin()).MoveToOuterDisposeScope();
    }
}
