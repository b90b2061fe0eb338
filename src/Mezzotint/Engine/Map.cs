namespace Mezzotint.Engine;

/// <summary>
/// A feature map of one image, channels last, with a border of zeros: [H + 2 border, W + 2 border, C] of bfloat16 or float32; or
/// some of another map's channels.
/// </summary>
internal sealed unsafe class Map : IDisposable
{
    private readonly NativeArray<byte>? _data; // null where the numbers are another map's
    private readonly byte* _first;

    /// <summary>A map of its own, all zeros.</summary>
    public Map(int height, int width, ChannelLayout channels, int border, bool bfloat16)
    {
        (Height, Width, Layout, Channels, Border, Bfloat16) = (height, width, channels, channels.Width, border, bfloat16);
        PlaceBytes = Channels * ElementBytes;
        _data = new((long)(height + 2 * border) * RowBytes);
        _first = _data.Data;
    }

    /// <summary>A plain map of float32 in memory that is another's: [H, W, C].</summary>
    public Map(float* floats, int height, int width, ChannelLayout channels)
    {
        (Height, Width, Layout, Channels) = (height, width, channels, channels.Width);
        PlaceBytes = Channels * ElementBytes;
        _first = (byte*)floats;
    }

    /// <summary>A map in memory that other values have had: its border is to be cleared before it is made.</summary>
    public Map(float* memory, int height, int width, ChannelLayout channels, int border, bool bfloat16)
    {
        (Height, Width, Layout, Channels, Border, Bfloat16) = (height, width, channels, channels.Width, border, bfloat16);
        PlaceBytes = Channels * ElementBytes;
        _first = (byte*)memory;
        IsShared = true;
    }

    /// <summary>A map of float32 without memory of its own, whose rows are made as they are read.</summary>
    public Map(RowRing ring, int height, int width, ChannelLayout channels, int border)
    {
        (Height, Width, Layout, Channels, Border, Ring) = (height, width, channels, channels.Width, border, ring);
        PlaceBytes = Channels * ElementBytes;
    }

    private Map(Map whole, int first, ChannelLayout layout)
    {
        (Height, Width, Layout, Channels) = (whole.Height, whole.Width, layout, layout.Width);
        (Border, Bfloat16) = (whole.Border, whole.Bfloat16);
        PlaceBytes = whole.PlaceBytes;
        _first = whole._first + first * ElementBytes;
        IsSlice = true;
    }

    /// <summary>Some of a map's rows, and none beside them.</summary>
    private Map(Map whole, int firstRow, int rows)
    {
        (Height, Width, Layout, Channels) = (rows, whole.Width, whole.Layout, whole.Channels);
        (Border, Bfloat16, PlaceBytes, IsSlice) = (whole.Border, whole.Bfloat16, whole.PlaceBytes, true);
        _first = whole._first + (long)firstRow * RowBytes;
    }

    public int Height { get; }

    public int Width { get; }

    /// <summary>Where its channels are among the numbers of a place.</summary>
    public ChannelLayout Layout { get; }

    /// <summary>The numbers of a place: its channels, and the zeros that fill them up to whole vectors.</summary>
    public int Channels { get; }

    public int Border { get; }

    public bool Bfloat16 { get; }

    /// <summary>Whether it is some of another map's channels.</summary>
    public bool IsSlice { get; }

    /// <summary>Where its rows are while they are read; null for a map that is whole.</summary>
    public RowRing? Ring { get; }

    /// <summary>Whether its memory has been other values'.</summary>
    public bool IsShared { get; }

    /// <summary>Bytes of such a map, with its border.</summary>
    public static long BytesOf(int height, int width, ChannelLayout channels, int border, bool bfloat16) =>
        (long)(height + 2 * border) * (width + 2 * border) * channels.Width * (bfloat16 ? sizeof(ushort) : sizeof(float));

    /// <summary>Makes the zeros around it.</summary>
    public void ClearBorder()
    {
        int sides = Border * PlaceBytes, ends = Border * RowBytes;
        if (Border == 0)
            return;
        new Span<byte>(_first, ends).Clear();
        new Span<byte>(_first + ends + (long)Height * RowBytes, ends).Clear();
        for (int row = 0; row < Height; row++)
        {
            byte* at = _first + ends + (long)row * RowBytes;
            new Span<byte>(at, sides).Clear();
            new Span<byte>(at + RowBytes - sides, sides).Clear();
        }
    }

    /// <summary>H W.</summary>
    public int Places => Height * Width;

    public int ElementBytes => Bfloat16 ? sizeof(ushort) : sizeof(float);

    /// <summary>From a place to the next.</summary>
    public int PlaceBytes { get; }

    /// <summary>From a row to the next.</summary>
    public int RowBytes => (Width + 2 * Border) * PlaceBytes;

    /// <summary>The first place inside the border.</summary>
    public byte* Origin => _first + Border * (RowBytes + PlaceBytes);

    /// <summary>The numbers of one of float32 without a border: [H, W, C].</summary>
    public float* Floats => Bfloat16 || Border > 0 || PlaceBytes != Channels * sizeof(float)
        ? throw new InvalidOperationException("Not a plain map of float32.") : (float*)_first;

    /// <summary>Some of the numbers of a place, in the same memory.</summary>
    public Map Slice(int first, ChannelLayout layout) => new(this, first, layout);

    /// <summary>Some of the rows, in the same memory.</summary>
    public Map Rows(int first, int count) => new(this, first, count);

    public void Dispose() => _data?.Dispose();
}
