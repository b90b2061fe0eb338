using Mezzotint.Data;
using Mezzotint.Formats;
using TorchSharp;

namespace Mezzotint.Tests.Data;

/// <summary>Decoded sets in files: whole or not there, checked, of any size.</summary>
public sealed class ImageCacheTests : IDisposable
{
    private const long TwoGigabytes = 1L << 31;

    private readonly ScratchFolder _folder = new();
    private readonly string? _oldCache = Environment.GetEnvironmentVariable("MEZZOTINT_CACHE");

    public ImageCacheTests()
    {
        Environment.SetEnvironmentVariable("MEZZOTINT_CACHE", _folder["cache"]);
        PictureSet.CachedFrom = 0;
    }

    public void Dispose()
    {
        PictureSet.CachedFrom = PictureSet.CachedBytes;
        Environment.SetEnvironmentVariable("MEZZOTINT_CACHE", _oldCache);
        _folder.Dispose();
    }

    private string Pictures(int count = 5)
    {
        for (int i = 0; i < count; i++)
            PngFile.Write(_folder["set", i % 2 == 0 ? "a" : "b", $"{i}.png"], new ImageBatch(
                1, 3, 4, 4, [.. Enumerable.Range(0, 48).Select(place => (byte)(place * (i + 1)))]));
        return _folder["set"];
    }

    private static string[] Kept => Directory.Exists(PictureSet.CachePath) ? Directory.GetFiles(PictureSet.CachePath) : [];

    [Fact]
    public void A_set_is_decoded_once_and_again_when_a_file_or_an_option_changes()
    {
        string set = Pictures();
        ImageFolder.Load(set);
        string first = Assert.Single(Kept);
        var written = File.GetLastWriteTimeUtc(first);
        ImageFolder.Load(set);
        Assert.Equal(written, File.GetLastWriteTimeUtc(Assert.Single(Kept)));
        ImageFolder.Load(set, new ReadingOptions { Channels = 1 });
        Assert.Equal(2, Kept.Length);
        File.SetLastWriteTimeUtc(_folder["set", "a", "0.png"], new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        ImageFolder.Load(set);
        Assert.Equal(3, Kept.Length);
        PngFile.Write(_folder["set", "a", "9.png"], new ImageBatch(1, 3, 4, 4, new byte[48]));
        Assert.Equal(6, ImageFolder.Load(set).Count);
        Assert.Equal(4, Kept.Length);
    }

    [Fact]
    public void A_file_that_is_cut_off_or_damaged_is_made_again_or_refused_when_the_image_is_read()
    {
        string set = Pictures();
        var whole = ImageFolder.Load(set);
        byte[] pixels = [.. whole.Pixels];
        string file = Assert.Single(Kept);
        byte[] bytes = File.ReadAllBytes(file);
        for (int length = 0; length < bytes.Length; length += 7)
        {
            File.WriteAllBytes(file, bytes[..length]);
            Assert.Equal(pixels, ImageFolder.Load(set).Pixels);
        }
        for (int place = 0; place < bytes.Length; place++)
        {
            byte[] damaged = [.. bytes];
            damaged[place] ^= 1;
            File.WriteAllBytes(file, damaged);
            try
            {
                Assert.Equal(pixels, ImageFolder.Load(set).Pixels);
            }
            catch (MezzotintException refused)
            {
                Assert.Contains(file, refused.Message, StringComparison.Ordinal);
                Assert.Contains("delete it", refused.Message, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void Builders_at_the_same_time_leave_one_whole_file()
    {
        string set = Pictures(40);
        byte[] alone = ImageFolder.Load(set, new ReadingOptions { Cache = false }).Pixels;
        Parallel.For(0, 8, _ => Assert.Equal(alone, ImageFolder.Load(set).Pixels));
        Assert.Single(Kept);
    }

    [Fact]
    public void A_builder_that_is_stopped_leaves_nothing()
    {
        string set = Pictures(40);
        using var stop = new CancellationTokenSource();
        var progress = new StopAt(stop);
        Assert.ThrowsAny<OperationCanceledException>(
            () => ImageFolder.Load(set, new ReadingOptions { Threads = 1 }, progress, stop.Token));
        Assert.Empty(Kept);
        Assert.Equal(40, ImageFolder.Load(set).Count);
    }

    [Fact]
    public void Without_a_folder_for_the_cache_a_set_is_held_in_memory()
    {
        string set = Pictures();
        File.WriteAllText(_folder["file"], "");
        Environment.SetEnvironmentVariable("MEZZOTINT_CACHE", _folder["file"]);
        Assert.True(ImageFolder.Load(set).IsInMemory);
    }

    [Fact]
    public void Batches_out_of_a_file_are_those_out_of_memory()
    {
        string set = Pictures(9);
        using var scope = torch.NewDisposeScope();
        using var memory = new ResidentImages(ImageFolder.Load(set, new ReadingOptions { Cache = false }), torch.CPU);
        using var file = new ResidentImages(ImageFolder.Load(set), torch.CPU);
        var indices = torch.tensor([8L, 0, 3, 3]);
        var (expected, expectedLabels) = memory.Batch(indices);
        var (images, labels) = file.Batch(indices);
        Assert.Equal(expected.data<float>().ToArray(), images.data<float>().ToArray());
        Assert.Equal(expectedLabels.data<long>().ToArray(), labels.data<long>().ToArray());
        Assert.Equal(expected.shape, images.shape);
        Assert.Equal(memory.Shape, file.Shape);
    }

    [Fact]
    public void Mirror_images_follow_the_images_and_have_left_and_right_exchanged()
    {
        string set = Pictures(3);
        foreach (bool cache in (bool[])[false, true])
        {
            var plain = ImageFolder.Load(set, new ReadingOptions { Cache = cache });
            var both = plain.WithMirrorImages();
            Assert.Equal((6, 3, false), (both.Count, both.DistinctCount, both.IsInMemory)); // they take no memory
            Assert.Equal([.. plain.Labels, .. plain.Labels], both.Labels);
            for (int i = 0; i < 3; i++)
            {
                Assert.Equal(plain.Image(i), both.Image(i));
                byte[] mirrored = both.Image(3 + i).ToArray();
                for (int row = 0; row < 12; row++)
                    Assert.Equal(plain.Image(i).Slice(4 * row, 4).ToArray().Reverse(), mirrored.AsSpan(4 * row, 4).ToArray());
            }
            Assert.Equal(plain.Image(2), both.Pick([2, 5]).Image(0));
            Assert.Equal(both.Image(1), both.Take(2).Image(1));
        }
    }

    /// <summary>The pixels are holes in the file, which takes no room on the disk; those of the images that are looked at are
    /// written.</summary>
    [Fact]
    public void A_set_of_more_than_two_gigabytes_is_opened_and_read_with_the_memory_of_an_image()
    {
        const int Side = 64, Length = 3 * Side * Side, Count = (int)(TwoGigabytes / Length) + 1000;
        string path = _folder["large.images"];
        int[] looked = [0, 1, Count / 2, Count - 1];
        using (var stream = new FileStream(path, FileMode.CreateNew))
            WriteHoles(stream, Count, Side, looked);
        Assert.True(new FileInfo(path).Length > TwoGigabytes);
        long before = GC.GetAllocatedBytesForCurrentThread();
        var set = ImageCacheFile.Open(path, "large")!;
        Assert.Equal(Count, set.Count);
        byte[] pixels = new byte[Length];
        foreach (int image in looked)
        {
            set.Read(image, pixels);
            Assert.Equal([(byte)image, (byte)(image >> 8), 0], pixels[..3]);
        }
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 21);
        using var scope = torch.NewDisposeScope();
        using var batches = new ResidentImages(set, torch.CPU);
        var (images, _) = batches.Batch(torch.tensor([(long)Count - 1]));
        Assert.Equal((Count - 1) % 256 / 255f, images.data<float>()[0]);
        string refused = Assert.Throws<MezzotintException>(() => set.Pixels).Message;
        Assert.Contains("this needs them all in memory", refused, StringComparison.Ordinal);
    }

    /// <summary>A file in which only some images are written, by the format's description.</summary>
    private static void WriteHoles(Stream stream, int count, int side, int[] written)
    {
        int length = 3 * side * side;
        var empty = new ImageSet("large", new byte[count], 3, side, side, [], new ImageArray([], length, null))
            { Reading = new ReadingReport { Source = "large", Taken = count } };
        var writer = new ImageCacheFile.Writer(stream);
        byte[] pixels = new byte[length];
        for (int i = 0; i < count; i++)
            if (written.Contains(i))
            {
                (pixels[0], pixels[1]) = ((byte)i, (byte)(i >> 8));
                writer.Add(pixels, []);
            }
            else
                writer.Skip(length);
        writer.Finish(empty);
    }

    private sealed class StopAt(CancellationTokenSource stop) : IProgress<ReadingProgress>
    {
        public void Report(ReadingProgress value) => stop.Cancel();
    }
}
