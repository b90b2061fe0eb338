namespace Mezzotint.Models;

/// <summary>How the files of a model's weights are read.</summary>
/// <param name="Narrow">As <see cref="ModelOpening.Narrow"/> has it.</param>
/// <param name="Variant">As <see cref="ModelOpening.Variant"/> has it.</param>
internal readonly record struct WeightsReading(bool Narrow = false, string? Variant = null);
