using Mezzotint.Data;
using Mezzotint.Formats;

namespace Mezzotint.Tests.Data;

/// <summary>7,572 captioned colour pictures in one archive, as their description says they are.</summary>
public class EmojiTests
{
    private const string Name = "emoji";
    private const int Sample = 3;

    private static string Archive()
    {
        Assert.SkipUnless(TestData.Folder(Name) is not null, TestData.Missing(Name));
        return Path.Combine(TestData.Folder(Name)!, "emoji.zip");
    }

    [Fact]
    public void The_archive_has_its_counts_parts_captions_and_categories()
    {
        using var tree = FileTree.Open(Archive());
        PictureList List(ReadingOptions options) => PictureList.Of(tree, options, new ReadingNotes());
        var all = List(new());
        Assert.Equal((7572, true, 0), (all.Pictures.Count, all.HasCaptions, all.Classes.Count));
        Assert.Equal((7339, 172, 61), (all.Parts["train"], all.Parts["held-out-style"], all.Parts["held-out-tone"]));
        Assert.All(all.Pictures, picture => Assert.EndsWith(
            $"{picture.Name.Split('/')[0]} style", Assert.Single(picture.Captions), StringComparison.Ordinal));
        Assert.Contains(all.Pictures, picture => picture.Captions[0] == "waving hand sign, medium-dark skin tone, noto style");

        // What is held out is the test set.
        var train = List(new() { Part = ImageSplit.Train }).Pictures;
        var test = List(new() { Part = ImageSplit.Test }).Pictures;
        Assert.Equal((7339, 233), (train.Count, test.Count));
        Assert.Empty(train.Select(picture => picture.Name).Intersect(test.Select(picture => picture.Name)));
        Assert.Equal(172, List(new() { PartName = "held-out-style" }).Pictures.Count);

        var classes = List(new() { Label = "category", Caption = "text | {aliases}, {style} style" });
        Assert.Equal(10, classes.Classes.Count);
        Assert.Contains("Smileys & Emotion", classes.Classes);
        Assert.Equal(14_666, classes.Pictures.Sum(picture => picture.Captions.Count)); // counted with Python
    }

    [Fact]
    public void The_pictures_are_64_x_64_in_colour_with_transparency()
    {
        var set = DataSource.Load(Archive(), new ReadingOptions
        {
            PartName = "held-out-tone", Background = Background.White, Label = "category",
        });
        Assert.Equal((61, 3, 64, 64), (set.Count, set.Channels, set.Height, set.Width));
        Assert.All(Enumerable.Range(0, Sample), i => Assert.Equal(255, set.Image(i)[0]));
        Assert.Contains(set.Reading!.Notes, note => note is { Reason: ReadingReason.Transparent, Count: > 50 });
    }
}
