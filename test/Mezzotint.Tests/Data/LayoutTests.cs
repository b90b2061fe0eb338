using System.Text.Json;
using Mezzotint.Data;
using Mezzotint.Formats;

namespace Mezzotint.Tests.Data;

/// <summary>Every layout of a data set is read as another program wrote it.</summary>
public sealed class LayoutTests(PythonLayouts layouts) : IClassFixture<PythonLayouts>
{
    private static ImageSet Load(string path, ReadingOptions? options = null) => DataSource.Load(path, options ?? new());

    private static void Has(ImageSet set, params int[] pictures)
    {
        Assert.Equal((3, 8, 8), (set.Channels, set.Height, set.Width));
        Assert.Equal(pictures.Length, set.Count);
        for (int i = 0; i < pictures.Length; i++)
            Assert.Equal(PythonLayouts.Picture(pictures[i]), set.Image(i).ToArray());
    }

    private static string[][] Captions(ImageSet set) =>
        [.. Enumerable.Range(0, set.Count).Select(i => set.Captions(i).ToArray())];

    private static MezzotintException Refused(Action action)
    {
        var error = Assert.Throws<MezzotintException>(action);
        Assert.DoesNotContain('\n', error.Message);
        return error;
    }

    [Theory]
    [InlineData("classes")]
    [InlineData("classes.zip")]
    [InlineData("inside.zip")]
    public void Class_folders_are_read_in_a_folder_and_in_an_archive(string name)
    {
        var set = Load(layouts[name]);
        Assert.Equal(["cat", "dog"], set.ClassNames);
        Assert.Equal([0, 1, 0, 1, 0, 1], set.Labels);
        Assert.False(set.HasCaptions);
        Has(set, 0, 10, 1, 11, 2, 12);
    }

    [Fact]
    public void Classes_lie_at_any_depth_and_are_named_by_their_path()
    {
        var set = Load(layouts["deep"]);
        Assert.Equal(["animals/cat", "plants/fern"], set.ClassNames);
        Has(set, 20, 30, 21, 31, 22, 32);
    }

    [Fact]
    public void Pictures_in_one_folder_have_no_classes()
    {
        var set = Load(layouts["flat"]);
        Assert.False(set.HasClasses);
        Assert.Empty(set.ClassNames);
        Has(set, 40, 41, 42);
    }

    [Fact]
    public void A_text_beside_a_picture_has_its_captions_a_line_each()
    {
        var set = Load(layouts["text"]);
        Assert.True(set.HasCaptions);
        Assert.Equal([["a first caption", "and another, with é"], ["a second caption"], []], Captions(set));
        Assert.Equal("1 picture has no caption: 2.png", Assert.Single(set.Reading!.Notes).ToString());
        Has(set, 50, 51, 52);
    }

    [Theory]
    [InlineData("jsonl")]
    [InlineData("jsonl.zip")]
    public void Metadata_has_captions_classes_and_parts(string name)
    {
        var set = Load(layouts[name]);
        Assert.False(set.HasClasses);
        Assert.Equal([["a cat, sitting"], ["a dog"], ["a \"big\" cat"]], Captions(set));
        Has(set, 60, 61, 62);
        const string Pattern = "{names} of the {kind} kind";
        var train = Load(layouts[name], new() { Part = ImageSplit.Train, Label = "kind", Caption = Pattern });
        Assert.Equal(["cat", "dog"], train.ClassNames);
        Assert.Equal([["cat of the cat kind", "tom of the cat kind"], []], Captions(train));
        Has(train, 60, 61);
        var test = Load(layouts[name], new() { Part = ImageSplit.Test, Label = "kind", Caption = "text | names" });
        Assert.Equal([["a \"big\" cat", "cat"]], Captions(test));
        Has(test, 62);
        Has(Load(layouts[name], new() { PartName = "test" }), 62);
    }

    [Fact]
    public void A_table_of_metadata_is_read_with_commas_and_quotes_in_its_fields()
    {
        var set = Load(layouts["csv"]);
        Assert.Equal(["cat", "dog"], set.ClassNames);
        Assert.Equal([0, 1, 0], set.Labels);
        Assert.Equal([["a cat, sitting"], ["a dog"], ["a \"big\" cat"]], Captions(set));
        Has(set, 60, 61, 62);
    }

    [Theory]
    [InlineData("edm")]
    [InlineData("edm.zip")]
    public void Labels_of_dataset_json_are_numbers_of_classes(string name)
    {
        var set = Load(layouts[name]);
        Assert.Equal(["0", "1", "2"], set.ClassNames);
        Assert.Equal([0, 2, 2], set.Labels);
        Has(set, 71, 70, 72);
    }

    [Theory]
    [InlineData("named.npz")]
    [InlineData("unnamed.npz")]
    public void Arrays_are_read_with_channels_first_and_last(string name)
    {
        var set = Load(layouts[name]);
        Assert.Equal(["0", "1"], set.ClassNames);
        Assert.Equal([1, 0, 1], set.Labels);
        Has(set, 80, 81, 82);
        Assert.Equal(1, Load(layouts[name], new() { Channels = 1 }).Channels);
        Assert.Equal("data.size", Refused(() => Load(layouts[name], new() { Frame = new(4, 4) })).Key);
        Assert.Equal("data.label", Refused(() => Load(layouts[name], new() { Label = "kind" })).Key);
        Assert.Equal("data.split", Refused(() => Load(layouts[name], new() { Split = "part" })).Key);
    }

    [Fact]
    public void A_single_idx_file_finds_its_labels()
    {
        var set = Load(layouts["idx", "some-images-idx3-ubyte"]);
        Assert.Equal((1, 12), (set.Channels, set.ClassNames.Count));
        Assert.Equal([0, 11, 3], set.Labels);
        Assert.Equal(PythonLayouts.Picture(81)[..64], set.Image(1).ToArray());
    }

    [Fact]
    public void Cifar_has_its_two_sets_and_the_names_of_its_classes()
    {
        var train = Load(layouts["cifar10"], new() { Part = ImageSplit.Train });
        Assert.Equal([1, 8, 2, 7, 3, 6, 4, 5, 5, 4], train.Labels);
        Assert.Equal((3, 32, "bird"), (train.Channels, train.Height, train.ClassNames[2]));
        Assert.Equal(PythonLayouts.Picture(3)[64 + 8], train.Image(1)[1024 + 4 * 32]);
        Assert.Equal([3], Load(layouts["cifar10"], new() { Part = ImageSplit.Test }).Labels);
        var fine = Load(layouts["cifar100"], new() { Part = ImageSplit.Train });
        Assert.Equal([99, 5], fine.Labels);
        Assert.Equal(100, fine.ClassNames.Count);
        Assert.Equal("data.split", Refused(() => Load(layouts["cifar10"], new() { Split = "0.5" })).Key);
    }

    [Fact]
    public void Pictures_of_every_kind_have_the_pixels_that_Pillow_gives_them()
    {
        var expected = JsonDocument.Parse(File.ReadAllText(layouts["expected.json"])).RootElement;
        var options = new ReadingOptions { Channels = 3, Background = Background.White };
        foreach (string folder in (string[])["odd", "odd-jpeg"])
        {
            var set = Load(layouts[folder], options);
            string[] names =
                [.. Directory.GetFiles(layouts[folder]).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
            Assert.Equal(names.Length, set.Count);
            for (int i = 0; i < names.Length; i++)
            {
                int[] wanted =
                    [.. expected.GetProperty($"{folder}/{names[i]}").EnumerateArray().Select(value => value.GetInt32())];
                var image = set.Image(i);
                int largest = 0; // decoders of JPEG round in their own ways, and so does laying on white
                for (int place = 0; place < wanted.Length; place++)
                    largest = Math.Max(largest, Math.Abs(wanted[place] - image[place]));
                Assert.True(largest <= (folder == "odd" ? 1 : 3), $"{names[i]} is off by {largest}");
            }
        }
    }

    [Fact]
    public void Pictures_of_other_sizes_are_cropped_padded_or_stretched_and_refused_without_a_size()
    {
        Assert.Equal("data.size", Refused(() => Load(layouts["sizes"])).Key);
        var background = Background.Parse("#C80000");
        byte[] Middle(ImageSet set, int index) => [.. Enumerable.Range(0, 12).Select(row => set.Image(index)[row * 12 + 6])];
        ImageSet Fitted(PictureFit fit) =>
            Load(layouts["sizes"], new() { Channels = 3, Frame = new(12, 12, fit), Background = background });
        foreach (var fit in (PictureFit[])[PictureFit.Crop, PictureFit.Stretch])
            for (int i = 0; i < 3; i++)
                Assert.All(Fitted(fit).Image(i)[..144].ToArray(), value => Assert.Equal(10 * i, value));
        Assert.Equal([200, 200, 200, 10, 10, 10, 10, 10, 10, 200, 200, 200], Middle(Fitted(PictureFit.Pad), 1));
        Assert.All(Middle(Fitted(PictureFit.Pad), 2), value => Assert.Equal(20, value));
        var wide = Load(layouts["sizes"], new() { Channels = 3, Frame = new(6, 12) });
        Assert.Equal((6, 12), (wide.Height, wide.Width));
    }

    [Theory]
    [InlineData("damaged")]
    [InlineData("damaged.zip")]
    public void Reading_stops_at_a_damaged_picture_by_name_or_leaves_it_out_and_counts_it(string name)
    {
        var error = Refused(() => Load(layouts[name]));
        Assert.Contains(Path.Combine(name, "a", "1.png"), error.Message, StringComparison.Ordinal);
        Assert.Equal("data.skip_damaged", error.Key);
        var set = Load(layouts[name], new() { SkipDamaged = true });
        Has(set, 0, 2);
        Assert.Equal(
            "left out 1 picture that is damaged or too large: a/1.png", Assert.Single(set.Reading!.Notes).ToString());
    }

    [Fact]
    public void A_column_that_is_not_there_is_refused_with_those_that_are()
    {
        var error = Refused(() => Load(layouts["jsonl"], new() { Label = "knd" }));
        Assert.Equal("data.label", error.Key);
        Assert.Contains("did you mean 'kind'", error.Message, StringComparison.Ordinal);
        Assert.Equal("data.caption", Refused(() => Load(layouts["jsonl"], new() { Caption = "{title}" })).Key);
        Assert.Equal("data.split", Refused(() => Load(layouts["jsonl"], new() { Split = "part" })).Key);
        Assert.Equal("data.split", Refused(() => Load(layouts["classes"], new() { Split = "folders" })).Key);
        Assert.Equal("data.label", Refused(() => Load(layouts["classes"], new() { Label = "kind" })).Key);
        Assert.Equal("data.caption", Refused(() => Load(layouts["flat"], new() { Caption = "text" })).Key);
    }

    [Fact]
    public void The_images_do_not_depend_on_threads_or_on_the_cache()
    {
        string old = Environment.GetEnvironmentVariable("MEZZOTINT_CACHE") ?? "";
        long from = PictureSet.CachedFrom;
        using var cache = new ScratchFolder();
        try
        {
            Environment.SetEnvironmentVariable("MEZZOTINT_CACHE", cache.Path);
            PictureSet.CachedFrom = 0;
            foreach (string name in (string[])["classes", "jsonl.zip", "text", "edm"])
                foreach (int threads in (int[])[1, 4])
                {
                    var plain = Load(layouts[name], new() { Cache = false, Threads = threads });
                    for (int time = 0; time < 2; time++)
                    {
                        var kept = Load(layouts[name], new() { Threads = threads });
                        Assert.False(kept.IsInMemory);
                        Assert.Equal(plain.Labels, kept.Labels);
                        Assert.Equal(plain.ClassNames, kept.ClassNames);
                        Assert.Equal(Captions(plain), Captions(kept));
                        Assert.Equal(plain.HasCaptions, kept.HasCaptions);
                        Assert.Equal(plain.Reading!.ToJson().ToString(), kept.Reading!.ToJson().ToString());
                        Assert.Equal((plain.Name, plain.Channels), (kept.Name, kept.Channels));
                        for (int i = 0; i < plain.Count; i++)
                            Assert.Equal(plain.Image(i), kept.Image(i));
                        Assert.Equal(plain.Pixels, kept.Pixels);
                    }
                }
            Assert.Equal(4, Directory.GetFiles(PictureSet.CachePath).Length);
        }
        finally
        {
            PictureSet.CachedFrom = from;
            Environment.SetEnvironmentVariable("MEZZOTINT_CACHE", old.Length == 0 ? null : old);
        }
    }

    [Fact]
    public void A_check_says_what_a_set_is()
    {
        var check = DataCheck.Of(layouts["jsonl"], options: new() { Label = "kind" });
        Assert.Equal((3, 2, 1), (check.Count, check.Taken.Train, check.Taken.Test));
        Assert.Equal([("cat", 2), ("dog", 1)], check.Classes);
        Assert.Equal((3, 3), check.Captioned);
        Assert.Equal((8, 8, 3), Assert.Single(check.Sizes));
        Assert.Equal((3, 3, 0), (check.Coloured, check.Sheet.Channels, check.Duplicates));
        Assert.Equal(["file_name", "kind", "names", "split", "text"], check.Columns);
        Assert.Contains("cat 2, dog 1", check.ToText(), StringComparison.Ordinal);

        string copies = layouts["copies"];
        Directory.CreateDirectory(copies);
        foreach (string name in (string[])["x.png", "y.png"])
            File.Copy(layouts["flat", "0.png"], Path.Combine(copies, name));
        var repeated = DataCheck.Of(copies);
        Assert.Equal(1, repeated.Duplicates);
        Assert.Equal(["x.png", "y.png"], Assert.Single(repeated.FirstDuplicates));
        Assert.Equal(1, DataCheck.Of(layouts["damaged"], options: new() { SkipDamaged = true }).Reading.Notes[0].Count);
        Assert.Equal("data.skip_damaged", Refused(() => DataCheck.Of(layouts["damaged"])).Key);
        Assert.Equal((11, 10), (DataCheck.Of(layouts["cifar10"]).Count, DataCheck.Of(layouts["cifar10"]).Classes.Count));
    }

    [Fact]
    public void What_is_no_data_set_is_told_what_it_is()
    {
        foreach (var (bytes, what) in new (byte[], string)[]
        {
            ([.. "PAR1"u8, 0], "a Parquet file"), ([0x1F, 0x8B, 8, 0], "a gzip file"), ([], "empty"),
            ([7, 7], "first byte is 07"), ([0x89, .. "PNG\r\n"u8, 26, 10], "a single PNG picture"),
        })
        {
            File.WriteAllBytes(layouts["other"], bytes);
            Assert.Contains(what, Refused(() => Load(layouts["other"])).Message, StringComparison.Ordinal);
        }
    }
}
