using System.Security.Cryptography;
using System.Text;
using Mezzotint.Formats;
using Mezzotint.Runtime;

namespace Mezzotint.Data;

/// <summary>Sets of pictures in files: listed, decoded, and held in memory or, where that takes long, in the cache.</summary>
/// <remarks>
/// A set is kept in the cache, in <c>images/</c> of <see cref="CacheFolder"/>, where its files and its pixels are more than
/// <see cref="CachedBytes"/> together. The name of the file is a hash of what the pixels follow from: the names, lengths and
/// times (in archives: checksums) of all files, and the options. So a changed set is decoded again, and another process that
/// decodes the same one writes the same file. A file is there whole or not at all.
/// </remarks>
internal sealed class PictureSet
{
    /// <summary>A smaller set is decoded each time, which takes a moment.</summary>
    public const long CachedBytes = 1 << 25;

    private const int CacheVersion = 1;

    private readonly FileTree _tree;
    private readonly ReadingOptions _options;
    private readonly IProgress<ReadingProgress>? _progress;
    private readonly CancellationToken _cancellation;

    private PictureSet(
        FileTree tree, ReadingOptions options, IProgress<ReadingProgress>? progress, CancellationToken cancellation) =>
        (_tree, _options, _progress, _cancellation) = (tree, options, progress, cancellation);

    /// <summary>For tests: where sets are cached that have at least so many bytes.</summary>
    internal static long CachedFrom { get; set; } = CachedBytes;

    /// <summary>Where decoded sets are kept.</summary>
    public static string CachePath => Path.Combine(CacheFolder.Path, "images");

    /// <summary>Reads the pictures of a tree.</summary>
    /// <exception cref="MezzotintException">There are none, one is damaged, the sizes differ, or there is no room.</exception>
    public static ImageSet Load(
        FileTree tree, ReadingOptions options, IProgress<ReadingProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        options.Validate();
        try
        {
            var set = new PictureSet(tree, options, progress, cancellation);
            return set.Cached() ?? set.Decoded();
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new MezzotintException($"{tree.Root} cannot be read: {cause.Message}", cause);
        }
    }

    /// <summary>The set's name in messages: that of its folder, and the part.</summary>
    public static string NameOf(string root, ReadingOptions options)
    {
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(root)));
        return options.PartName is { } part ? $"{name} {part}" : options.Part switch
        {
            ImageSplit.Train => $"{name} train",
            ImageSplit.Test => $"{name} test",
            _ => name,
        };
    }

    private ImageSet? Cached() =>
        _options.Cache && Directory.Exists(CachePath) ? ImageCacheFile.Open(CacheFile, _tree.Root) : null;

    private string CacheFile => field ??= Path.Combine(CachePath, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        $"{CacheVersion}|{NameOf(_tree.Root, _options)}|{_tree.Fingerprint()}|{_options.Key}")).AsSpan(0, 16)) + ".images");

    private ImageSet Decoded()
    {
        var notes = new ReadingNotes();
        var list = PictureList.Of(_tree, _options, notes);
        return Decoded(list, notes, _options.Channels ?? 1)
            ?? Decoded(list, notes, 3)!; // the first picture with colour ends a reading in grey
    }

    /// <summary>Decodes the pictures; null where one has colour, one channel is read, and nobody asked for that.</summary>
    private ImageSet? Decoded(PictureList list, ReadingNotes listed, int channels)
    {
        var reader = new PictureReader(_tree, channels, _options.Behind)
        {
            Frame = _options.Frame, Threads = _options.Threads,
        };
        var taking = new PictureTaking(_tree, list, listed, _options, reader, channels);
        bool kept = _options.Cache && _tree.Bytes + taking.SizeOfAll >= CachedFrom && Room(taking.SizeOfAll);
        return kept ? InFile(taking) : taking.InMemory(_progress, _cancellation);
    }

    /// <summary>Decodes into the cache. Two processes that do so at once write the same, each a file of its own until it is
    /// whole.</summary>
    private ImageSet? InFile(PictureTaking taking)
    {
        try
        {
            AtomicFile.Write(CacheFile, stream =>
            {
                using var buffered = new BufferedStream(stream, 1 << 20);
                if (!taking.IntoFile(new ImageCacheFile.Writer(buffered), _progress, _cancellation))
                    throw new ColouredException();
            });
        }
        catch (MezzotintException) when (ImageCacheFile.Open(CacheFile, _tree.Root) is { } others)
        {
            return others; // on Windows a file that another process has open cannot be replaced: it is the same
        }
        catch (ColouredException)
        {
            return null;
        }
        return ImageCacheFile.Open(CacheFile, _tree.Root)
            ?? throw new MezzotintException(
                $"'{CacheFile}' was written and cannot be read back: look after the disk, or name another folder with "
                + "MEZZOTINT_CACHE.");
    }

    /// <summary>Whether a file of this size can be made in the cache.</summary>
    private static bool Room(long bytes)
    {
        try
        {
            AtomicFile.Probe(CachePath);
            return new DriveInfo(CachePath).AvailableFreeSpace > bytes + (bytes >> 3);
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return false;
        }
    }

    private sealed class ColouredException : Exception;
}
