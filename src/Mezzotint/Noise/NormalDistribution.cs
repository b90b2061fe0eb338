namespace Mezzotint.Noise;

/// <summary>The standard normal distribution.</summary>
internal static class NormalDistribution
{
    /// <summary>
    /// The number below which a draw falls with a probability, to 1e-15 of itself or 1e-16: a rational first guess, then two
    /// steps of Halley's method on the distribution function.
    /// </summary>
    /// <remarks>Guess: Abramowitz, Stegun 1964, formula 26.2.23 (error below 4.5e-4).</remarks>
    /// <param name="probability">More than 0, less than 1.</param>
    public static double Quantile(double probability)
    {
        if (!(probability is > 0 and < 1))
            throw new ArgumentOutOfRangeException(
                nameof(probability), probability, "A probability between 0 and 1, both excluded.");
        if (probability > 0.5)
            return -Quantile(1 - probability);
        double r = Math.Sqrt(-2 * Math.Log(probability));
        double x = -(r - (2.515517 + r * (0.802853 + r * 0.010328)) / (1 + r * (1.432788 + r * (0.189269 + r * 0.001308))));
        for (int i = 0; i < 3; i++)
        {
            double step = (Cumulative(x) - probability) * Math.Sqrt(2 * Math.PI) * Math.Exp(0.5 * x * x);
            x -= step / (1 + 0.5 * x * step);
        }
        return x;
    }

    /// <summary>The probability of a draw below x, for x up to 0: half of erfc(-x / sqrt 2).</summary>
    private static double Cumulative(double x)
    {
        double z = -x, density = Math.Exp(-0.5 * z * z) / Math.Sqrt(2 * Math.PI);
        if (z < 3)
        {
            // 1/2 - density (z + z^3 / 3 + z^5 / (3 5) + ...): Abramowitz, Stegun 1964, formula 26.2.11
            double term = z, sum = z;
            for (int k = 1; term > 1e-18 * sum; k++)
                sum += term *= z * z / (2 * k + 1);
            return 0.5 - density * sum;
        }
        // density / (z + 1 / (z + 2 / (z + ...))): formula 26.2.14, from the end
        double fraction = z;
        for (int k = 100; k >= 1; k--)
            fraction = z + k / fraction;
        return density / fraction;
    }
}
