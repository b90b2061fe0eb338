namespace Mezzotint.Noise;

/// <summary>exp(x) - 1 and ln(1 + x) to the last digits where x is small, which .NET lacks: levels near the clean image depend on
/// them.</summary>
internal static class Exponentials
{
    /// <summary>exp(x) - 1 = 2 exp(x / 2) sinh(x / 2).</summary>
    public static double ExpMinusOne(double x) => Math.Abs(x) > 1 ? Math.Exp(x) - 1 : 2 * Math.Exp(x / 2) * Math.Sinh(x / 2);

    /// <summary>ln(1 + x): the rounding of 1 + x cancels in the quotient (W. Kahan; Goldberg 1991, theorem 4).</summary>
    public static double LogOnePlus(double x)
    {
        double u = 1 + x;
        return u == 1 ? x : double.IsPositiveInfinity(u) ? u : Math.Log(u) * (x / (u - 1));
    }
}
