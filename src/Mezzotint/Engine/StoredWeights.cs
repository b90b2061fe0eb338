using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchSharp;

namespace Mezzotint.Engine;

/// <summary>Weights where they lie, in float32, float16 or bfloat16.</summary>
/// <param name="Data">The first number.</param>
/// <param name="Type">Of the numbers.</param>
internal readonly unsafe record struct StoredWeights(nint Data, torch.ScalarType Type)
{
    private const float TwoTo112 = 5.192296858534828e33f;

    /// <summary>Bytes of a number.</summary>
    public int ElementBytes => Type == torch.ScalarType.Float32 ? sizeof(float) : sizeof(ushort);

    /// <summary>Eight numbers in float32, from the number <paramref name="first"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector256<float> Load(long first)
    {
        if (Type == torch.ScalarType.Float32)
            return Vector256.Load((float*)Data + first);
        var narrow = Vector128.Load((ushort*)Data + first);
        var bits = Vector256.Create(Vector128.WidenLower(narrow), Vector128.WidenUpper(narrow));
        return Type == torch.ScalarType.BFloat16 ? (bits << 16).AsSingle() : Widened(bits);
    }

    /// <summary>All numbers in float32.</summary>
    public void CopyTo(float* to, long count)
    {
        long i = 0;
        for (; i + Vector256<float>.Count <= count; i += Vector256<float>.Count)
            Load(i).Store(to + i);
        for (; i < count; i++)
            to[i] = Type == torch.ScalarType.Float32 ? ((float*)Data)[i]
                : Type == torch.ScalarType.BFloat16 ? Runtime.Bfloat16.ToSingle(((ushort*)Data)[i])
                : (float)((Half*)Data)[i];
    }

    /// <summary>float16 to float32, exactly: the exponent's bias is 15 in one, 127 in the other. Weights are finite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Widened(Vector256<uint> half)
    {
        var size = ((half & Vector256.Create(0x7FFFu)) << 13).AsSingle() * Vector256.Create(TwoTo112);
        return (size.AsUInt32() | ((half & Vector256.Create(0x8000u)) << 16)).AsSingle();
    }
}
