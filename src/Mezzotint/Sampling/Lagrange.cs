namespace Mezzotint.Sampling;

/// <summary>Integrals of Lagrange's basis polynomials, from which linear multistep methods take their weights.</summary>
internal static class Lagrange
{
    // Gauss-Legendre, ten nodes on [-1, 1] (exact to degree 19): Abramowitz, Stegun 1964, table 25.4. The other five are their
    // negatives.
    private static readonly (double Node, double Weight)[] GaussLegendre =
    [
        (0.148874338981631211, 0.295524224714752870),
        (0.433395394129247191, 0.269266719309996355),
        (0.679409568299024406, 0.219086362515982044),
        (0.865063366688984511, 0.149451349150580593),
        (0.973906528517171720, 0.066671344308688138),
    ];

    /// <summary>l_j(t): 1 at node j, 0 at the others.</summary>
    public static double Basis(ReadOnlySpan<double> nodes, int j, double t)
    {
        double product = 1;
        for (int k = 0; k < nodes.Length; k++)
            if (k != j)
                product *= (t - nodes[k]) / (nodes[j] - nodes[k]);
        return product;
    }

    /// <summary>
    /// The weights of values at nodes that integrate polynomials exactly: sum_k w_k r_k^n = b_n, n from 0 to their number less
    /// one. It is Vandermonde's system: w_k is the linear map x^n -> b_n, applied to l_k(x).
    /// </summary>
    /// <param name="nodes">r: different numbers.</param>
    /// <param name="moments">b, as many.</param>
    public static double[] Weights(double[] nodes, double[] moments) =>
    [
        .. nodes.Select((node, k) =>
        {
            double[] polynomial = [1];
            for (int j = 0; j < nodes.Length; j++)
                if (j != k)
                    polynomial = Times(polynomial, -nodes[j] / (node - nodes[j]), 1 / (node - nodes[j]));
            return polynomial.Select((coefficient, n) => coefficient * moments[n]).Sum();
        }),
    ];

    /// <summary>(sum_n p_n x^n) (c + s x).</summary>
    private static double[] Times(double[] p, double c, double s) =>
        [.. Enumerable.Range(0, p.Length + 1).Select(n => (n < p.Length ? p[n] * c : 0) + (n > 0 ? p[n - 1] * s : 0))];

    /// <summary>The integral of f from a to b in equal panels.</summary>
    public static double Integral(Func<double, double> f, double a, double b, int panels = 1)
    {
        double half = (b - a) / (2 * panels), sum = 0;
        for (int panel = 0; panel < panels; panel++)
        {
            double middle = a + (2 * panel + 1) * half;
            foreach (var (node, weight) in GaussLegendre)
                sum += weight * (f(middle - half * node) + f(middle + half * node));
        }
        return sum * half;
    }
}
