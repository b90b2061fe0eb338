namespace Mezzotint.Data;

/// <summary>Where the pixels and captions of a set are: in memory, in a file, or in another store.</summary>
internal abstract class ImageStore
{
    /// <summary>Puts the values of an image, [C, H, W], into a span of their number. Any thread may call it.</summary>
    public abstract void Read(int index, Span<byte> pixels);

    /// <summary>The captions of an image; none where it has none.</summary>
    public abstract IReadOnlyList<string> Captions(int index);

    /// <summary>All pixels, where they are in memory already; else null.</summary>
    public virtual byte[]? Array => null;
}

/// <summary>Images in one array.</summary>
internal sealed class ImageArray(byte[] pixels, int length, IReadOnlyList<IReadOnlyList<string>>? captions) : ImageStore
{
    /// <inheritdoc/>
    public override byte[] Array => pixels;

    /// <inheritdoc/>
    public override void Read(int index, Span<byte> target) => pixels.AsSpan(index * length, length).CopyTo(target);

    /// <inheritdoc/>
    public override IReadOnlyList<string> Captions(int index) => captions?[index] ?? [];
}

/// <summary>Some images of another store.</summary>
internal sealed class SelectedImages(ImageStore of, IReadOnlyList<int> indices) : ImageStore
{
    /// <inheritdoc/>
    public override void Read(int index, Span<byte> pixels) => of.Read(indices[index], pixels);

    /// <inheritdoc/>
    public override IReadOnlyList<string> Captions(int index) => of.Captions(indices[index]);
}

/// <summary>The images of another store, and after them their mirror images, left and right exchanged.</summary>
internal sealed class MirroredImages(ImageStore of, int count, int width) : ImageStore
{
    /// <inheritdoc/>
    public override void Read(int index, Span<byte> pixels)
    {
        of.Read(index % count, pixels);
        if (index < count)
            return;
        for (int row = 0; row < pixels.Length; row += width)
            pixels.Slice(row, width).Reverse();
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Captions(int index) => of.Captions(index % count);
}
