using System.Runtime.Intrinsics;

namespace Mezzotint.Engine;

/// <summary>Passes over plain maps of float32, [places, C] with C in whole vectors.</summary>
internal static unsafe class Elementwise
{
    /// <summary>to = x, of which every place has <paramref name="stride"/> numbers.</summary>
    public static void Copy(float* x, int stride, Map to)
    {
        bool bfloat16 = to.Bfloat16;
        for (int row = 0; row < to.Height; row++)
        {
            byte* at = to.Origin + row * to.RowBytes;
            for (int column = 0; column < to.Width; column++, x += stride, at += to.PlaceBytes)
                for (int c = 0; c < to.Channels; c += Lanes.Count)
                    Lanes.Store(Vector512.Load(x + c), at + c * to.ElementBytes, bfloat16);
        }
    }

    /// <summary>to = a + b.</summary>
    public static void Add(float* a, float* b, Map to)
    {
        bool bfloat16 = to.Bfloat16;
        for (int row = 0; row < to.Height; row++)
        {
            byte* at = to.Origin + row * to.RowBytes;
            for (int column = 0; column < to.Width; column++, a += to.Channels, b += to.Channels, at += to.PlaceBytes)
                for (int c = 0; c < to.Channels; c += Lanes.Count)
                    Lanes.Store(Vector512.Load(a + c) + Vector512.Load(b + c), at + c * to.ElementBytes, bfloat16);
        }
    }

    /// <summary>to = x + a at every place: [C].</summary>
    public static void AddVector(float* x, float* a, Map to)
    {
        bool bfloat16 = to.Bfloat16;
        for (int row = 0; row < to.Height; row++)
        {
            byte* at = to.Origin + row * to.RowBytes;
            for (int column = 0; column < to.Width; column++, x += to.Channels, at += to.PlaceBytes)
                for (int c = 0; c < to.Channels; c += Lanes.Count)
                    Lanes.Store(Vector512.Load(x + c) + Vector512.Load(a + c), at + c * to.ElementBytes, bfloat16);
        }
    }

    /// <summary>to = x, or to += x, of which every place has <paramref name="stride"/> numbers: [places, C].</summary>
    public static void Pass(float* x, int stride, float* to, int places, int channels, bool adds)
    {
        for (int place = 0; place < places; place++, x += stride, to += channels)
            if (adds)
                AddTo(to, x, channels);
            else
                Buffer.MemoryCopy(x, to, channels * sizeof(float), channels * sizeof(float));
    }

    /// <summary>x *= factor.</summary>
    public static void Scale(float* x, float factor, int count)
    {
        var factors = Vector512.Create(factor);
        for (int i = 0; i < count; i += Lanes.Count)
            (Vector512.Load(x + i) * factors).Store(x + i);
    }

    /// <summary>to = factor x.</summary>
    public static void Scale(float* x, float factor, float* to, int count)
    {
        var factors = Vector512.Create(factor);
        int i = 0;
        for (; i + Lanes.Count <= count; i += Lanes.Count)
            (Vector512.Load(x + i) * factors).Store(to + i);
        for (; i < count; i++)
            to[i] = x[i] * factor;
    }

    /// <summary>x += a.</summary>
    public static void AddTo(float* x, float* a, long count)
    {
        for (long i = 0; i < count; i += Lanes.Count)
            (Vector512.Load(x + i) + Vector512.Load(a + i)).Store(x + i);
    }

    /// <summary>Every place of x += a: [C].</summary>
    public static void AddToPlaces(float* x, float* a, int places, int channels)
    {
        for (int place = 0; place < places; place++, x += channels)
            AddTo(x, a, channels);
    }

    /// <summary>sum += the sum over the places: one number a channel.</summary>
    public static void SumPlaces(float* x, int stride, int places, ChannelLayout layout, float* sum)
    {
        foreach (var part in layout.Parts)
            for (int c = 0; c < part.Count; c += Lanes.Count)
            {
                var total = Vector512<float>.Zero;
                for (int place = 0; place < places; place++)
                    total += Vector512.Load(x + (long)place * stride + part.At + c);
                float* to = sum + part.Channel + c;
                if (c + Lanes.Count <= part.Count)
                    (Vector512.Load(to) + total).Store(to);
                else
                    for (int lane = 0; c + lane < part.Count; lane++)
                        to[lane] += total[lane];
            }
    }

    /// <summary>to = a b.</summary>
    public static void Multiply(float* a, float* b, Map to)
    {
        bool bfloat16 = to.Bfloat16;
        for (int row = 0; row < to.Height; row++)
        {
            byte* at = to.Origin + row * to.RowBytes;
            for (int column = 0; column < to.Width; column++, a += to.Channels, b += to.Channels, at += to.PlaceBytes)
                for (int c = 0; c < to.Channels; c += Lanes.Count)
                    Lanes.Store(Vector512.Load(a + c) * Vector512.Load(b + c), at + c * to.ElementBytes, bfloat16);
        }
    }

    /// <summary>to = a b, or to += a b.</summary>
    public static void PassProduct(float* a, float* b, float* to, long count, bool adds)
    {
        for (long i = 0; i < count; i += Lanes.Count)
            (adds ? Vector512.FusedMultiplyAdd(Vector512.Load(a + i), Vector512.Load(b + i), Vector512.Load(to + i))
                : Vector512.Load(a + i) * Vector512.Load(b + i)).Store(to + i);
    }

    /// <summary>to = factors x + shifts at every place: [C].</summary>
    public static void Affine(float* x, float* factors, float* shifts, Map to)
    {
        bool bfloat16 = to.Bfloat16;
        for (int row = 0; row < to.Height; row++)
        {
            byte* at = to.Origin + row * to.RowBytes;
            for (int column = 0; column < to.Width; column++, x += to.Channels, at += to.PlaceBytes)
                for (int c = 0; c < to.Channels; c += Lanes.Count)
                    Lanes.Store(Vector512.FusedMultiplyAdd(Vector512.Load(x + c), Vector512.Load(factors + c),
                        Vector512.Load(shifts + c)), at + c * to.ElementBytes, bfloat16);
        }
    }

    /// <summary>sums = the sum of a over the places, products = that of x a: [C].</summary>
    public static void SumProducts(float* x, float* a, int places, int channels, float* sums, float* products)
    {
        for (int c = 0; c < channels; c += Lanes.Count)
        {
            var (sum, product) = (Vector512<float>.Zero, Vector512<float>.Zero);
            for (int place = 0; place < places; place++)
            {
                var value = Vector512.Load(a + (long)place * channels + c);
                sum += value;
                product = Vector512.FusedMultiplyAdd(value, Vector512.Load(x + (long)place * channels + c), product);
            }
            sum.Store(sums + c);
            product.Store(products + c);
        }
    }

    /// <summary>a . b.</summary>
    public static float Dot(float* a, float* b, int count)
    {
        var sum = Vector512<float>.Zero;
        int i = 0;
        for (; i + Lanes.Count <= count; i += Lanes.Count)
            sum = Vector512.FusedMultiplyAdd(Vector512.Load(a + i), Vector512.Load(b + i), sum);
        float total = Vector512.Sum(sum);
        for (; i < count; i++)
            total += a[i] * b[i];
        return total;
    }

    /// <summary>x += factor a.</summary>
    public static void AddScaled(float* x, float factor, float* a, int count)
    {
        var factors = Vector512.Create(factor);
        int i = 0;
        for (; i + Lanes.Count <= count; i += Lanes.Count)
            Vector512.FusedMultiplyAdd(factors, Vector512.Load(a + i), Vector512.Load(x + i)).Store(x + i);
        for (; i < count; i++)
            x[i] += factor * a[i];
    }
}
