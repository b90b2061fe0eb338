using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>sum_i w_i x_i: what nearly every line of a solver is, weights in float64, in one pass a term.</summary>
/// <remarks>
/// Use it in solvers and denoisers of your own instead of TorchSharp's operators of tensors and numbers (<c>x * 0.5</c>, <c>x +
/// y</c>). TorchSharp 0.107.0 makes a native Scalar of each number, and the garbage collector of another thread can free it while
/// libtorch still reads it. Here it is held.
/// </remarks>
/// <example>
/// Euler's step: <c>Sum((1, step.X), (step.To - step.From, slope))</c>. A product: <c>Sum((sigma, z))</c>.
/// </example>
public static class LinearCombination
{
    /// <summary>
    /// The weighted sum of tensors of one shape, as a new tensor of the type of the first. Terms of weight 0 are left out, not
    /// multiplied.
    /// </summary>
    /// <param name="terms">Weights and tensors, one or more; the tensors stay the caller's.</param>
    /// <returns>A tensor of their shape.</returns>
    /// <exception cref="ArgumentException">There are no terms.</exception>
    public static Tensor Sum(params ReadOnlySpan<(double Weight, Tensor Tensor)> terms)
    {
        if (terms.IsEmpty)
            throw new ArgumentException("A sum has one term or more.", nameof(terms));
        Tensor? sum = null;
        foreach (var (weight, tensor) in terms)
        {
            if (weight == 0)
                continue;
            using var scalar = weight.ToScalar(); // named, so that no garbage collection frees it while native code reads it
            if (sum is null)
                sum = tensor.mul(scalar);
            else
                sum.add_(tensor, alpha: scalar);
        }
        return sum ?? zeros_like(terms[0].Tensor);
    }
}
