using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Mezzotint.Formats;

/// <summary>Tensors to the arrays of files and back.</summary>
internal static class TensorConversion
{
    /// <summary>A copy of the numbers of <paramref name="tensor"/>, from whatever device and layout.</summary>
    public static TensorData ToData(this Tensor tensor)
    {
        using var scope = NewDisposeScope();
        var plain = tensor.detach().cpu().contiguous();
        var bytes = new byte[plain.numel() * plain.element_size()];
        plain.bytes.CopyTo(bytes);
        return new TensorData(ElementTypeOf(tensor.dtype), [.. tensor.shape], bytes);
    }

    /// <summary>Copies <paramref name="data"/> into <paramref name="target"/>, which has the same shape; numbers are converted to
    /// its type.</summary>
    public static void CopyTo(this TensorData data, Tensor target)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var source = empty(data.Shape, dtype: ScalarTypeOf(data.Type));
        MemoryMarshal.AsBytes(data.Bytes.Span).CopyTo(source.bytes);
        target.copy_(source);
    }

    private static ElementType ElementTypeOf(ScalarType type) => type switch
    {
        ScalarType.Bool => ElementType.Bool,
        ScalarType.Byte => ElementType.UInt8,
        ScalarType.Int8 => ElementType.Int8,
        ScalarType.Int16 => ElementType.Int16,
        ScalarType.Int32 => ElementType.Int32,
        ScalarType.Int64 => ElementType.Int64,
        ScalarType.Float16 => ElementType.Float16,
        ScalarType.BFloat16 => ElementType.BFloat16,
        ScalarType.Float32 => ElementType.Float32,
        ScalarType.Float64 => ElementType.Float64,
        _ => throw new ArgumentException($"Tensors of {type} are not kept in files.", nameof(type)),
    };

    private static ScalarType ScalarTypeOf(ElementType type) => type switch
    {
        ElementType.Bool => ScalarType.Bool,
        ElementType.UInt8 => ScalarType.Byte,
        ElementType.Int8 => ScalarType.Int8,
        ElementType.Int16 => ScalarType.Int16,
        ElementType.Int32 => ScalarType.Int32,
        ElementType.Int64 => ScalarType.Int64,
        ElementType.Float16 => ScalarType.Float16,
        ElementType.BFloat16 => ScalarType.BFloat16,
        ElementType.Float32 => ScalarType.Float32,
        _ => ScalarType.Float64,
    };
}
