using System.Collections.Concurrent;
using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>Axes of a tensor rearranged by a pattern that names them, such as <c>b t (n d) -> b n t d</c>.</summary>
/// <remarks>
/// The notation of einops (Rogozhnikov 2022, "Einops: Clear and Reliable Tensor Manipulations with Einstein-like Notation"):
/// names on the left stand for the axes of the input, in order; names in parentheses make up one axis; <c>1</c> is an axis of
/// length 1; the right side says where each goes. Every name stands once on each side.
/// </remarks>
internal static class RearrangeExtensions
{
    private static readonly ConcurrentDictionary<string, RearrangePattern> Patterns = new();

    /// <summary>Splits, permutes and merges the axes of <paramref name="x"/> as <paramref name="pattern"/> says.</summary>
    /// <param name="x">The tensor; its number of axes is that of the left side.</param>
    /// <param name="pattern">For instance <c>b c h w -> b (h w) c</c>.</param>
    /// <param name="lengths">The lengths of names that the shape does not tell; in each parenthesis at most one may be
    /// missing.</param>
    /// <returns>A view where strides allow it, else a copy.</returns>
    /// <exception cref="ArgumentException">The pattern is malformed (the message names the place), or does not fit the
    /// shape.</exception>
    public static Tensor Rearrange(this Tensor x, string pattern, params ReadOnlySpan<(string Name, long Length)> lengths)
    {
        ArgumentNullException.ThrowIfNull(x);
        var plan = Patterns.GetOrAdd(pattern, RearrangePattern.Parse).Plan(x.shape, lengths);
        var split = x.reshape(plan.Split);
        var permuted = split.permute(plan.Order);
        return permuted.reshape(plan.Merged);
    }
}
