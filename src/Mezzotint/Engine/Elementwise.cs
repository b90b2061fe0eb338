using System.Runtime.Intrinsics;

namespace Mezzotint.Engine;

/// <summary>Passes over plain maps of float32, [places, C] with C a multiple of 16.</summary>
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

    /// <summary>sum += the sum over the places: [C].</summary>
    public static void SumPlaces(float* x, int stride, int places, int channels, float* sum)
    {
        for (int c = 0; c < channels; c += Lanes.Count)
        {
            var total = Vector512<float>.Zero;
            for (int place = 0; place < places; place++)
                total += Vector512.Load(x + (long)place * stride + c);
            (Vector512.Load(sum + c) + total).Store(sum + c);
        }
    }

    /// <summary>to = max(x, 0).</summary>
    public static void Relu(float* x, Map to)
    {
        bool bfloat16 = to.Bfloat16;
        for (int row = 0; row < to.Height; row++)
        {
            byte* at = to.Origin + row * to.RowBytes;
            for (int column = 0; column < to.Width; column++, x += to.Channels, at += to.PlaceBytes)
                for (int c = 0; c < to.Channels; c += Lanes.Count)
                    Lanes.Store(Vector512.Max(Vector512.Load(x + c), Vector512<float>.Zero), at + c * to.ElementBytes, bfloat16);
        }
    }

    /// <summary>The gradient of x, in place of that of max(x, 0).</summary>
    public static void ReluBackward(float* x, float* gradient, long count)
    {
        for (long i = 0; i < count; i += Lanes.Count)
            Vector512.ConditionalSelect(Vector512.GreaterThan(Vector512.Load(x + i), Vector512<float>.Zero), Vector512.Load(gradient + i), Vector512<float>.Zero).Store(gradient + i);
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
