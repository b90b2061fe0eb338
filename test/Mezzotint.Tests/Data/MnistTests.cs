using Mezzotint.Data;
using Mezzotint.Formats;

namespace Mezzotint.Tests.Data;

public class MnistTests
{
    /// <summary>Writes a data set of <paramref name="count"/> training images of 2 x 3, and one test image fewer.</summary>
    internal static void WriteSmall(
        string folder, int count = 4, string imageName = "{0}-images-idx3-ubyte", string labelName = "{0}-labels-idx1-ubyte")
    {
        Directory.CreateDirectory(folder);
        foreach (var (part, n) in new[] { ("train", count), ("t10k", count - 1) })
        {
            IdxFile.Write(
                Path.Combine(folder, Name(imageName, part)), [n, 2, 3], [.. Enumerable.Range(0, n * 6).Select(i => (byte)i)]);
            IdxFile.Write(
                Path.Combine(folder, Name(labelName, part)), [n], [.. Enumerable.Range(0, n).Select(i => (byte)(9 - i))]);
        }
    }

    private static string Name(string pattern, string part) => pattern.Replace("{0}", part, StringComparison.Ordinal);

    [Theory]
    [InlineData("{0}-images-idx3-ubyte", "{0}-labels-idx1-ubyte")]
    [InlineData("{0}-images-idx3-ubyte.gz", "{0}-labels-idx1-ubyte.gz")]
    [InlineData("{0}-images.idx3-ubyte", "{0}-labels.idx1-ubyte")]
    [InlineData("{0}-images.idx3-ubyte.gz", "{0}-labels-idx1-ubyte")]
    public void Load_reads_both_sets_under_each_of_the_names(string imageName, string labelName)
    {
        using var folder = new ScratchFolder();
        WriteSmall(folder.Path, 4, imageName, labelName);
        var train = Mnist.Load(folder.Path, train: true);
        Assert.Equal((4, 1, 2, 3), (train.Count, train.Channels, train.Height, train.Width));
        Assert.Equal([9, 8, 7, 6], train.Labels);
        Assert.Equal([6, 7, 8, 9, 10, 11], train.Image(1).ToArray());
        Assert.Equal(Enumerable.Range(0, 10).Select(i => $"{i}"), train.ClassNames);
        Assert.Equal(3, Mnist.Load(folder.Path, train: false).Count);
        Assert.Empty(Mnist.MissingFrom(folder.Path));
    }

    [Fact]
    public void Counts_that_disagree_are_refused()
    {
        using var folder = new ScratchFolder();
        WriteSmall(folder.Path);
        IdxFile.Write(folder["train-labels-idx1-ubyte"], [5], [1, 2, 3, 4, 5]);
        Assert.Contains("holds 4 images", Message(folder, train: true), StringComparison.Ordinal);
    }

    [Fact]
    public void A_label_beyond_9_is_refused_with_its_place()
    {
        using var folder = new ScratchFolder();
        WriteSmall(folder.Path);
        IdxFile.Write(folder["train-labels-idx1-ubyte"], [4], [1, 2, 10, 3]);
        Assert.Contains("label 2 is 10", Message(folder, train: true), StringComparison.Ordinal);
    }

    [Fact]
    public void Wrong_dimensions_are_refused()
    {
        using var folder = new ScratchFolder();
        WriteSmall(folder.Path);
        IdxFile.Write(folder["train-images-idx3-ubyte"], [4, 6], new byte[24]);
        IdxFile.Write(folder["t10k-labels-idx1-ubyte"], [3, 1], new byte[3]);
        Assert.Contains("images have 3", Message(folder, train: true), StringComparison.Ordinal);
        Assert.Contains("labels have 1", Message(folder, train: false), StringComparison.Ordinal);
    }

    [Fact]
    public void No_images_are_refused()
    {
        using var folder = new ScratchFolder();
        WriteSmall(folder.Path, 1);
        Assert.Contains("holds no pixels (0 x 2 x 3)", Message(folder, train: false), StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_is_named_with_the_remedy()
    {
        using var folder = new ScratchFolder();
        WriteSmall(folder.Path);
        File.Delete(folder["t10k-labels-idx1-ubyte"]);
        Assert.Equal(["t10k-labels-idx1-ubyte"], Mnist.MissingFrom(folder.Path));
        string message = Message(folder, train: false);
        Assert.Contains("t10k-labels-idx1-ubyte", message, StringComparison.Ordinal);
        Assert.Contains("mezzotint data fetch mnist", message, StringComparison.Ordinal);
    }

    private static string Message(ScratchFolder folder, bool train) =>
        Assert.Throws<MezzotintException>(() => Mnist.Load(folder.Path, train)).Message;
}
