using System.Text.Json;
using Mezzotint.Formats;

namespace Mezzotint.Cli.Tests;

/// <summary>mezzotint data check: what a set is, before anything is trained on it.</summary>
public sealed class DataCheckTests : IDisposable
{
    private readonly ScratchFolder _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void A_set_is_described_for_people_and_for_programs_with_a_sheet_in_colour()
    {
        PictureFolder.Write(_scratch["pictures"], ["a", "b"], (8, 12), channels: 3);
        var told = Command.RunIn(_scratch.Path, "data", "check", "pictures", "--out", "sheet.png");
        Assert.True(told.ExitCode == 0, told.Error);
        Assert.Contains("8 images: 4 to train, 4 to test", told.Out, StringComparison.Ordinal);
        Assert.Contains("8 x 8 (4), 12 x 12 (4)", told.Out, StringComparison.Ordinal);
        Assert.Contains("2: a 4, b 4", told.Out, StringComparison.Ordinal);
        Assert.Contains("--set data.size=8", told.Out, StringComparison.Ordinal);
        var sheet = PngFile.Read(_scratch["sheet.png"]);
        Assert.Equal(3, sheet.Channels);
        Assert.NotEqual(sheet.Pixels[..(sheet.Pixels.Length / 3)], sheet.Pixels[^(sheet.Pixels.Length / 3)..]);

        var json = Command.RunIn(_scratch.Path, "data", "check", "pictures", "--json");
        var facts = JsonDocument.Parse(json.Out).RootElement;
        Assert.Equal(8, facts.GetProperty("images").GetInt32());
        Assert.Equal(3, facts.GetProperty("channels").GetInt32());
        Assert.Equal("a", facts.GetProperty("classes")[0].GetProperty("name").GetString());
        // the two parts are the same
        Assert.Equal(4, facts.GetProperty("duplicates").GetProperty("in_train_and_test").GetInt32());
    }

    [Fact]
    public void A_damaged_picture_is_named_or_left_out_and_counted()
    {
        PictureFolder.Write(_scratch["pictures"], ["a", "b"], (8, 8));
        string damaged = _scratch["pictures", "train", "a", "0.png"];
        File.WriteAllBytes(damaged, File.ReadAllBytes(damaged)[..^30]);
        foreach (string[] verb in (string[][])[["data", "check", "pictures"], ["data", "show", "pictures", "--out", "x.png"]])
        {
            var refused = Command.RunIn(_scratch.Path, verb);
            Assert.Equal(1, refused.ExitCode);
            Assert.Contains(Path.Combine("pictures", "train", "a", "0.png"), refused.ErrorLine, StringComparison.Ordinal);
            Assert.Contains("--skip-damaged", refused.ErrorLine, StringComparison.Ordinal);
            var done = Command.RunIn(_scratch.Path, [.. verb, "--skip-damaged"]);
            Assert.True(done.ExitCode == 0, done.Error);
            Assert.Contains("left out 1 picture that is damaged", done.Out + done.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Settings_of_other_tables_say_nothing_of_data()
    {
        PictureFolder.Write(_scratch["pictures"], ["a"], (8, 8));
        var refused = Command.RunIn(_scratch.Path, "data", "check", "pictures", "--set", "training.epochs=1");
        Assert.Contains("--set training.epochs=1: only keys of the table [data]", refused.ErrorLine, StringComparison.Ordinal);
        refused = Command.RunIn(_scratch.Path, "data", "check", "pictures", "--set", "data.split=0.3");
        Assert.Contains("has the folders", refused.ErrorLine, StringComparison.Ordinal);
        refused = Command.RunIn(_scratch.Path, "data", "check", "pictures", "--set", "data.fit=pad");
        Assert.Contains("data.fit", refused.ErrorLine, StringComparison.Ordinal);
    }
}
