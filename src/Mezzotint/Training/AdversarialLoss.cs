using Mezzotint.Networks;
using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// What a discriminator adds to an autoencoder's loss: reconstructions shall look real to it, and it shall tell them from images.
/// </summary>
/// <remarks>
/// Esser et al. 2021, "Taming Transformers for High-Resolution Image Synthesis", arXiv 2012.09841, equations 5 to 7. There the
/// weight compares two gradients at the decoder's last layer, over a batch. Here it compares them at the reconstruction of each
/// image, which needs no second pass through the decoder, and leaves the loss of an image to that image alone, however a batch is
/// shared out.
/// </remarks>
internal static class AdversarialLoss
{
    private const double Least = 1e-12; // where the discriminator has no gradient at all, it pulls nowhere

    /// <summary>The loss of each image: [B]. Its value is the discriminator's own loss; the gradient of the reconstruction is
    /// that of the generator.</summary>
    /// <param name="discriminator">D.</param>
    /// <param name="x">Images: [B, C, H, W].</param>
    /// <param name="y">Their reconstructions, with their graph.</param>
    /// <param name="distance">The loss of the reconstruction of each image, with its graph: [B].</param>
    /// <param name="weight">Of the generator's gradient, relative to that of <paramref name="distance"/>.</param>
    public static Tensor Of(PatchDiscriminator discriminator, Tensor x, Tensor y, Tensor distance, double weight)
    {
        var a = autograd.grad([distance.sum()], [y], retain_graph: true)[0];      // [B, C, H, W]
        Tensor b;
        using (var apart = y.detach().requires_grad_())
            b = autograd.grad([discriminator.call(apart).mean([1, 2, 3]).sum().neg()], [apart])[0];
        var factor = (Norm(a) / Norm(b).Plus(Least)).Times(weight); // [B, 1, 1, 1]
        var pulled = ((factor * b) * y).sum([1, 2, 3]);                           // its gradient is factor b
        var real = discriminator.call(x).neg().Plus(1).relu().mean([1, 2, 3]);    // the hinge loss
        var made = discriminator.call(y.detach()).Plus(1).relu().mean([1, 2, 3]);
        return real.Plus(made).Times(0.5).Plus(pulled - pulled.detach());
    }

    private static Tensor Norm(Tensor gradients) => gradients.Squared().sum([1, 2, 3], keepdim: true).sqrt();
}
