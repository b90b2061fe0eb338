using Mezzotint.Formats;

namespace Mezzotint.Data;

/// <summary>Which images of a set to take.</summary>
public enum ImageSplit
{
    /// <summary>All of them.</summary>
    All,

    /// <summary>Those to learn from.</summary>
    Train,

    /// <summary>Those held back.</summary>
    Test,
}

/// <summary>How pictures become images of one size, with classes and captions: the keys of <c>[data]</c> as a program gives
/// them.</summary>
public sealed record ReadingOptions
{
    /// <summary>1 for grey, 3 for colour; null for what the pictures are: colour where any of them has some.</summary>
    public int? Channels { get; init; }

    /// <summary>The size to bring every picture to, and how; null where all have one size.</summary>
    public PictureFrame? Frame { get; init; }

    /// <summary>The colour behind what is transparent, and beside what is padded; null for black. Arrays have nothing transparent
    /// and take none.</summary>
    public Background? Background { get; init; }

    /// <summary>Whether a damaged picture is left out and counted; else reading stops at it.</summary>
    public bool SkipDamaged { get; init; }

    /// <summary>Whether the images have the classes that the data give them; else they have none.</summary>
    public bool Classes { get; init; } = true;

    /// <summary>Names for classes that the data only number, in the order of their numbers; none for the numbers.</summary>
    public IReadOnlyList<string> ClassNames { get; init; } = [];

    /// <summary>The column of the metadata that has the classes; null for <c>label</c>, where there is one.</summary>
    public string? Label { get; init; }

    /// <summary>The column or pattern that makes the captions (<see cref="CaptionPattern"/>); null for <c>text</c>, where there
    /// is such a column.</summary>
    public string? Caption { get; init; }

    /// <summary>How training and test images are divided (<see cref="SplitRule"/>): a share from 0 to 1, <c>folders</c>, or a
    /// column of the metadata; null for what the data have.</summary>
    public string? Split { get; init; }

    /// <summary>Which images to take.</summary>
    public ImageSplit Part { get; init; }

    /// <summary>Only the images that the column of <see cref="Split"/> gives this value, whatever <see cref="Part"/> is; null for
    /// all.</summary>
    public string? PartName { get; init; }

    /// <summary>How many pictures are decoded at once; 0 for one a core. The images do not depend on it.</summary>
    public int Threads { get; init; }

    /// <summary>Whether a large set is decoded into a file of the cache, once; else it is held in memory. The images do not
    /// depend on it.</summary>
    public bool Cache { get; init; } = true;

    /// <summary>The colour, black where none is given.</summary>
    internal Background Behind => Background ?? Formats.Background.Black;

    /// <summary>What the options do to the pictures, as a part of the key of the cache.</summary>
    internal string Key => FormattableString.Invariant(
        $"{Channels}|{Frame}|{Behind}|{SkipDamaged}|{Label}|{Caption}|{Split}|{Part}|{PartName}");

    internal void Validate()
    {
        if (Channels is not (null or 1 or 3))
            throw new ArgumentOutOfRangeException(
                nameof(Channels), Channels, "An image has 1 channel (grey) or 3 (colour).");
        if (Frame is { } frame)
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(frame.Height, nameof(Frame));
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(frame.Width, nameof(Frame));
        }
    }
}

/// <summary>How far a reading is.</summary>
/// <param name="Done">Pictures decoded.</param>
/// <param name="Total">Pictures to decode.</param>
public readonly record struct ReadingProgress(long Done, long Total);
