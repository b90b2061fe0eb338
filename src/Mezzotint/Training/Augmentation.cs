using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>How far training images are bent: the largest of each, but for the displacement.</summary>
/// <param name="Turn">Radians.</param>
/// <param name="Size">Relative.</param>
/// <param name="Slant">Columns a row.</param>
/// <param name="Shift">Of half an image.</param>
/// <param name="Displacement">Of half an image, standard deviation at a node of the lattice.</param>
/// <param name="Outside">What is seen outside an image.</param>
internal sealed record Bending(
    double Turn, double Size, double Slant, double Shift, double Displacement, GridSamplePaddingMode Outside)
{
    /// <summary>Handwriting: 12 degrees, 2 pixels of 28, 0.6 pixels of 28; black outside.</summary>
    public static readonly Bending Strokes = new(0.21, 0.12, 0.2, 0.14, 0.045, GridSamplePaddingMode.Zeros);

    /// <summary>
    /// Pictures that are drawn alike each time: 4 degrees, 2 pixels of 64. None is mirrored: hands and flags would mean something
    /// else. Outside is what is at the edge.
    /// </summary>
    public static readonly Bending Pictures = new(0.07, 0.08, 0.05, 0.06, 0.015, GridSamplePaddingMode.Border);

    /// <summary>The same with every extent so many times as large.</summary>
    public Bending Times(double factor) => this with
    {
        Turn = factor * Turn, Size = factor * Size, Slant = factor * Slant, Shift = factor * Shift,
        Displacement = factor * Displacement,
    };
}

/// <summary>
/// Training images bent a little, each in its own way, so that a network learns what a bent digit is: a random affine map (turn,
/// size, slant, shift) and a smooth random displacement. After Simard et al. 2003, "Best Practices for Convolutional Neural
/// Networks Applied to Visual Document Analysis", section 2, with displacements drawn on a coarse lattice and interpolated
/// instead of drawn for each pixel and blurred.
/// </summary>
/// <remarks>
/// An output pixel at place p (both coordinates from -1 to 1) shows the image at A p + b + d(p), bilinear.
/// </remarks>
internal sealed record Augmentation(Tensor Affine, Tensor Lattice, Bending Bending) : BatchDraw
{
    private const int LatticeSide = 6;

    /// <summary>Draws what happens to each image of a batch; whatever is made lives in the caller's scope.</summary>
    public static Augmentation From(Generator generator, long batch, Bending bending)
    {
        Tensor Uniform(double extent) => rand([batch], generator: generator).Times(2 * extent).Plus(-extent);
        var turn = Uniform(bending.Turn);
        var (across, down) = (Uniform(bending.Size).Plus(1), Uniform(bending.Size).Plus(1));
        var slant = Uniform(bending.Slant);
        var (right, below) = (Uniform(bending.Shift), Uniform(bending.Shift));
        // [cos, -sin; sin, cos] [across, slant; 0, down], and the shift as its last column
        var (cos, sin) = (turn.cos(), turn.sin());
        var affine = stack(
        [
            cos * across, cos * slant - sin * down, right,
            sin * across, (sin * slant).Plus(cos * down), below,
        ], dim: 1).view(batch, 2, 3);
        var lattice = randn([batch, 2, LatticeSide, LatticeSide], generator: generator).Times(bending.Displacement);
        return new(affine, lattice, bending); // lattice: [B, 2, side, side]
    }

    public override Augmentation MoveTo(Device device) => new(Affine.to(device), Lattice.to(device), Bending);

    public override Augmentation Slice(long start, long count) =>
        new(Affine.narrow(0, start, count), Lattice.narrow(0, start, count), Bending);

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
            images, places, GridSampleMode.Bilinear, Bending.Outside, align_corners: false).MoveToOuterDisposeScope();
    }
}
