using Mezzotint.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>What happens to an image: zeros for nothing.</summary>
/// <param name="Mirror">Whether left and right are exchanged.</param>
/// <param name="UpsideDown">Whether top and bottom are.</param>
/// <param name="Size">How much larger it is, in deviations of the logarithm.</param>
/// <param name="Turn">The angle that it is turned by, clockwise, in radians.</param>
/// <param name="Stretch">How much longer it is in a direction, and shorter across, in deviations of the logarithm.</param>
/// <param name="Along">The angle of that direction.</param>
/// <param name="Right">How far it is moved, in deviations.</param>
/// <param name="Down">Likewise.</param>
internal readonly record struct ImageChange(
    bool Mirror, bool UpsideDown, double Size, double Turn, double Stretch, double Along, double Right, double Down);

/// <summary>
/// Changes of training images that a network is told of, so that it learns from them and draws none: each of mirror, upside
/// down, size, turn, stretch and shift happens to an image with a probability. Karras et al. 2022, arXiv 2206.00364, appendix
/// F.2: the geometric part.
/// </summary>
/// <remarks>
/// An output pixel at place p shows the image at A p + b. Images are doubled by cubic interpolation, and then read linearly
/// between pixels; the paper doubles by wavelets. Outside is what a mirror at the edge shows. Unlike there, a mirror image has
/// the probability of the others, and counts as a change: <c>data.flip</c> is for pictures that are as good mirrored.
/// </remarks>
/// <param name="Affine">A and b in the places of <c>grid_sample</c>, from -1 to 1: [B, 2, 3].</param>
/// <param name="Numbers">What the network is told: [B, 9], see <see cref="ImageChanges"/>.</param>
internal sealed record ChangedImages(Tensor Affine, Tensor Numbers)
{
    /// <summary>Deviations of log2 of size and stretch, and of the shift as a part of a side.</summary>
    private const double SizeStd = 0.2, StretchStd = 0.2, ShiftStd = 0.125;

    private const int Changes = 6, Angles = 2, Normals = 4;

    /// <summary>Draws what happens to each image of a batch, on the CPU.</summary>
    /// <param name="generator">The source.</param>
    /// <param name="count">B.</param>
    /// <param name="probability">Of each change.</param>
    /// <param name="height">H.</param>
    /// <param name="width">W.</param>
    public static ChangedImages From(Generator generator, long count, double probability, long height, long width)
    {
        float[] chance, angle, normal;
        using (NewDisposeScope())
        {
            chance = rand(count, Changes, generator: generator).data<float>().ToArray();
            angle = rand(count, Angles, generator: generator).data<float>().ToArray();
            normal = randn(count, Normals, generator: generator).data<float>().ToArray();
        }
        return Of([.. Enumerable.Range(0, (int)count).Select(i =>
        {
            bool Happens(int change) => chance[i * Changes + change] < probability;
            double Normal(int change, int draw) => Happens(change) ? normal[i * Normals + draw] : 0;
            double Angle(int change, int draw) => Happens(change) ? (2 * angle[i * Angles + draw] - 1) * Math.PI : 0;
            return new ImageChange(
                Happens(0), Happens(1), Normal(2, 0), Angle(3, 0), Normal(4, 1), Angle(4, 1), Normal(5, 2), Normal(5, 3));
        })], height, width);
    }

    /// <summary>Given changes, for images of a size.</summary>
    public static ChangedImages Of(IReadOnlyList<ImageChange> changes, long height, long width)
    {
        const int length = ImageChanges.Numbers;
        float[] affine = new float[changes.Count * 6], numbers = new float[changes.Count * length];
        for (int i = 0; i < changes.Count; i++)
        {
            Array.ConvertAll(Told(changes[i]), value => (float)value).CopyTo(numbers, i * length);
            Array.ConvertAll(Places(changes[i], (double)width / height), value => (float)value).CopyTo(affine, i * 6);
        }
        return new(tensor(affine, [changes.Count, 2, 3]), tensor(numbers, [changes.Count, length]));
    }

    public ChangedImages MoveTo(Device device) => new(Affine.to(device), Numbers.to(device));

    public ChangedImages Slice(long start, long count) =>
        new(Affine.narrow(0, start, count), Numbers.narrow(0, start, count));

    /// <summary>Changes images: [B, C, H, W] to the same. One that nothing happens to stays as it is, to the bit.</summary>
    public Tensor Apply(Tensor images)
    {
        using var scope = NewDisposeScope();
        using Scalar none = 0;
        Tensor Told(int number) => Numbers.select(1, number).gt(none).view(-1, 1, 1, 1); // [B, 1, 1, 1]
        var x = where(Told(ImageChanges.Mirror), images.flip(3), images);
        x = where(Told(ImageChanges.UpsideDown), x.flip(2), x);
        long height = images.shape[2], width = images.shape[3];
        var doubled = nn.functional.interpolate(
            x, size: [2 * height, 2 * width], mode: InterpolationMode.Bicubic, align_corners: false);
        var moved = nn.functional.grid_sample(doubled, nn.functional.affine_grid(Affine, [.. images.shape]),
            GridSampleMode.Bilinear, GridSamplePaddingMode.Reflection, align_corners: false);
        var others = Numbers.narrow(1, ImageChanges.Size, ImageChanges.Numbers - ImageChanges.Size).abs().sum(1);
        return where(others.gt(none).view(-1, 1, 1, 1), moved, x).MoveToOuterDisposeScope();
    }

    /// <summary>What the network is told of a change: [9].</summary>
    private static double[] Told(ImageChange change)
    {
        double[] told = new double[ImageChanges.Numbers];
        (told[ImageChanges.Mirror], told[ImageChanges.UpsideDown]) = (change.Mirror ? 1 : 0, change.UpsideDown ? 1 : 0);
        told[ImageChanges.Size] = change.Size;
        (told[ImageChanges.TurnCos], told[ImageChanges.TurnSin]) = (Math.Cos(change.Turn) - 1, Math.Sin(change.Turn));
        (told[ImageChanges.StretchCos], told[ImageChanges.StretchSin]) =
            (change.Stretch * Math.Cos(change.Along), change.Stretch * Math.Sin(change.Along));
        (told[ImageChanges.Right], told[ImageChanges.Down]) = (change.Right, change.Down);
        return told;
    }

    /// <summary>The rows of A, b: where the pixels of the result are in the image, that is, the changes backward.</summary>
    private static double[] Places(ImageChange change, double aspect)
    {
        double smaller = Math.Pow(2, -SizeStd * change.Size), shorter = Math.Pow(2, -StretchStd * change.Stretch);
        // in units of half the height, y down
        var a = Plane.Turn(change.Along).Times(Plane.Scale(shorter, 1 / shorter)).Times(Plane.Turn(-change.Along))
            .Times(Plane.Turn(-change.Turn)).Times(Plane.Scale(smaller, smaller));
        var (x, y) = a.Of(-2 * ShiftStd * change.Right * aspect, -2 * ShiftStd * change.Down);
        return [a.XX, a.XY / aspect, x / aspect, a.YX * aspect, a.YY, y];
    }

    /// <summary>A linear map of the plane.</summary>
    private readonly record struct Plane(double XX, double XY, double YX, double YY)
    {
        public static Plane Scale(double x, double y) => new(x, 0, 0, y);

        public static Plane Turn(double angle) => new(Math.Cos(angle), -Math.Sin(angle), Math.Sin(angle), Math.Cos(angle));

        /// <summary>The other first, then this one.</summary>
        public Plane Times(Plane other) => new(
            XX * other.XX + XY * other.YX, XX * other.XY + XY * other.YY,
            YX * other.XX + YY * other.YX, YX * other.XY + YY * other.YY);

        public (double X, double Y) Of(double x, double y) => (XX * x + XY * y, YX * x + YY * y);
    }
}
