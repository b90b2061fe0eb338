using System.Globalization;
using Mezzotint.Cli.Output;
using Mezzotint.Formats;

namespace Mezzotint.Cli.Verbs;

/// <summary>Where sampled images go, which follows from the name after <c>--out</c>: one grid, one file an image, or
/// arrays.</summary>
internal abstract record SampleOutput(string Path)
{
    /// <summary>Chooses by the ending.</summary>
    /// <exception cref="MezzotintException">The ending is none of those that are written.</exception>
    public static SampleOutput For(string path)
    {
        bool folder = System.IO.Path.EndsInDirectorySeparator(path) || Directory.Exists(path);
        return System.IO.Path.GetExtension(path).ToLowerInvariant() switch
        {
            _ when folder => new Folder(path),
            "" => new Folder(path),
            ".png" => new Grid(path),
            ".npz" => new Arrays(path),
            var ending =>
                throw new MezzotintException(
                    $"--out '{path}': files ending in '{ending}' are not written. Name a .png file (one grid), an .npz file "
                    + $"(arrays), or a folder (one PNG an image)."),
        };
    }

    /// <summary>Makes the folders, and finds out before the work whether they can be written.</summary>
    /// <exception cref="MezzotintException">They cannot.</exception>
    public void Prepare()
    {
        try
        {
            if (this is Folder)
                AtomicFile.Probe(Path);
            else
                AtomicFile.ProbeFile(Path);
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new MezzotintException($"--out '{Path}' cannot be written: {cause.Message} Choose another place.", cause);
        }
    }

    /// <summary>Whether it is one PNG file.</summary>
    public bool IsPicture => this is Grid;

    public abstract void Write(Drawing drawing);

    private sealed record Grid(string Path) : SampleOutput(Path)
    {
        public override void Write(Drawing drawing) => drawing.WriteGrid(Path);
    }

    /// <summary><c>7/00042.png</c>: the image of label 7 that is drawn from seed 42.</summary>
    private sealed record Folder(string Path) : SampleOutput(Path)
    {
        public override void Write(Drawing drawing)
        {
            var folders = FoldersOf(drawing.Names);
            for (int i = 0; i < drawing.Images.Count; i++)
            {
                string folder = System.IO.Path.Combine(Path, folders[drawing.Names[drawing.Classes[i]]]);
                Directory.CreateDirectory(folder);
                drawing.WriteImage(
                    System.IO.Path.Combine(folder, (drawing.Seed + i).ToString("D5", CultureInfo.InvariantCulture) + ".png"), i);
            }
        }
    }

    /// <summary>A folder for each name. Some systems take capitals for small letters: of names that would be one there, those
    /// after the first get a number.</summary>
    private static Dictionary<string, string> FoldersOf(IEnumerable<string> names)
    {
        var (folders, taken) = (new Dictionary<string, string>(), new HashSet<string>(StringComparer.OrdinalIgnoreCase));
        foreach (string name in names.Distinct())
        {
            string portable = PortableName.Of(name), free = portable;
            for (int number = 2; !taken.Add(free); number++)
                free = string.Create(CultureInfo.InvariantCulture, $"{portable} {number}");
            folders.Add(name, free);
        }
        return folders;
    }

    private sealed record Arrays(string Path) : SampleOutput(Path)
    {
        public override void Write(Drawing drawing)
        {
            var images = drawing.Images;
            long[] shape = images.Channels == 1
                ? [images.Count, images.Height, images.Width] : [images.Count, images.Channels, images.Height, images.Width];
            NpzFile.Write(Path,
                ("images", NpyArray.Of(images.Pixels, shape)),
                ("labels", NpyArray.Of([.. drawing.Classes.Select(label => (long)label)], images.Count)));
        }
    }
}
