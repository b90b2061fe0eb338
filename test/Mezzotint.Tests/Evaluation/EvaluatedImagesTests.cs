using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Formats;
using Mezzotint.Tests.Formats;

namespace Mezzotint.Tests.Evaluation;

/// <summary>Arrays of other programs' samplers, as numpy.savez writes them.</summary>
public sealed class EvaluatedImagesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Arrays_without_names_are_images_then_labels_channels_first_or_last()
    {
        NpzFile.Write(
            _folder.File("a.npz"), ("arr_0", NpyArray.Of(Enumerable.Range(0, 24).Select(i => (byte)i).ToArray(), 2, 2, 2, 3)),
            ("arr_1", NpyArray.Of([1L, 0], 2)));
        var read = EvaluatedImages.Read(_folder.File("a.npz"), Reference(3));
        Assert.True(read.Labelled);
        Assert.Equal([1, 0], read.Images.Labels.ToArray());
        Assert.Equal([0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11], read.Images.Pixels[..12].ToArray());

        NpzFile.Write(_folder.File("a.npz"), ("arr_0", NpyArray.Of([1, 2, 3, 4], 1, 2, 2, 1)));
        Assert.False(EvaluatedImages.Read(_folder.File("a.npz"), Reference(1)).Labelled);
    }

    [Fact]
    public void Whole_numbers_are_pixels_from_0_to_255_and_others_are_refused_by_type_and_value()
    {
        NpzFile.Write(_folder.File("a.npz"), ("images", NpyArray.Of([0L, 1, 254, 255], 1, 2, 2)));
        Assert.Equal([0, 1, 254, 255], EvaluatedImages.Read(_folder.File("a.npz"), Reference(1)).Images.Pixels.ToArray());
        NpzFile.Write(_folder.File("a.npz"), ("images", NpyArray.Of([0L, 1, 254, 256], 1, 2, 2)));
        Assert.Contains("is of int64 and has the value 256",
            Assert.Throws<MezzotintException>(() => EvaluatedImages.Read(_folder.File("a.npz"), Reference(1))).Message,
                StringComparison.Ordinal);
    }

    [Fact]
    public void Three_equal_channels_are_grey_where_the_reference_is_and_colour_is_refused_there()
    {
        NpzFile.Write(_folder.File("a.npz"), ("arr_0", NpyArray.Of([7, 7, 7, 8, 8, 8, 9, 9, 9, 0, 0, 0], 1, 2, 2, 3)));
        var read = EvaluatedImages.Read(_folder.File("a.npz"), Reference(1));
        Assert.Equal([7, 8, 9, 0], read.Images.Pixels);
        NpzFile.Write(_folder.File("a.npz"), ("arr_0", NpyArray.Of([7, 7, 9, 8, 8, 8, 9, 9, 9, 0, 0, 0], 1, 2, 2, 3)));
        Assert.Throws<MezzotintException>(() => EvaluatedImages.Read(_folder.File("a.npz"), Reference(1)));
    }

    [Fact]
    public void Against_images_without_classes_labels_are_left_alone()
    {
        NpzFile.Write(
            _folder.File("a.npz"), ("images", NpyArray.Of([1, 2, 3, 4], 1, 2, 2)), ("labels", NpyArray.Of([7L], 1)));
        var read = EvaluatedImages.Read(_folder.File("a.npz"), new ImageSet("plain", new byte[4], new byte[1], 1, 2, 2, []));
        Assert.Equal("plain has no classes", read.WhyUnlabelled);
        Assert.Equal([0], read.Images.Labels.ToArray());
    }

    private static ImageSet Reference(int channels) =>
        new("reference", new byte[4 * channels], new byte[1], channels, 2, 2, ["a", "b"]);
}
