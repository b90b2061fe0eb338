using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>The condition that today's networks take: one class an image.</summary>
internal static class ClassLabels
{
    /// <summary>The classes as a network reads them: int64 [B, 1].</summary>
    public static Tensor Of(IEnumerable<int> labels, Device device)
    {
        long[] numbers = [.. labels.Select(label => (long)label)];
        return tensor(numbers, [numbers.Length, 1], device: device);
    }
}
