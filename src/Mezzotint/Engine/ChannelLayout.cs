namespace Mezzotint.Engine;

/// <summary>Channels of a layout that lie one after the other.</summary>
/// <param name="Channel">The first of them.</param>
/// <param name="At">Where it is among the numbers of a place.</param>
/// <param name="Count">How many there are.</param>
internal readonly record struct LayoutPart(int Channel, int At, int Count);

/// <summary>
/// Where the channels of a map are among the numbers of a place: in one part, or in several for maps side by side. Each part is
/// filled up with zeros to whole vectors. What fills up is 0 in every map and every gradient.
/// </summary>
internal sealed class ChannelLayout : IEquatable<ChannelLayout>
{
    private readonly LayoutPart[] _parts;

    private ChannelLayout(LayoutPart[] parts, int width)
    {
        (_parts, Width) = (parts, width);
        At = [.. parts.SelectMany(part => Enumerable.Range(part.At, part.Count))];
    }

    /// <summary>How many channels there are.</summary>
    public int Count => At.Length;

    /// <summary>The numbers of a place: the channels and what fills them up.</summary>
    public int Width { get; }

    /// <summary>Where each channel is.</summary>
    public int[] At { get; }

    public ReadOnlySpan<LayoutPart> Parts => _parts;

    /// <summary>Whether nothing is filled up.</summary>
    public bool IsFull => Count == Width;

    /// <summary>Whether channel c is the number c of a place.</summary>
    public bool IsOnePart => _parts.Length == 1;

    /// <summary>Channels without anything between places: images and vectors.</summary>
    public static ChannelLayout Exact(int count) => new([new(0, 0, count)], count);

    /// <summary>Channels filled up to whole vectors.</summary>
    public static ChannelLayout Padded(int count) => new([new(0, 0, count)], PackedWeights.Padded(count));

    /// <summary>Those of maps side by side.</summary>
    public static ChannelLayout Beside(IEnumerable<ChannelLayout> layouts)
    {
        var parts = new List<LayoutPart>();
        int channel = 0, at = 0;
        foreach (var layout in layouts)
        {
            foreach (var part in layout._parts)
                if (parts is [.., var last] && last.At + last.Count == at + part.At)
                    parts[^1] = last with { Count = last.Count + part.Count };
                else
                    parts.Add(new(channel + part.Channel, at + part.At, part.Count));
            (channel, at) = (channel + layout.Count, at + layout.Width);
        }
        return new([.. parts], at);
    }

    public bool Equals(ChannelLayout? other) =>
        other is not null && Width == other.Width && _parts.AsSpan().SequenceEqual(other._parts);

    public override bool Equals(object? obj) => Equals(obj as ChannelLayout);

    public override int GetHashCode() => _parts.Aggregate(Width, HashCode.Combine);

    public static implicit operator ChannelLayout(int count) => Exact(count);
}
