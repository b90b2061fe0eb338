using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Mezzotint.Engine;

/// <summary>
/// What a <see cref="TileKernel"/> computes in float32, by .NET's own vectors of 128 bits: for processors of ARM, and anywhere
/// where they are asked for.
/// </summary>
/// <remarks>
/// Two places at a time: their sums are 8 vectors, a term's weights 4, its inputs 1, which the 16 registers of the smallest
/// such processors hold. The last of an odd number of places is computed beside itself.
/// </remarks>
internal static unsafe class TileVectors
{
    private const int Floats = 4;

    /// <summary>Whether this processor has such vectors.</summary>
    public static bool IsSupported => Vector128.IsHardwareAccelerated;

    /// <summary>Whether they are taken unasked: on ARM. On x86-64 libtorch is faster (docs/performance.md).</summary>
    public static bool IsWorthwhile => AdvSimd.Arm64.IsSupported;

    /// <summary>Computes as <see cref="TileKernel.Run"/> does, rounding aside.</summary>
    public static void Run(TileShape shape, TileArguments arguments)
    {
        for (long tile = 0; tile < arguments.Tiles; tile++)
        {
            byte* input = arguments.Input + tile * shape.InputStep;
            byte* output = (byte*)arguments.Output + tile * shape.OutputStep;
            for (int place = 0; place < shape.Inputs.Length; place += 2)
            {
                int next = Math.Min(place + 1, shape.Inputs.Length - 1);
                for (int vector = 0; vector < shape.Vectors; vector++)
                    Pair(shape, input + shape.Inputs[place], input + shape.Inputs[next],
                        arguments.Weights + vector * TileKernel.VectorBytes, arguments.Bias + vector * Lanes.Count,
                        (float*)(output + shape.Outputs[place]) + vector * Lanes.Count,
                        (float*)(output + shape.Outputs[next]) + vector * Lanes.Count);
            }
        }
    }

    private static void Pair(TileShape shape, byte* one, byte* two, byte* weights, float* bias, float* toOne, float* toTwo)
    {
        Vector128<float> a0, a1, a2, a3, b0, b1, b2, b3;
        a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = Vector128<float>.Zero;
        if (shape.Start == TileStart.Bias)
            (a0, a1, a2, a3, b0, b1, b2, b3) = (
                At(bias, 0), At(bias, 1), At(bias, 2), At(bias, 3), At(bias, 0), At(bias, 1), At(bias, 2), At(bias, 3));
        else if (shape.Start == TileStart.Output)
            (a0, a1, a2, a3, b0, b1, b2, b3) = (
                At(toOne, 0), At(toOne, 1), At(toOne, 2), At(toOne, 3), At(toTwo, 0), At(toTwo, 1), At(toTwo, 2), At(toTwo, 3));
        int terms = shape.Terms, termStep = shape.TermStep, weightStep = shape.WeightStep;
        foreach (int tap in shape.Taps)
        {
            byte* fromOne = one + tap, fromTwo = two + tap;
            for (int term = 0; term < terms; term++, fromOne += termStep, fromTwo += termStep, weights += weightStep)
            {
                float* w = (float*)weights;
                var (w0, w1, w2, w3) = (At(w, 0), At(w, 1), At(w, 2), At(w, 3));
                var x = Vector128.Create(*(float*)fromOne);
                a0 = Vector128.MultiplyAddEstimate(x, w0, a0);
                a1 = Vector128.MultiplyAddEstimate(x, w1, a1);
                a2 = Vector128.MultiplyAddEstimate(x, w2, a2);
                a3 = Vector128.MultiplyAddEstimate(x, w3, a3);
                x = Vector128.Create(*(float*)fromTwo);
                b0 = Vector128.MultiplyAddEstimate(x, w0, b0);
                b1 = Vector128.MultiplyAddEstimate(x, w1, b1);
                b2 = Vector128.MultiplyAddEstimate(x, w2, b2);
                b3 = Vector128.MultiplyAddEstimate(x, w3, b3);
            }
        }
        Store(toOne, a0, a1, a2, a3);
        Store(toTwo, b0, b1, b2, b3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> At(float* numbers, int vector) => Vector128.Load(numbers + vector * Floats);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* to, Vector128<float> v0, Vector128<float> v1, Vector128<float> v2, Vector128<float> v3)
    {
        v0.Store(to);
        v1.Store(to + Floats);
        v2.Store(to + 2 * Floats);
        v3.Store(to + 3 * Floats);
    }
}
