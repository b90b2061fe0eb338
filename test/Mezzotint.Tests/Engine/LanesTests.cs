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

    [Fact]
    public void Exponentials_are_within_three_units_and_stay_where_they_end()
    {
        for (float x = -87; x < 87; x += 0.00731f)
        {
            double expected = Math.Exp(x);
            Assert.InRange(Lanes.Exp(Vector512.Create(x))[7], expected * (1 - 1.8e-7), expected * (1 + 1.8e-7));
        }
        Assert.Equal(Lanes.Exp(Vector512.Create(87f)), Lanes.Exp(Vector512.Create(float.PositiveInfinity)));
        Assert.Equal(Lanes.Exp(Vector512.Create(-87f)), Lanes.Exp(Vector512.Create(float.NegativeInfinity)));
    }

    /// <summary>A network that is broken shows it.</summary>
    [Fact]
    public void What_is_no_number_stays_none()
    {
        var none = Vector512.Create(float.NaN);
        foreach (var made in new[] { Lanes.AtLeast(none, 0), Lanes.Exp2(none), Lanes.Exp(none), Lanes.Sigmoid(none) })
            for (int i = 0; i < Lanes.Count; i++)
                Assert.True(float.IsNaN(made[i]), $"lane {i} is {made[i]}");
    }
}
