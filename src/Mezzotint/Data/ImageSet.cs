namespace Mezzotint.Data;

/// <summary>
/// Labelled images of one size, whole in memory: what every source of data becomes before it is used.
/// </summary>
public sealed class ImageSet
{
    /// <summary>The largest side of an image, in pixels.</summary>
    public const int MaxSide = 4096;

    /// <summary>Puts images and labels together.</summary>
    /// <param name="name">What to call the set in messages and logs, such as <c>mnist train</c>.</param>
    /// <param name="pixels">The grey or colour values, image by image, channel by channel, row by row: [N, C, H, W].</param>
    /// <param name="labels">One class an image, from 0 to the number of classes - 1.</param>
    /// <param name="channels">1 for grey, 3 for colour.</param>
    /// <param name="height">Rows of an image.</param>
    /// <param name="width">Columns of an image.</param>
    /// <param name="classNames">One name a class, in the order of the labels; each name once.</param>
    /// <exception cref="ArgumentException">The lengths do not fit together, a label has no class, or two classes have one
    /// name.</exception>
    public ImageSet(string name, byte[] pixels, byte[] labels, int channels, int height, int width, IReadOnlyList<string> classNames)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(classNames);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(channels);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        if ((long)labels.Length * channels * height * width != pixels.Length)
            throw new ArgumentException($"{labels.Length} images of {channels} x {height} x {width} need {(long)labels.Length * channels * height * width} bytes, not {pixels.Length}.", nameof(pixels));
        foreach (byte label in labels)
            if (label >= classNames.Count)
                throw new ArgumentException($"Label {label} has no class: there are {classNames.Count}.", nameof(labels));
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (string className in classNames)
            if (!names.Add(className))
                throw new ArgumentException($"Two classes are called '{className}'.", nameof(classNames));
        (Name, Pixels, Labels, Channels, Height, Width, ClassNames) = (name, pixels, labels, channels, height, width, classNames);
    }

    /// <summary>What the set is called in messages and logs.</summary>
    public string Name { get; }

    /// <summary>The values 0 to 255 of all images: [N, C, H, W], row-major.</summary>
    public byte[] Pixels { get; }

    /// <summary>The class of each image: [N].</summary>
    public byte[] Labels { get; }

    /// <summary>1 for grey, 3 for colour.</summary>
    public int Channels { get; }

    /// <summary>Rows of an image.</summary>
    public int Height { get; }

    /// <summary>Columns of an image.</summary>
    public int Width { get; }

    /// <summary>The names of the classes, in the order of the labels.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>What the reader of the set took and left out; null where no pictures were read.</summary>
    public ReadingReport? Reading { get; init; }

    /// <summary>The number of images.</summary>
    public int Count => Labels.Length;

    /// <summary>The values of image <paramref name="index"/>: [C, H, W].</summary>
    public ReadOnlySpan<byte> Image(int index) => Pixels.AsSpan(index * Channels * Height * Width, Channels * Height * Width);

    /// <summary>The first <paramref name="count"/> images as a set of their own.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative or more than there are.</exception>
    public ImageSet Take(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Count);
        byte[] pixels = Pixels[..(count * Channels * Height * Width)];
        return new ImageSet(Name, pixels, Labels[..count], Channels, Height, Width, ClassNames) { Reading = Reading };
    }

    /// <summary>The images at <paramref name="indices"/>, in their order, as a set of their own.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An index is not that of an image.</exception>
    public ImageSet Pick(IReadOnlyList<int> indices)
    {
        ArgumentNullException.ThrowIfNull(indices);
        int length = Channels * Height * Width;
        var (pixels, labels) = (new byte[indices.Count * length], new byte[indices.Count]);
        for (int i = 0; i < indices.Count; i++)
        {
            Image(indices[i]).CopyTo(pixels.AsSpan(i * length));
            labels[i] = Labels[indices[i]];
        }
        return new ImageSet(Name, pixels, labels, Channels, Height, Width, ClassNames);
    }
}
