using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Mezzotint.Networks;

namespace Mezzotint.Engine;

/// <summary>The functions of an <see cref="ActivationKind"/> over plain maps, and their gradients. Each is 0 at 0.</summary>
internal static unsafe class Activations
{
    /// <summary>to = f(x).</summary>
    public static void Apply(ActivationKind kind, float* x, Map to)
    {
        switch (kind)
        {
            case ActivationKind.Silu:
                Apply<Silu>(x, to);
                break;
            case ActivationKind.Relu:
                Apply<Relu>(x, to);
                break;
            case ActivationKind.Gelu:
                Apply<Gelu>(x, to);
                break;
            default:
                Apply<QuickGelu>(x, to);
                break;
        }
    }

    /// <summary>The gradient of x, in place of that of f(x).</summary>
    public static void Backward(ActivationKind kind, float* x, float* gradient, long count)
    {
        switch (kind)
        {
            case ActivationKind.Silu:
                Backward<Silu>(x, gradient, count);
                break;
            case ActivationKind.Relu:
                Backward<Relu>(x, gradient, count);
                break;
            case ActivationKind.Gelu:
                Backward<Gelu>(x, gradient, count);
                break;
            default:
                Backward<QuickGelu>(x, gradient, count);
                break;
        }
    }

    private static void Apply<T>(float* x, Map to)
        where T : IFunction
    {
        bool bfloat16 = to.Bfloat16;
        for (int row = 0; row < to.Height; row++)
        {
            byte* at = to.Origin + row * to.RowBytes;
            for (int column = 0; column < to.Width; column++, x += to.Channels, at += to.PlaceBytes)
                for (int c = 0; c < to.Channels; c += Lanes.Count)
                    Lanes.Store(T.Of(Vector512.Load(x + c)), at + c * to.ElementBytes, bfloat16);
        }
    }

    private static void Backward<T>(float* x, float* gradient, long count)
        where T : IFunction
    {
        for (long i = 0; i < count; i += Lanes.Count)
            T.Gradient(Vector512.Load(x + i), Vector512.Load(gradient + i)).Store(gradient + i);
    }

    private interface IFunction
    {
        static abstract Vector512<float> Of(Vector512<float> x);

        static abstract Vector512<float> Gradient(Vector512<float> x, Vector512<float> given);
    }

    private readonly struct Relu : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Of(Vector512<float> x) => Lanes.AtLeast(x, 0);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Gradient(Vector512<float> x, Vector512<float> given) =>
            Vector512.ConditionalSelect(Vector512.GreaterThan(x, Vector512<float>.Zero), given, Vector512<float>.Zero);
    }

    private readonly struct Silu : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Of(Vector512<float> x) => x * Lanes.Sigmoid(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Gradient(Vector512<float> x, Vector512<float> given) => Slope(Lanes.Sigmoid(x), x) * given;
    }

    private readonly struct QuickGelu : IFunction
    {
        private static Vector512<float> Factor => Vector512.Create(1.702f);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Of(Vector512<float> x) => x * Lanes.Sigmoid(x * Factor);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Gradient(Vector512<float> x, Vector512<float> given) =>
            Slope(Lanes.Sigmoid(x * Factor), x * Factor) * given;
    }

    private readonly struct Gelu : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Of(Vector512<float> x) => x * Lanes.NormalBelow(x, Lanes.Exp(x * x * -0.5f));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Gradient(Vector512<float> x, Vector512<float> given)
        {
            var bell = Lanes.Exp(x * x * -0.5f);
            // 1 / sqrt(2 pi)
            return given * Vector512.FusedMultiplyAdd(x * bell, Vector512.Create(0.398942280f), Lanes.NormalBelow(x, bell));
        }
    }

    /// <summary>The slope of x s(a x), where s = 1 / (1 + e^-ax).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Slope(Vector512<float> s, Vector512<float> ax) =>
        s * Vector512.FusedMultiplyAdd(ax, Vector512<float>.One - s, Vector512<float>.One);
}
