using System.Runtime.ExceptionServices;
using Mezzotint.Formats;

namespace Mezzotint.Data;

/// <summary>What came of a picture: its image, or why there is none.</summary>
internal sealed record ReadPicture
{
    /// <summary>The values, [C, H, W]; null where the picture could not be read, or is of another size than asked for.</summary>
    public byte[]? Pixels { get; init; }

    /// <summary>The rows and columns of the upright picture in its file.</summary>
    public int Height { get; init; }

    /// <inheritdoc cref="Height"/>
    public int Width { get; init; }

    /// <summary>Whether colour is to be seen: its own, or that of the background.</summary>
    public bool Coloured { get; init; }

    /// <summary>Whether some of it is transparent.</summary>
    public bool Transparent { get; init; }

    /// <summary>Whether it is the first picture of an animation.</summary>
    public bool Animated { get; init; }

    /// <summary>Why it could not be read.</summary>
    public MezzotintException? Failure { get; init; }

    /// <summary>Whether that is because its bytes are of a format that is not read.</summary>
    public bool OtherFormat { get; init; }
}

/// <summary>Decodes the pictures of a list on several threads, and hands them over one by one, in their order.</summary>
/// <param name="tree">What the pictures are in.</param>
/// <param name="channels">1 for grey, 3 for colour.</param>
/// <param name="background">The colour behind what is transparent.</param>
internal sealed class PictureReader(FileTree tree, int channels, Background background)
{
    private const int PicturesAtOnce = 32; // for each thread
    private const long BytesAtOnce = 1 << 26;

    /// <summary>The size to bring pictures to; null to take them as they are.</summary>
    public PictureFrame? Frame { get; set; }

    /// <summary>The only size to decode, where pictures are taken as they are; null for any.</summary>
    public (int Height, int Width)? Only { get; set; }

    /// <summary>How many pictures are decoded at once; 0 for one a core.</summary>
    public int Threads { get; init; }

    /// <summary>Decodes pictures.</summary>
    /// <param name="pictures">The pictures.</param>
    /// <param name="take">Given each picture, in the order of the list, on the caller's thread; false ends the reading.</param>
    /// <param name="progress">Told how many are done.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public void Read(
        IReadOnlyList<ListedPicture> pictures, Func<ListedPicture, ReadPicture, bool> take,
        IProgress<ReadingProgress>? progress = null, CancellationToken cancellation = default)
    {
        int threads = Threads > 0 ? Threads : Environment.ProcessorCount;
        var options = new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancellation };
        int block = BlockSize(threads);
        for (int start = 0; start < pictures.Count; start += block)
        {
            var read = new ReadPicture[Math.Min(block, pictures.Count - start)];
            int first = start;
            try
            {
                Parallel.For(0, read.Length, options, i => read[i] = Decode(pictures[first + i].Name));
            }
            catch (AggregateException several) when (several.InnerExceptions.Count > 0)
            {
                ExceptionDispatchInfo.Throw(several.InnerExceptions[0]);
            }
            for (int i = 0; i < read.Length; i++)
                if (!take(pictures[first + i], read[i]))
                    return;
            progress?.Report(new ReadingProgress(start + read.Length, pictures.Count));
        }
    }

    /// <summary>Reads a file and judges its header.</summary>
    /// <returns>Only why it is no picture; all else is empty where it is one.</returns>
    public static ReadPicture Open(FileTree tree, string name)
    {
        var (picture, refused) = Opened(tree, name);
        picture?.Dispose();
        return refused ?? new ReadPicture();
    }

    private static (PictureFile? Picture, ReadPicture? Refused) Opened(FileTree tree, string name)
    {
        byte[] bytes;
        try
        {
            bytes = tree.Read(name, PictureFile.MostBytes);
        }
        catch (MezzotintException failure)
        {
            return (null, new ReadPicture { Failure = failure });
        }
        try
        {
            return (PictureFile.Open(bytes, tree.PathOf(name)), null);
        }
        catch (MezzotintException failure)
        {
            string? format = PictureFile.FormatOf(bytes);
            bool other = format is "TIFF" || format is null && Path.GetExtension(name).Length == 0;
            return (null, new ReadPicture { Failure = failure, OtherFormat = other });
        }
    }

    /// <summary>Decodes one picture.</summary>
    public ReadPicture Decode(string name)
    {
        var (picture, refused) = Opened(tree, name);
        if (picture is null)
            return refused!;
        using (picture)
        {
            var facts = new ReadPicture { Height = picture.Height, Width = picture.Width, Animated = picture.Frames > 1 };
            if (Frame is null && Only is { } only && only != (picture.Height, picture.Width))
                return facts;
            try
            {
                var decoded = picture.Decode();
                return facts with
                {
                    Pixels = decoded.On(channels, background, Frame).Pixels,
                    Transparent = decoded.Transparent,
                    Coloured = decoded.Coloured || decoded.Transparent && !background.IsGrey,
                };
            }
            catch (MezzotintException failure)
            {
                return facts with { Failure = failure };
            }
        }
    }

    /// <summary>So many pictures that every thread is busy, and few enough for memory.</summary>
    private int BlockSize(int threads)
    {
        var (height, width) = Frame is { } frame ? (frame.Height, frame.Width) : Only ?? (4096, 4096);
        return (int)Math.Clamp(BytesAtOnce / ((long)channels * height * width), threads, (long)threads * PicturesAtOnce);
    }
}
