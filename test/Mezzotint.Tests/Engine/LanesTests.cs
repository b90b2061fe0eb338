using System.Runtime.Intrinsics;
using Mezzotint.Engine;

namespace Mezzotint.Tests.Engine;

/// <summary>Functions of vectors beside those of doubles.</summary>
public class LanesTests
{
    [Fact]
    public void Powers_of_two_up_to_1_are_within_four_units_and_stay_at_the_least_one()
    {
        for (float x = 0; x > -126; x -= 0.00317f)
        {
            double expected = Math.Pow(2, x);
            Assert.InRange(Lanes.Exp2(Vector512.Create(x))[7], expected * (1 - 2.4e-7), expected * (1 + 2.4e-7));
        }
        foreach (float low in new[] { -126f, -127f, -1e30f, float.NegativeInfinity })
            Assert.InRange(Lanes.Exp2(Vector512.Create(low))[0], 1.1754e-38f, 1.1756e-38f);
    }
}
