using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>
/// Between two noises: z(w) = sin((1 - w) a) / sin(a) z_0 + sin(w a) / sin(a) z_1, a the angle between them. A straight line
/// would pass points nearer to the middle than noise ever is.
/// </summary>
/// <remarks>Shoemake 1985, "Animating Rotation with Quaternion Curves", section 3.3.</remarks>
internal static class GreatCircle
{
    /// <summary>The point that is the share <paramref name="w"/>, 0 to 1, of the way from z_0 to z_1; both are of one shape, and
    /// so is it.</summary>
    public static Tensor Between(Tensor z0, Tensor z1, double w)
    {
        using var scope = NewDisposeScope();
        double Number(Tensor one) => one.to(float64).item<double>();
        double angle = Math.Acos(Math.Clamp(Number((z0 * z1).sum()) / (Number(z0.norm()) * Number(z1.norm())), -1, 1));
        return (
            angle < 1e-6
                ? z0.alias()
                : z0.Times(Math.Sin((1 - w) * angle) / Math.Sin(angle))
                    .Plus(Math.Sin(w * angle) / Math.Sin(angle), z1)).MoveToOuterDisposeScope();
    }
}
