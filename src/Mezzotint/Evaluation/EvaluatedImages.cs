using Mezzotint.Data;
using Mezzotint.Formats;

namespace Mezzotint.Evaluation;

/// <summary>Images that are to be measured, whoever made them.</summary>
/// <param name="Images">The images; where they have no labels, all of label 0.</param>
/// <param name="WhyUnlabelled">Why nobody knows what they are to show; null where the labels do.</param>
public sealed record EvaluatedImages(ImageSet Images, string? WhyUnlabelled = null)
{
    /// <summary>Whether it is known what each image is to show.</summary>
    public bool Labelled => WhyUnlabelled is null;

    /// <summary>Reads images as <c>mezzotint sample --out</c> writes them: an .npz file, or a folder of images, in a subfolder
    /// for each class or in none.</summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="reference">Real images, whose size and classes these are to have.</param>
    /// <param name="limit">At most so many, the first ones; null for all.</param>
    /// <param name="background">The colour behind what is transparent in a folder's pictures; black by default.</param>
    /// <param name="size">Rows and columns to bring a folder's pictures to; null where they have the right size.</param>
    /// <param name="skipDamaged">Whether damaged pictures are left out and counted; else reading stops at the first.</param>
    /// <exception cref="MezzotintException">They cannot be read, or do not fit.</exception>
    public static EvaluatedImages Read(
        string path, ImageSet reference, int? limit = null, Background background = default, int? size = null,
        bool skipDamaged = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(reference);
        var read = !Directory.Exists(path) ? ReadArrays(path, reference) : ReadPictures(path, reference, new ReadingOptions
        {
            Channels = reference.Channels, Frame = PictureFrame.Square(size), Background = background, SkipDamaged = skipDamaged,
        });
        var images = read.Images;
        if ((images.Channels, images.Height, images.Width) != (reference.Channels, reference.Height, reference.Width))
            throw new MezzotintException(
                $"'{path}' has images of {images.Channels} x {images.Height} x {images.Width}, {reference.Name} of "
                + $"{reference.Channels} x {reference.Height} x {reference.Width}: {Remedy(path, reference)}") { Key = "size" };
        return limit < images.Count ? read with { Images = images.Take(limit.Value) } : read;
    }

    /// <summary>Why no label is known of images that are measured against those.</summary>
    private static string NoClasses(ImageSet reference) => $"{reference.Name} has no classes";

    private static string Remedy(string path, ImageSet reference) =>
        Directory.Exists(path) && reference.Height == reference.Width
            ? $"bring pictures to that size with --size {reference.Height}, or choose other data to compare with. Of a grid, "
                + "write the images one by one."
            : "choose other data to compare with.";

    private static EvaluatedImages ReadPictures(string path, ImageSet reference, ReadingOptions options)
    {
        var set = ImageFolder.Load(path, options);
        int[] classes = [.. set.ClassNames.Select(name => reference.ClassNames.ToList().IndexOf(name))];
        string? why = !reference.HasClasses ? NoClasses(reference)
            : !set.HasClasses ? "the folder has no subfolders named after the classes"
            : Array.IndexOf(classes, -1) is >= 0 and var unknown
                ? $"its folder '{set.ClassNames[unknown]}' is no class of {reference.Name}" : null;
        byte[] labels = [.. set.Labels.Select(label => why is null ? (byte)classes[label] : (byte)0)];
        return new(set.Renamed(path, labels, reference.ClassNames), why);
    }

    private static EvaluatedImages ReadArrays(string path, ImageSet reference)
    {
        var arrays = NpzImages.Read(path);
        byte[] labels = arrays.Labels is null || !reference.HasClasses
            ? new byte[arrays.Count] : arrays.ClassesOf(path, reference.ClassNames.Count, reference.Name);
        var set = new ImageSet(
            path, arrays.Pixels, labels, arrays.Channels, arrays.Height, arrays.Width, reference.ClassNames)
            { Reading = arrays.Reading };
        // Grey has three equal channels in the arrays of other evaluators.
        bool grey = set.Channels == 3 && reference.Channels == 1
            && Enumerable.Range(0, set.Count).All(i => Planes.IsGrey(set.Image(i)));
        return new(
            grey ? Planes.InChannels(set, 1) : set,
            !reference.HasClasses ? NoClasses(reference)
                : arrays.Labels is null ? $"the file has no array '{arrays.LabelsName}'" : null);
    }
}
