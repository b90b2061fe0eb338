using System.Text.Json;
using Mezzotint.Data;
using Mezzotint.Formats;

namespace Mezzotint.Cli.Tests;

/// <summary><c>mezzotint evaluate</c> of a tiny model that is asked in words, with a judge that knows nothing.</summary>
public sealed class EvaluatePromptsTests : IDisposable
{
    private static readonly string[] Aspects = ["--aspect", "colour={colour}", "--aspect", "place=place"];

    private readonly ScratchFolder _scratch = new();

    public EvaluatePromptsTests()
    {
        TinyPrompts.Write(_scratch);
        TinyPrompts.WriteJudge(_scratch["judge"]);
    }

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void A_model_that_is_asked_in_words_gets_a_figure_for_each_aspect_of_each_part_and_a_sheet_of_the_worst()
    {
        Train();
        string[] command =
            ["evaluate", "worded", "--judge", "judge", .. Aspects, "--count", "12", "--each", "2", "--out", "worst.png"];
        var told = JsonDocument.Parse(Run([.. command, "--json"]).Out).RootElement;
        Assert.Equal("""{"train":12,"held-out-colour":5,"held-out-place":3}""", told.GetProperty("parts").GetRawText());
        var figures = told.GetProperty("figures");
        foreach (string part in (string[])["train", "held_out_colour", "held_out_place"])
        {
            foreach (string aspect in (string[])["picture", "colour", "place"])
                foreach (string measure in (string[])["judge", "pixels"])
                    Assert.InRange(Value(figures, $"{aspect}_{measure}_{part}"), 0, 1);
            Assert.InRange(Value(figures, $"score_{part}"), -1, 1);
        }
        foreach (string key in (string[])["memorised_judge_held_out_colour", "memorised_pixels_held_out_place", "diversity",
            "frechet_train", "kernel_train", "frechet_held_out", "kernel_held_out", "evaluations_per_image"])
            Assert.Equal(JsonValueKind.Number, figures.GetProperty(key).GetProperty("value").ValueKind);
        var worst = told.GetProperty("worst").EnumerateArray().ToList();
        Assert.Equal(20, worst.Count);
        Assert.Equal(worst.Select(Score).Order(), worst.Select(Score));
        Assert.InRange(worst[0].GetProperty("seed").GetInt64(), 42, 61);

        // The first pair of the sheet ends in the image of the worst caption and its seed.
        Run("sample", "worded", worst[0].GetProperty("caption").GetString()!, "--count", "1", "--seed",
            worst[0].GetProperty("seed").GetRawText(), "--out", "again.npz");
        Assert.Equal(NpzImages.Read(_scratch["again.npz"]).Pixels, SecondOf(PngFile.Read(_scratch["worst.png"])));
        Assert.Contains("a blue square", Run(command).Out, StringComparison.Ordinal);

        Refused("need a judge, a text-image model: train one", "evaluate", "worded");
        Refused("--judge 'pictures' is no text-image model", "evaluate", "worded", "--judge", "pictures");
        TinyPrompts.WriteJudge(_scratch["large"], side: 32);
        Refused("is for pictures of 3 x 32 x 32, pictures has them of 3 x 16 x 16", "evaluate", "worded", "--judge",
            "large");
        Refused("--aspect size: pictures has no column 'sizes'", [.. command, "--aspect", "size={sizes}"]);
        Refused("--aspect size = '{size': a brace is not closed", [.. command, "--aspect", "size={size"]);
        Refused("--aspect takes NAME=PATTERN", [.. command, "--aspect", "size"]);
        Refused("there is one of this name already", [.. command, "--aspect", "picture={colour}"]);
        Refused("figures of fewer than 10 mean nothing. Ask for more with --count", "evaluate", "worded", "--judge",
            "judge", "--count", "3");
        Refused("has no captions: name a folder or zip archive", "evaluate", "worded", "--judge", "judge", "--data", "strokes",
            "--size", "16");
        Refused("--likelihood is for a model of classes", [.. command, "--likelihood", "3"]);
        Refused("--out 'worst.txt': the sheet is a PNG file", "evaluate", "worded", "--judge", "judge", "--out",
            "worst.txt");
        Refused("--judge is for a model that is asked in words", "evaluate", "pictures", "--judge", "judge");
    }

    [Fact]
    public void A_text_image_model_is_measured_by_what_finds_what_among_all_pictures()
    {
        var told = JsonDocument.Parse(Run("evaluate", "judge", "--count", "10", "--json").Out).RootElement;
        Assert.Equal(24, told.GetProperty("pictures").GetInt32());
        foreach (string part in (string[])["train", "held_out_colour", "held_out_place"])
            foreach (string way in (string[])["picture", "caption"])
            {
                Assert.InRange(Value(told.GetProperty("figures"), $"{way}_first_{part}"), 0, 1);
                Assert.Equal(1.0 / 24, told.GetProperty("figures").GetProperty($"{way}_first_{part}").GetProperty("shuffled")
                    .GetDouble(), 1e-12);
            }
        string text = Run("evaluate", "judge", "--count", "10").Out;
        Assert.Contains("Caption to picture among all 24, first place", text, StringComparison.Ordinal);
        Assert.Contains("held-out-place (3)", text, StringComparison.Ordinal);
        Refused("--steps is for what draws", "evaluate", "judge", "--steps", "3");
    }

    private void Train()
    {
        Run("train", "vae.toml");
        Run("train", "worded.toml", "--out", "worded", "--set", "training.epochs=1");
    }

    /// <summary>The second image of a sheet, which has two pixels of paper around each.</summary>
    private static byte[] SecondOf(ImageBatch sheet)
    {
        const int side = TinyPrompts.Side, paper = 2;
        return [.. from channel in Enumerable.Range(0, 3) from y in Enumerable.Range(paper, side)
            from x in Enumerable.Range(2 * paper + side, side)
            select sheet.Pixels[(channel * sheet.Height + y) * sheet.Width + x]];
    }

    private static double Score(JsonElement worst) => worst.GetProperty("score").GetDouble();

    private static double Value(JsonElement figures, string key) => figures.GetProperty(key).GetProperty("value").GetDouble();

    private Outcome Run(params string[] args)
    {
        var outcome = Command.RunIn(_scratch.Path, args);
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        return outcome;
    }

    private void Refused(string message, params string[] args)
    {
        var outcome = Command.RunIn(_scratch.Path, args);
        Assert.Equal((1, ""), (outcome.ExitCode, outcome.Out));
        Assert.Contains(message, outcome.ErrorLine, StringComparison.Ordinal);
    }
}
