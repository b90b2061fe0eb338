namespace Mezzotint.Sampling;

/// <summary>
/// phi_0(z) = e^z, phi_{k+1}(z) = (phi_k(z) - 1 / k!) / z: what integrates e^z times a polynomial exactly.
/// h k! phi_{k+1}(-h) is the integral of h e^{-(1 - u) h} u^k over u from 0 to 1.
/// </summary>
/// <remarks>Hochbruck, Ostermann 2010, "Exponential integrators", Acta Numerica 19, section 2.1.</remarks>
internal static class PhiFunctions
{
    /// <summary>phi_k(z), k from 0 to 3, to the last digits also near 0, where the recurrence cancels.</summary>
    public static double Phi(int k, double z)
    {
        if (Math.Abs(z) < 1)
            return Series(k, z);
        double phi = Math.Exp(z), factorial = 1;
        for (int j = 0; j < k; j++)
        {
            phi = (phi - 1 / factorial) / z;
            factorial *= j + 1;
        }
        return phi;
    }

    /// <summary>The sum of z^j / (j + k)!.</summary>
    private static double Series(int k, double z)
    {
        double term = 1;
        for (int j = 2; j <= k; j++)
            term /= j;
        double sum = 0;
        for (int j = 1; j <= 20; j++)
        {
            sum += term;
            term *= z / (j + k);
        }
        return sum;
    }
}
