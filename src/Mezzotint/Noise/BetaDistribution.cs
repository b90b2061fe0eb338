namespace Mezzotint.Noise;

/// <summary>
/// The Beta distribution on [0, 1]: its cumulative distribution is the regularised incomplete beta function I_x(a, b), its
/// quantiles are the inverse of that.
/// </summary>
/// <remarks>
/// NIST Digital Library of Mathematical Functions, 8.17: I_x(a, b) = x^a (1 - x)^b / (a B(a, b)) times the continued fraction
/// 8.17.22, which converges fast for x below (a + 1) / (a + b + 2); beyond, I_x(a, b) = 1 - I_(1-x)(b, a) (8.17.4). Good to about
/// 1e-13 relative.
/// </remarks>
internal static class BetaDistribution
{
    private const double Tiny = 1e-300;
    private const double SmallestLog = -740; // exp of it is the least of the normal numbers, nearly

    /// <summary>I_x(a, b): the probability of a value up to x.</summary>
    public static double Cumulative(double x, double a, double b)
    {
        if (!(x > 0))
            return 0;
        if (x >= 1)
            return 1;
        return x < (a + 1) / (a + b + 2) ? LowerPart(x, a, b) : 1 - LowerPart(1 - x, b, a);
    }

    /// <summary>The value that is exceeded with probability 1 - <paramref name="lower"/>.</summary>
    /// <param name="lower">The probability below it, 0 to 1.</param>
    /// <param name="upper">The probability above it: 1 - lower, given apart, since the difference would lose the digits of a
    /// small one.</param>
    /// <param name="a">The first shape, more than 0.</param>
    /// <param name="b">The second shape, more than 0.</param>
    public static double Quantile(double lower, double upper, double a, double b) =>
        lower <= 0 ? 0 : upper <= 0 ? 1 : lower <= upper ? LowerQuantile(lower, a, b) : 1 - LowerQuantile(upper, b, a);

    /// <summary>Newton's method on I(exp(u)) = p in u = ln x, where it is smooth down to 0, and bisection where Newton leaves the
    /// bracket.</summary>
    private static double LowerQuantile(double p, double a, double b)
    {
        double logBeta = LogBeta(a, b);
        double low = SmallestLog, high = 0;
        double u = Math.Clamp((Math.Log(p * a) + logBeta) / a, low, Math.Log(a / (a + b))); // I is about x^a / (a B(a, b)) near 0
        for (int i = 0; i < 200; i++)
        {
            double x = Math.Exp(u);
            double excess = Cumulative(x, a, b) - p;
            if (excess > 0)
                high = u;
            else
                low = u;
            double slope = Math.Exp(a * u + (b - 1) * Exponentials.LogOnePlus(-x) - logBeta); // dI / du = density times x
            double next = u - excess / slope;
            if (!(next > low && next < high))
                next = (low + high) / 2;
            if (Math.Abs(next - u) <= 1e-15 * (1 + Math.Abs(u)))
                return Math.Exp(next);
            u = next;
        }
        return Math.Exp(u);
    }

    private static double LowerPart(double x, double a, double b) =>
        Math.Exp(a * Math.Log(x) + b * Exponentials.LogOnePlus(-x) - LogBeta(a, b)) / a * ContinuedFraction(x, a, b);

    /// <summary>1 / (1 + d_1 / (1 + d_2 / (1 + ...))), DLMF 8.17.23, from the front (Lentz 1976; Thompson and Barnett
    /// 1986).</summary>
    private static double ContinuedFraction(double x, double a, double b)
    {
        double fraction = 1, c = 1, d = 0;
        for (int n = 1; n < 10_000; n++)
        {
            int m = n / 2;
            double term = n % 2 == 0
                ? m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
                : -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
            d = 1 / NotZero(1 + term * d);
            c = NotZero(1 + term / c);
            fraction *= c * d;
            if (Math.Abs(c * d - 1) < 1e-16)
                break;
        }
        return 1 / fraction;
    }

    private static double NotZero(double value) => Math.Abs(value) < Tiny ? Tiny : value;

    /// <summary>ln B(a, b) = ln Gamma(a) + ln Gamma(b) - ln Gamma(a + b).</summary>
    internal static double LogBeta(double a, double b) => LogGamma(a) + LogGamma(b) - LogGamma(a + b);

    /// <summary>ln Gamma(x) for x &gt; 0: Stirling's series (DLMF 5.11.1) from 12 on, and Gamma(x) = Gamma(x + 1) / x
    /// below.</summary>
    internal static double LogGamma(double x)
    {
        double product = 1;
        for (; x < 12; x++)
            product *= x;
        double y = 1 / (x * x);
        double series = (
            1 / 12.0 - y * (
                1 / 360.0 - y * (1 / 1260.0 - y * (1 / 1680.0 - y * (1 / 1188.0 - y * (691 / 360360.0 - y / 156)))))) / x;
        return (x - 0.5) * Math.Log(x) - x + 0.5 * Math.Log(2 * Math.PI) + series - Math.Log(product);
    }
}
