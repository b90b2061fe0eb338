using Mezzotint.Sampling;

namespace Mezzotint.Tests.Sampling;

public class PhiFunctionsTests
{
    [Fact]
    public void Phi_is_its_recurrence_where_that_does_not_cancel_and_its_limit_at_zero()
    {
        double[] limits = [1, 1, 1 / 2.0, 1 / 6.0, 1 / 24.0];
        for (int k = 0; k <= 4; k++)
        {
            Assert.Equal(limits[k], PhiFunctions.Phi(k, 0), 1e-16);
            foreach (double z in new[] { -30, -2.5, -1, -0.7, 0.4, 1, 3.2 })
                Assert.Equal(
                    z * PhiFunctions.Phi(k + 1, z),
                    PhiFunctions.Phi(k, z) - (k < 2 ? 1 : k == 2 ? 0.5 : k == 3 ? 1 / 6.0 : 1 / 24.0), 1e-13);
        }
    }

    [Fact]
    public void It_integrates_exponentials_times_powers()
    {
        foreach (double h in new[] { 1e-6, 0.3, 0.99, 1.01, 4.0, -2.0 })
            for (int k = 0; k <= 3; k++)
            {
                double factorial = k < 2 ? 1 : k == 2 ? 2 : 6;
                double integral = Lagrange.Integral(u => h * Math.Exp(-(1 - u) * h) * Math.Pow(u, k), 0, 1, panels: 4);
                Assert.Equal(integral, h * factorial * PhiFunctions.Phi(k + 1, -h), 1e-14 + 1e-13 * Math.Abs(integral));
            }
    }
}
