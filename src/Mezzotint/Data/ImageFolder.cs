using Mezzotint.Formats;

namespace Mezzotint.Data;

/// <summary>
/// A folder of pictures, or a zip archive of one: PNG, JPEG, WebP, BMP and GIF files, of an animation the first frame.
/// </summary>
/// <remarks>
/// Where a folder has <c>metadata.jsonl</c>, <c>metadata.csv</c> or <c>dataset.json</c>, its rows name the pictures; their
/// columns are classes and captions. Otherwise a folder that holds pictures is a class, at any depth, named by its path from the
/// root; pictures that lie in the root alone have no classes; <c>NAME.txt</c> beside a picture has captions. Classes are numbered
/// in the order of their names: by value where all names are whole numbers, else by their characters. Where the root holds
/// <c>train</c> and <c>test</c>, these are the two sets; otherwise a tenth is held back by name
/// (<see cref="ReadingOptions.Split"/>). Colour becomes grey by Rec. 601 luma (0.299 R + 0.587 G + 0.114 B), grey becomes colour
/// by repetition, transparent parts show the background; pictures stand upright, whatever way the camera was held. What is left
/// out or changed, <see cref="ImageSet.Reading"/> says.
/// </remarks>
public static class ImageFolder
{
    /// <summary>Reads the images of a folder or archive.</summary>
    /// <param name="root">The folder or zip archive.</param>
    /// <param name="options">What becomes of the pictures, and which to take.</param>
    /// <param name="progress">Told how many pictures are decoded.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <returns>
    /// The images [N, C, H, W]; in the order of their names or rows: the first of each class, then the second of each, and so on.
    /// So the first n of them are of all classes.
    /// </returns>
    /// <exception cref="MezzotintException">There are no images, too many classes, a picture is damaged, or the sizes
    /// differ.</exception>
    /// <exception cref="OperationCanceledException">It was ended.</exception>
    public static ImageSet Load(
        string root, ReadingOptions options, IProgress<ReadingProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(root);
        ArgumentNullException.ThrowIfNull(options);
        if (!Directory.Exists(root) && !File.Exists(root))
            throw new MezzotintException($"{root} is no folder: name one that holds pictures, or a zip archive.");
        using var tree = FileTree.Open(root);
        return PictureSet.Load(tree, options, progress, cancellation);
    }

    /// <summary>Reads the images of a folder or archive, with the options that most readings need.</summary>
    /// <param name="root">The folder or zip archive.</param>
    /// <param name="channels">1 for grey, 3 for colour; null for what the pictures are.</param>
    /// <param name="size">Rows and columns to bring every picture to: of each, the largest square in its middle; null where all
    /// have one size.</param>
    /// <param name="split">Which images to take.</param>
    /// <param name="background">The colour behind what is transparent.</param>
    /// <exception cref="MezzotintException">As above.</exception>
    public static ImageSet Load(
        string root, int? channels = null, int? size = null, ImageSplit split = ImageSplit.All,
        Background background = default) =>
        Load(root, new ReadingOptions
        {
            Channels = channels, Frame = PictureFrame.Square(size), Part = split, Background = background,
        });
}
