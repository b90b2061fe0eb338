namespace Mezzotint.Engine;

/// <summary>
/// Functions of float32 that are computed in float64 and rounded once. The C libraries of Linux, Windows and macOS differ in the
/// last bit of such functions; in float64 that bit all but never turns the rounding, so that networks give the same numbers.
/// </summary>
internal static class Rounded
{
    public static float Exp(float x) => (float)Math.Exp(x);

    public static float Sin(float x) => (float)Math.Sin(x);

    public static float Cos(float x) => (float)Math.Cos(x);
}
