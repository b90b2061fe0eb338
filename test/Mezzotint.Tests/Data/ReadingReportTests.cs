using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Formats;
using Mezzotint.Tests.Formats;
using SkiaSharp;

namespace Mezzotint.Tests.Data;

/// <summary>Nothing that lies in a folder of pictures is left out or changed without a word.</summary>
public sealed class ReadingReportTests : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>One pixel, encoded.</summary>
    private static byte[] Pixel(SKColor colour, SKEncodedImageFormat format = SKEncodedImageFormat.Png)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(1, 1, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        bitmap.SetPixel(0, 0, colour);
        using var data = bitmap.Encode(format, 100);
        return data.ToArray();
    }

    private static readonly byte[] Grey = Pixel(new(90, 90, 90));

    private static readonly byte[] Tiff = [.. "II*\0"u8, 8, 0, 0, 0];

    private static string[] Notes(ImageSet set) => [.. set.Reading!.Notes.Select(note => note.ToString())];

    [Fact]
    public void What_is_left_out_is_told_with_its_reason_its_count_and_its_first_names()
    {
        for (int i = 0; i < 5; i++)
            _folder.Write(Tiff, "a", $"{i}.tif");
        _folder.Write(Grey, "a", "1.png");
        _folder.Write([1, 2, 3], "a", "notes.txt");
        _folder.Write(Tiff, "a", "tiff.png");
        _folder.Write(Grey[..^30], "a", "broken.png");
        _folder.Write([], "a", "empty.jpg");
        _folder.Write(Grey, "below", "deeper", "2.png");
        _folder.Write(Grey, "a", ".hidden.png");
        _folder.Write(Grey, "__MACOSX", "a", "._1.png");
        _folder.Write([1], "Thumbs.db");
        _folder.Write(Grey, "loose.png");
        _folder.Write([1], "LICENCE");
        Directory.CreateDirectory(_folder["b", "x"]);
        var set = ImageFolder.Load(_folder.Path, new ReadingOptions { Channels = 1, SkipDamaged = true });
        Assert.Equal(["a", "below/deeper"], set.ClassNames);
        Assert.Equal((2, _folder.Path), (set.Reading!.Taken, set.Reading.Source));
        Assert.Equal(
            [
                "left out 7 files of a format that is not read: a/notes.txt, a/0.tif, a/1.tif, ...",
                "left out 2 pictures that are damaged or too large: a/broken.png, a/empty.jpg",
                "left out 2 files and folders beside the classes: LICENCE, loose.png",
                "left out 3 hidden files and folders: Thumbs.db, __MACOSX/, a/.hidden.png",
                "1 folder without pictures of its own is no class: b/",
            ],
            Notes(set));
    }

    [Fact]
    public void What_is_changed_is_told_too()
    {
        _folder.Write(Grey, "a", "1.png");
        _folder.Write(Pixel(new(200, 10, 10)), "a", "2.png");
        _folder.Write(Pixel(new(9, 9, 9, 100)), "a", "3.png");
        _folder.Write(Pixel(new(200, 10, 10, 0)), "a", "4.png"); // a colour that nobody sees
        byte[] animation = [.. PictureFileTests.Gif[..^1], 0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x4C, 1, 0, 0x3B];
        _folder.Write(animation, "a", "5.gif");
        string transparent = "laid 2 pictures with transparent parts on the background: a/3.png, a/4.png";
        string first = "took the first frame of 1 animation: a/5.gif";
        Assert.Equal(
            ["made 1 picture in colour grey, because the images have 1 channel: a/2.png", transparent, first],
            Notes(ImageFolder.Load(_folder.Path, 1)));
        Assert.Equal([transparent, first], Notes(ImageFolder.Load(_folder.Path, 3)));
    }

    [Fact]
    public void Folders_without_pictures_are_no_classes_and_move_no_label()
    {
        Directory.CreateDirectory(_folder["a"]);
        _folder.Write(Grey, "__MACOSX", "1.png");
        _folder.Write([1, 2, 3], "notes", "x.txt");
        _folder.Write(Tiff, "scans", "x.tif");
        _folder.Write(Grey, "z", "1.png");
        var set = ImageFolder.Load(_folder.Path, 1);
        Assert.Equal(["z"], set.ClassNames);
        Assert.Equal([0], set.Labels);
        Assert.Contains("3 folders without pictures of their own are no classes: a/, notes/, scans/", Notes(set));
        Assert.Contains("left out 2 files of a format that is not read: notes/x.txt, scans/x.tif", Notes(set));
    }

    [Fact]
    public void A_file_is_what_its_bytes_say_whatever_its_name()
    {
        _folder.Write(Pixel(new(90, 90, 90), SKEncodedImageFormat.Jpeg), "a", "1.png");
        _folder.Write(Pixel(new(90, 90, 90), SKEncodedImageFormat.Webp), "a", "2.jpg");
        _folder.Write(Grey, "a", "3");
        _folder.Write(Grey, "a", "4.tif");
        _folder.Write(PictureFileTests.Gif, "a", "5.gif");
        var set = ImageFolder.Load(_folder.Path, 1);
        Assert.Equal(5, set.Count);
        Assert.Empty(set.Reading!.Notes);
    }

    [Fact]
    public void What_lies_beside_train_and_test_is_told()
    {
        _folder.Write(Grey, "train", "a", "1.png");
        _folder.Write(Tiff, "train", "a", "x.tif");
        _folder.Write(Grey, "test", "a", "1.png");
        _folder.Write(Grey, "train", "loose.png");
        _folder.Write(Grey, "val", "a", "1.png");
        string[] ofAll =
            ["left out 1 file or folder beside the classes: val/"];
        Assert.Equal(ofAll, Notes(ImageFolder.Load(_folder.Path, 1, split: ImageSplit.Test)));
        string[] ofTrain =
            ["left out 1 file of a format that is not read: train/a/x.tif",
                "left out 2 files and folders beside the classes: val/, train/loose.png"];
        Assert.Equal(ofTrain, Notes(ImageFolder.Load(_folder.Path, 1, split: ImageSplit.Train)));
    }

    [Fact]
    public void A_folder_that_has_nothing_to_read_says_what_it_has()
    {
        _folder.Write([1, 2, 3], "a", "notes.txt");
        string message = Assert.Throws<MezzotintException>(() => ImageFolder.Load(_folder.Path, 1)).Message;
        Assert.Contains("left out 1 file of a format that is not read: a/notes.txt", message, StringComparison.Ordinal);
        string broken = _folder.Write(Grey[..^30], "a", "broken.png");
        message = Assert.Throws<MezzotintException>(() => ImageFolder.Load(_folder.Path, 1)).Message;
        Assert.Contains(broken, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_of_files_command_no_terminal()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("Windows has no such names.");
        _folder.Write(Grey, "a", "1.png");
        _folder.Write(Tiff, "a", "\u001b[31m\n.tif");
        string note = Assert.Single(Notes(ImageFolder.Load(_folder.Path, 1)));
        Assert.DoesNotContain(note, char.IsControl);
        Assert.EndsWith("a/\\u001B[31m\\u000A.tif", note, StringComparison.Ordinal);
    }

    [Fact]
    public void Flat_folders_and_arrays_tell_what_they_leave_out()
    {
        var reference = new ImageSet("reference", new byte[1], new byte[1], 1, 1, 1, ["a"]);
        _folder.Write(Grey, "flat", "1.png");
        _folder.Write(PictureFileTests.Gif, "flat", "2.gif");
        _folder.Write(Tiff, "flat", "3.tif");
        _folder.Write(Grey, "flat", "__MACOSX", "4.png");
        Directory.CreateDirectory(_folder["flat", "empty"]);
        var flat = EvaluatedImages.Read(_folder["flat"], reference);
        Assert.False(flat.Labelled);
        Assert.Equal([90, 255], flat.Images.Pixels);
        Assert.Equal(
            ["left out 1 file of a format that is not read: 3.tif", "left out 1 hidden file or folder: __MACOSX/"],
            Notes(flat.Images));

        NpzFile.Write(_folder["a.npz"], ("images", NpyArray.Of([1, 2], 2, 1, 1)), ("seeds", NpyArray.Of([1L, 2], 2)));
        Assert.Equal(["left out 1 array: seeds"], Notes(EvaluatedImages.Read(_folder["a.npz"], reference).Images));
    }
}
