using Mezzotint.Data;
using Mezzotint.Formats;
using SkiaSharp;

namespace Mezzotint.Tests.Data;

/// <summary>Each test runs with a cache, a MEZZOTINT_DATA and a current folder of its own.</summary>
public sealed class DataSourceTests : IDisposable
{
    private readonly ScratchFolder folder = new();
    private readonly string? oldData = Environment.GetEnvironmentVariable("MEZZOTINT_DATA");
    private readonly string? oldCache = Environment.GetEnvironmentVariable("MEZZOTINT_CACHE");
    private readonly string oldCurrent = Environment.CurrentDirectory;

    public DataSourceTests()
    {
        Environment.SetEnvironmentVariable("MEZZOTINT_DATA", Place("variable"));
        Environment.SetEnvironmentVariable("MEZZOTINT_CACHE", Place("cache"));
        Environment.CurrentDirectory = Directory.CreateDirectory(Place("current")).FullName;
    }

    public void Dispose()
    {
        Environment.CurrentDirectory = oldCurrent;
        Environment.SetEnvironmentVariable("MEZZOTINT_DATA", oldData);
        Environment.SetEnvironmentVariable("MEZZOTINT_CACHE", oldCache);
        folder.Dispose();
    }

    private string Place(params string[] names) => Path.Combine([folder.Path, .. names]);

    [Fact]
    public void Places_are_searched_in_order_directly_and_in_mnist()
    {
        string[] places =
        [
            Place("cache", "data", "mnist"), Place("cache", "data"),
            Place("current", "data", "mnist"), Place("current", "data"),
            Place("variable", "mnist"), Place("variable"),
            Place("given", "mnist"), Place("given"),
        ];
        Assert.Null(DataSource.Find("mnist", Place("given")).Folder);
        Assert.Equal(places.Reverse(), DataSource.Find("mnist", Place("given")).Places.Select(place => place.Folder));
        foreach (string place in places) // from the last to the first: each one wins over those before it
        {
            MnistTests.WriteSmall(place);
            Assert.Equal(place, DataSource.Find("mnist", Place("given")).Folder);
        }
        Assert.Equal(Place("variable"), DataSource.Find("mnist", null).Folder);
    }

    [Fact]
    public void An_incomplete_folder_is_told_and_passed_over()
    {
        MnistTests.WriteSmall(Place("given"));
        File.Delete(Path.Combine(Place("given"), "t10k-images-idx3-ubyte"));
        MnistTests.WriteSmall(DataSource.MnistCacheFolder);
        var search = DataSource.Find("mnist", Place("given"));
        Assert.Equal(DataSource.MnistCacheFolder, search.Folder);
        Assert.Equal("lacks t10k-images-idx3-ubyte", search.Places[0].Finding);
        Assert.Equal("no such folder", search.Places[1].Finding);
        Assert.Equal("found", search.Places[^1].Finding);
    }

    [Fact]
    public void Mnist_is_loaded_from_where_it_is_found()
    {
        MnistTests.WriteSmall(Place("given", "mnist"));
        Assert.Equal(4, DataSource.Load("mnist", Place("given")).Count);
        Assert.Equal(3, DataSource.Load("mnist", Place("given"), train: false).Count);
        Assert.Equal([9, 8], DataSource.Load("mnist", Place("given"), limit: 2).Labels);
    }

    [Fact]
    public void Missing_mnist_names_every_place_and_both_remedies()
    {
        string message = Assert.Throws<MezzotintException>(() => DataSource.Load("mnist", Place("given"))).Message;
        foreach (
            string part in new[]
            {
                Place("given"), Place("variable"), Place("current", "data"), Place("cache", "data"), "mezzotint data fetch mnist",
                "--set data.name=strokes",
            })
            Assert.Contains(part, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void Strokes_need_no_file()
    {
        var train = DataSource.Load("strokes", limit: 20);
        var test = DataSource.Load("strokes", train: false, limit: 20);
        Assert.Equal((20, 28), (train.Count, train.Height));
        Assert.NotEqual(train.Pixels, test.Pixels);
        Assert.Equal(16, DataSource.Load("strokes", limit: 2, size: 16).Width);
        Assert.Throws<ArgumentException>(() => DataSource.Find("strokes", null));
    }

    [Fact]
    public void A_path_names_a_folder_of_mnist_files_or_of_images()
    {
        MnistTests.WriteSmall(Place("other"));
        Assert.Equal(4, DataSource.Load(Place("other")).Count);
        using var bitmap = new SKBitmap(3, 2);
        using var png = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        folder.Write(png.ToArray(), "pictures", "train", "a", "1.png");
        folder.Write(png.ToArray(), "pictures", "test", "a", "1.png");
        var set = DataSource.Load(Place("pictures"), channels: 3);
        Assert.Equal((1, 3), (set.Count, set.Channels));
    }

    [Fact]
    public void Names_channels_and_sizes_that_do_not_exist_are_refused()
    {
        Assert.Contains("There is no data set 'minst'", Refusal(() => DataSource.Load("minst")), StringComparison.Ordinal);
        var colour = DataSource.Load("strokes", limit: 1, channels: 3);
        Assert.Equal(3, colour.Channels);
        Assert.Equal(DataSource.Load("strokes", limit: 1).Pixels, colour.Pixels[..784]);
        Assert.Equal(colour.Pixels[..784], colour.Pixels[^784..]);
        MnistTests.WriteSmall(Place("given"));
        var error = Assert.Throws<MezzotintException>(() => DataSource.Load("mnist", Place("given"), size: 32));
        Assert.Contains("mnist train has images of 2 x 3", error.Message, StringComparison.Ordinal);
        Assert.Contains("data.size = 32", error.Message, StringComparison.Ordinal);
        Assert.Equal("data.size", error.Key);
    }

    [Fact]
    public void A_background_is_for_pictures_alone()
    {
        MnistTests.WriteSmall(Place("given"));
        foreach (string name in new[] { "mnist", "strokes", Place("given") })
        {
            Assert.False(DataSource.IsPictures(name));
            foreach (var colour in new[] { Background.White, Background.Black })
            {
                var error = Assert.Throws<MezzotintException>(() =>
                    DataSource.Load(name, Place("given"), limit: 1, background: colour));
                Assert.Contains($"data.background = {colour}", error.Message, StringComparison.Ordinal);
                Assert.Equal("data.background", error.Key);
            }
        }
        Directory.CreateDirectory(Place("pictures"));
        Assert.True(DataSource.IsPictures(Place("pictures")));
    }

    private static string Refusal(Action action) => Assert.Throws<MezzotintException>(action).Message;
}
