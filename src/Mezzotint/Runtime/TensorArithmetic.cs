using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Runtime;

/// <summary>Arithmetic of tensors and numbers that stays right while another thread collects garbage: use it instead of
/// TorchSharp's operators.</summary>
/// <remarks>
/// TorchSharp 0.107.0 turns each number into a native Scalar, and gives one to <c>a + b</c> too, its factor 1. Nothing holds it
/// during the native call, so its finalizer can free it while libtorch still reads it. With another thread collecting and both
/// cores busy, training ended in an error within seconds. Here it is held: by a static field, or by a <c>using</c>. Of the
/// operators only <c>a - b</c>, <c>a * b</c> and <c>a / b</c> of two tensors have no Scalar.
/// </remarks>
internal static class TensorArithmetic
{
    private static readonly Scalar One = 1, Two = 2;

    /// <summary>a + b.</summary>
    public static Tensor Plus(this Tensor a, Tensor b) => a.add(b, One);

    /// <summary>a + factor b.</summary>
    public static Tensor Plus(this Tensor a, double factor, Tensor b)
    {
        using Scalar alpha = factor;
        return a.add(b, alpha);
    }

    /// <summary>a + number.</summary>
    public static Tensor Plus(this Tensor a, double number)
    {
        using Scalar scalar = number;
        return a.add(scalar, One);
    }

    /// <summary>factor a.</summary>
    public static Tensor Times(this Tensor a, double factor)
    {
        using Scalar scalar = factor;
        return a.mul(scalar);
    }

    /// <summary>a / divisor.</summary>
    public static Tensor Over(this Tensor a, double divisor)
    {
        using Scalar scalar = divisor;
        return a.div(scalar);
    }

    /// <summary>a = a + b.</summary>
    public static Tensor AddInPlace(this Tensor a, Tensor b) => a.add_(b, One);

    /// <summary>a^2, element by element.</summary>
    public static Tensor Squared(this Tensor a) => a.pow(Two);
}
