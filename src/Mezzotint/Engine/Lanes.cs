using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Mezzotint.Runtime;

namespace Mezzotint.Engine;

/// <summary>16 numbers at once: what float32 vectors lack.</summary>
internal static unsafe class Lanes
{
    /// <summary>Numbers in a vector.</summary>
    public const int Count = 16;

    /// <summary>3 2^22: numbers near it are whole, so that adding to it rounds; the last bits are those of what was
    /// added.</summary>
    private const float Whole = 12582912;

    /// <summary>e^x, to 3 units of 2^-24; beyond +-87 it stays at its value there.</summary>
    /// <remarks>
    /// e^x = 2^n e^r, n = round(x / ln 2), |r| at most ln(2) / 2, where the series of e^r to r^7 is exact to float32. ln 2 is
    /// taken in two parts: Cody, Waite 1980.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x)
    {
        x = AtMost(AtLeast(x, -87), 87);
        var shifted = x * Vector512.Create(1.44269504f) + Vector512.Create(Whole);
        var n = shifted - Vector512.Create(Whole);
        var r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-0.693359375f), x);
        r = Vector512.FusedMultiplyAdd(n, Vector512.Create(2.12194440e-4f), r);
        var series = Vector512.Create(1 / 5040f);
        series = Vector512.FusedMultiplyAdd(series, r, Vector512.Create(1 / 720f));
        series = Vector512.FusedMultiplyAdd(series, r, Vector512.Create(1 / 120f));
        series = Vector512.FusedMultiplyAdd(series, r, Vector512.Create(1 / 24f));
        series = Vector512.FusedMultiplyAdd(series, r, Vector512.Create(1 / 6f));
        series = Vector512.FusedMultiplyAdd(series, r, Vector512.Create(0.5f));
        series = Vector512.FusedMultiplyAdd(series, r, Vector512<float>.One);
        series = Vector512.FusedMultiplyAdd(series, r, Vector512<float>.One);
        return TimesTwoTo(shifted, series);
    }

    /// <summary>2^x of numbers up to 0, to 4 units of 2^-24; 2^-126 below that. Two thirds of the work of <see cref="Exp"/>: for
    /// the weights of attention, which are many.</summary>
    /// <remarks>The polynomial is that of degree 5 with the least relative error from -1/2 to 1/2, 7.5e-8, by the exchange of
    /// Remez 1934.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp2(Vector512<float> x)
    {
        x = AtLeast(x, -126);
        var shifted = x + Vector512.Create(Whole);
        var r = x - (shifted - Vector512.Create(Whole));
        var series = Vector512.Create(1.32764720e-3f);
        series = Vector512.FusedMultiplyAdd(series, r, Vector512.Create(9.67554133e-3f));
        series = Vector512.FusedMultiplyAdd(series, r, Vector512.Create(5.55071327e-2f));
        series = Vector512.FusedMultiplyAdd(series, r, Vector512.Create(0.240221197f));
        series = Vector512.FusedMultiplyAdd(series, r, Vector512.Create(0.693146967f));
        series = Vector512.FusedMultiplyAdd(series, r, Vector512.Create(1.00000007f));
        return TimesTwoTo(shifted, series);
    }

    /// <summary>1 / (1 + e^-x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sigmoid(Vector512<float> x)
    {
        var denominator = Vector512<float>.One + Exp(-x);
        if (!Avx512F.IsSupported)
            return Vector512<float>.One / denominator;
        // to 2^-14; a step of Newton's doubles the digits, for less than a division
        var estimate = Avx512F.Reciprocal14(denominator);
        return estimate * Vector512.FusedMultiplyAdd(-denominator, estimate, Vector512.Create(2f));
    }

    /// <summary>The normal distribution's share below x, to 1e-7 of itself or of its rest.</summary>
    /// <param name="x">Where.</param>
    /// <param name="bell">e^(-x^2 / 2).</param>
    /// <remarks>Abramowitz, Stegun 1964, "Handbook of Mathematical Functions", equation 7.1.26.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> NormalBelow(Vector512<float> x, Vector512<float> bell)
    {
        var far = Vector512.Abs(x) * 0.707106781f;
        var t = Vector512<float>.One / Vector512.FusedMultiplyAdd(far, Vector512.Create(0.3275911f), Vector512<float>.One);
        var series = Vector512.Create(1.061405429f);
        series = Vector512.FusedMultiplyAdd(series, t, Vector512.Create(-1.453152027f));
        series = Vector512.FusedMultiplyAdd(series, t, Vector512.Create(1.421413741f));
        series = Vector512.FusedMultiplyAdd(series, t, Vector512.Create(-0.284496736f));
        series = Vector512.FusedMultiplyAdd(series, t, Vector512.Create(0.254829592f));
        var tail = series * t * bell * 0.5f;
        return Vector512.ConditionalSelect(Vector512.GreaterThan(x, Vector512<float>.Zero), Vector512<float>.One - tail, tail);
    }

    /// <summary>The largest of 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Vector512<float> x)
    {
        var eight = Vector256.MaxNative(x.GetLower(), x.GetUpper());
        var four = Vector128.MaxNative(eight.GetLower(), eight.GetUpper());
        return MathF.Max(MathF.Max(four[0], four[1]), MathF.Max(four[2], four[3]));
    }

    /// <summary>16 numbers as they stand in a map.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> values, byte* at, bool bfloat16)
    {
        if (bfloat16)
            Bfloat16.Narrow(values).Store((ushort*)at);
        else
            values.Store((float*)at);
    }

    /// <summary>16 numbers of a map.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(byte* at, bool bfloat16) =>
        bfloat16 ? (Bfloat16.Widen(Vector256.Load((ushort*)at)) << 16).AsSingle() : Vector512.Load((float*)at);

    /// <summary>The larger of both; what is no number stays so, as x86-64 takes the second where one of them is none.</summary>
    /// <remarks>One instruction. <see cref="Vector512.Max"/>, which orders 0 and -0 too, is six without AVX-512.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> AtLeast(Vector512<float> x, float least) =>
        Vector512.MaxNative(Vector512.Create(least), x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> AtMost(Vector512<float> x, float most) => Vector512.MinNative(Vector512.Create(most), x);

    /// <summary>2^n x, where a whole number n has been added to <see cref="Whole"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> TimesTwoTo(Vector512<float> shifted, Vector512<float> x) =>
        (x.AsInt32() + (shifted.AsInt32() << 23)).AsSingle();
}
