using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// Training images bent a little, each in its own way, so that a classifier learns what a bent digit is: a random affine map
/// (turn, size, slant,
/// shift) and a smooth random displacement. After Simard et al. 2003, "Best Practices for Convolutional Neural Networks Applied
/// to Visual
/// Document Analysis", section 2, with displacements drawn on a coarse lattice and interpolated instead of drawn for each pixel
/// and blurred.
/// </summary>
/// <remarks>
/// An output pixel at place p (both coordinates from -1 to 1) shows the image at A p + b + d(p), bilinear, black outside.
/// </remarks>
internal sealed record Augmentation(Tensor Affine, Tensor Lattice) : BatchDraw
{
    private const double Turn = 0.21;         // radians: 12 degrees
    private const double Size = 0.12;         // relative
    private const double Slant = 0.2;         // columns a row
    private const double Shift = 0.14;        // of half an image: 2 pixels of 28
    private const double Displacement = 0.045; // of half an image, standard deviation at a node of the lattice: 0.6 pixels of 28
    private const int LatticeSide = 6;

    /// <summary>Draws what happens to each image of a batch; whatever is made lives in the caller's scope.</summary>
    public static Augmentation From(Generator generator, long batch)
    {
        Tensor Uniform(double extent) => rand([batch], generator: generator).Times(2 * extent).Plus(-extent);
        var turn = Uniform(Turn);
        var (across, down) = (Uniform(Size).Plus(1), Uniform(Size).Plus(1));
        var slant = Uniform(Slant);
        var (right, below) = (Uniform(Shift), Uniform(Shift));
        // [cos, -sin; sin, cos] [across, slant; 0, down], and the shift as its last column
        var (cos, sin) = (turn.cos(), turn.sin());
        var affine = stack(
        [
            cos * across, cos * slant - sin * down, right,
            sin * across, (sin * slant).Plus(cos * down), below,
        ], dim: 1).view(batch, 2, 3);
        // [B, 2, side, side]
        return new(affine, randn([batch, 2, LatticeSide, LatticeSide], generator: generator).Times(Displacement));
    }

    public override Augmentation MoveTo(Device device) => new(Affine.to(device), Lattice.to(device));

    public override Augmentation Slice(long start, long count) =>
        new(Affine.narrow(0, start, count), Lattice.narrow(0, start, count));

    /// <summary>Bends images: [B, C, H, W] to the same.</summary>
    public Tensor Apply(Tensor images)
    {
        using var scope = NewDisposeScope();
        long height = images.shape[2], width = images.shape[3];
        var places = nn.functional.affine_grid(Affine, [.. images.shape]);                                       // [B, H, W, 2]
        var displacement =
            nn.functional.interpolate(Lattice, size: [height, width], mode: InterpolationMode.Bicubic, align_corners: true);
        places = places.Plus(displacement.permute(0, 2, 3, 1));
        return nn.functional.grid_sample(
            images, places, GridSampleMode.Bilinear, GridSamplePaddingMode.Zeros, align_corners: false).MoveToOuterDisposeScope();
    }
}
