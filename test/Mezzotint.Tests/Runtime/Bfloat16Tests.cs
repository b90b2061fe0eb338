using System.Runtime.Intrinsics;
using Mezzotint.Engine;
using Mezzotint.Runtime;

namespace Mezzotint.Tests.Runtime;

public class Bfloat16Tests
{
    [Fact]
    public void Rounding_is_to_the_nearest_and_to_even_where_two_are_as_near()
    {
        Assert.Equal(1f, Bfloat16.ToSingle(Bfloat16.Round(1f)));
        Assert.Equal(1f, Bfloat16.ToSingle(Bfloat16.Round(1f + 1f / 256)));                 // half of a step, 1 is even
        // one step and a half: up to the even one
        Assert.Equal(1f + 1f / 64, Bfloat16.ToSingle(Bfloat16.Round(1f + 3f / 256)));
        Assert.Equal(1f + 1f / 128, Bfloat16.ToSingle(Bfloat16.Round(1f + 1.01f / 256)));
        Assert.Equal(-0f, Bfloat16.ToSingle(Bfloat16.Round(-0f)));
        Assert.Equal(float.PositiveInfinity, Bfloat16.ToSingle(Bfloat16.Round(float.MaxValue)));
        Assert.True(float.IsNaN(Bfloat16.ToSingle(Bfloat16.Round(float.NaN))));
    }

    [Fact]
    public void No_bfloat16_is_nearer_than_the_one_that_is_rounded_to()
    {
        var random = new Random(1);
        for (int i = 0; i < 100_000; i++)
        {
            float value = BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue));
            if (!float.IsFinite(value) || Math.Abs(value) > 1e38)
                continue;
            ushort rounded = Bfloat16.Round(value);
            double off = Math.Abs((double)Bfloat16.ToSingle(rounded) - value);
            foreach (int other in new[] { rounded - 1, rounded + 1 })
                if ((other & 0x7FFF) != 0x7FFF && other >= 0 && other <= 0xFFFF
                    && float.IsFinite(Bfloat16.ToSingle((ushort)other)))
                    Assert.True(off <= Math.Abs((double)Bfloat16.ToSingle((ushort)other) - value), $"{value:R}");
        }
    }

    [Fact]
    public void Sixteen_at_once_are_rounded_as_one_is()
    {
        var random = new Random(2);
        for (int i = 0; i < 1000; i++)
        {
            float[] values =
            [
                .. Enumerable.Range(0, 16).Select(_ =>
                    (float)((random.NextDouble() - 0.5) * Math.Exp(40 * random.NextDouble() - 20))),
            ];
            var narrow = Bfloat16.Narrow(Vector512.Create(values));
            for (int lane = 0; lane < 16; lane++)
            {
                Assert.Equal(Bfloat16.Round(values[lane]), narrow[lane]);
                Assert.Equal(Bfloat16.Round(values[lane]), Bfloat16.RoundFinite(values[lane]));
                Assert.Equal(narrow[lane], Bfloat16.Widen(narrow)[lane]);
            }
        }
    }

    [Fact]
    public void The_exponential_is_exact_to_three_units_in_the_last_place()
    {
        for (double x = -87; x < 87; x += 0.0137)
        {
            float at = (float)x;
            double wanted = Math.Exp(at), made = Lanes.Exp(Vector512.Create(at))[0];
            Assert.True(Math.Abs(made - wanted) <= 3 * wanted * Math.Pow(2, -24), $"e^{at}: {made:R} instead of {wanted:R}");
        }
        Assert.Equal(0f, Lanes.Exp(Vector512.Create(float.NegativeInfinity))[0], 1e-37f);
        Assert.True(float.IsNaN(Lanes.Sigmoid(Vector512.Create(float.NaN))[0]), "a NaN must be seen");
    }
}
