using Mezzotint.Formats;

namespace Mezzotint.Models;

/// <summary>A part of a model as its files have it.</summary>
/// <param name="Name">Such as <c>unet</c>, <c>vae</c>, <c>text_encoder</c>; <c>network</c> in folders of ours.</param>
/// <param name="Parameters">The numbers of its weights.</param>
/// <param name="Bytes">Their bytes.</param>
/// <param name="Types">The types that they are stored as.</param>
public sealed record ModelPart(string Name, long Parameters, long Bytes, IReadOnlyList<ElementType> Types)
{
    /// <summary>Counts tensors; buffers of whole numbers are no weights.</summary>
    internal static ModelPart Of(string name, IEnumerable<TensorData> tensors)
    {
        TensorData[] weights = [.. tensors.Where(tensor => tensor.Type is ElementType.Float16 or ElementType.BFloat16
            or ElementType.Float32 or ElementType.Float64)];
        return new(name, weights.Sum(tensor => tensor.ElementCount),
            weights.Sum(tensor => tensor.ElementCount * TensorData.ElementSize(tensor.Type)),
            [.. weights.Select(tensor => tensor.Type).Distinct()]);
    }
}
