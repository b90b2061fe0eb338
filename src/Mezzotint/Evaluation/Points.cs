namespace Mezzotint.Evaluation;

/// <summary>Images as points of a space, one row an image: what the distances between sets of images are computed from.</summary>
public sealed class Points
{
    /// <summary>Wraps coordinates, without copying them.</summary>
    /// <param name="values">Row by row: [N, D].</param>
    /// <param name="count">N, at least 1.</param>
    /// <param name="length">D, at least 1.</param>
    /// <exception cref="ArgumentException">The number of values is not their product.</exception>
    public Points(double[] values, int count, int length)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        if ((long)count * length != values.Length)
            throw new ArgumentException(
                $"{count} points of {length} coordinates are not {values.Length} values.", nameof(values));
        (Values, Count, Length) = (values, count, length);
    }

    /// <summary>The coordinates: [N, D].</summary>
    public double[] Values { get; }

    /// <summary>How many points, N.</summary>
    public int Count { get; }

    /// <summary>How many coordinates a point has, D.</summary>
    public int Length { get; }

    /// <summary>The coordinates of point <paramref name="index"/>: [D].</summary>
    public ReadOnlySpan<double> this[int index] => Values.AsSpan(index * Length, Length);

    /// <summary>The points of some numbers, in their order.</summary>
    public Points Take(IReadOnlyList<int> indices)
    {
        ArgumentNullException.ThrowIfNull(indices);
        var taken = new double[(long)indices.Count * Length];
        for (int i = 0; i < indices.Count; i++)
            this[indices[i]].CopyTo(taken.AsSpan(i * Length));
        return new Points(taken, indices.Count, Length);
    }
}
