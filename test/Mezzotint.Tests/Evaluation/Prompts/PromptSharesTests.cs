using Mezzotint.Evaluation.Prompts;

namespace Mezzotint.Tests.Evaluation.Prompts;

/// <summary>Shares whose value is known.</summary>
public class PromptSharesTests
{
    private static readonly int[] Different = [0, 1, 2, 3, 4];

    [Fact]
    public void The_share_is_of_the_pictures_whose_nearest_shows_what_their_caption_asks_for()
    {
        var colour = Aspect(Different, "red", "red", "blue", "blue", "green");
        var shares = PromptShares.Of(colour, [0, 2, 4], [[1], [0], [4]])!;
        Assert.Equal((3, 2.0 / 3), (shares.Count, shares.Value));
        // red, red, green held against the two captions of the others: blue, green; red, green; red, blue
        Assert.Equal((0 + 0.5 + 0) / 3, shares.Shuffled!.Value, 1e-12);
    }

    [Fact]
    public void Of_several_that_are_equally_near_each_counts_for_its_part()
    {
        var colour = Aspect(Different, "red", "red", "blue", "blue", "green");
        Assert.Equal((2.0 / 3 + 0) / 2, PromptShares.Of(colour, [0, 2], [[0, 1, 4], [0, 1]])!.Value, 1e-12);
        // a judge that tells nothing apart is right by chance alone
        int[] all = [0, 1, 2, 3, 4];
        var blind = PromptShares.Of(colour, all, [all, all, all, all, all])!;
        Assert.Equal((0.4 + 0.4 + 0.4 + 0.4 + 0.2) / 5, blind.Value, 1e-12);
        Assert.Equal(blind.Value, blind.Shuffled!.Value, 1e-12);
    }

    [Fact]
    public void A_picture_without_the_aspect_does_not_count()
    {
        var tone = Aspect(Different, "dark", "", "light", "", "");
        var shares = PromptShares.Of(tone, [0, 1, 2], [[0], [1], [1]])!;
        Assert.Equal((2, 0.5, 0.0), (shares.Count, shares.Value, shares.Shuffled!.Value));
        Assert.Null(PromptShares.Of(tone, [1, 3], [[1], [3]]));
        Assert.Null(PromptShares.Of(tone, [0, 1], [[0], [0]])!.Shuffled);
    }

    [Fact]
    public void A_picture_that_is_the_same_to_the_pixel_shows_what_its_equal_shows()
    {
        var name = Aspect([0, 1, 1, 3, 4], "a", "b", "c", "d", "e");
        Assert.Equal(1, PromptShares.Of(name, [2], [[1]])!.Value);
        Assert.Equal(0, PromptShares.Of(name, [2], [[0]])!.Value);
    }

    private static PictureAspect Aspect(int[] equal, params string[] values) => new(
        new("aspect", [.. values.Select(value => value.Length == 0 ? (string[])[] : [value])]), equal);
}
