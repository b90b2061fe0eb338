using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>sum_i w_i x_i: what nearly every line of a solver is, weights in float64, in one pass a term.</summary>
internal static class LinearCombination
{
    /// <summary>
    /// The weighted sum of tensors of one shape, as a new tensor of the type of the first. Terms of weight 0 are left out, not multiplied.
    /// </summary>
    public static Tensor Sum(params ReadOnlySpan<(double Weight, Tensor Tensor)> terms)
    {
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
