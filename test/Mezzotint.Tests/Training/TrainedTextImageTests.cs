using System.Globalization;
using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Runtime;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Training;

/// <summary>
/// The model that ships, of <c>configs/emoji-clip.toml</c>: how often a caption that was never learned finds its picture first
/// among all 7,572 pictures.
/// </summary>
public class TrainedTextImageTests
{
    [Theory]
    [InlineData("held-out-style", 0.35)]
    [InlineData("held-out-tone", 0.85)]
    public void Captions_that_were_held_out_find_their_picture_among_all(string part, double least)
    {
        string? data = TestData.Folder("emoji");
        Assert.SkipWhen(data is null, TestData.Missing("emoji"));
        using var scope = NewDisposeScope();
        using var model = TextImageFolder.Read(Path.Combine(Repository.Root, "models", "emoji-clip"));
        ImageSet Load(ReadingOptions options) => DataSource.Load(Path.Combine(data!, "emoji.zip"), options);
        var options = new ReadingOptions { Background = Background.White };
        ImageSet all = Load(options with { Part = ImageSplit.All }), asked = Load(options with { PartName = part });
        using var threads = new WorkerThreads(0);
        var (picture, caption) = new Retrieval(model.Network, model.Tokenizer, threads, CPU).First(asked, all);
        string found = string.Create(CultureInfo.InvariantCulture,
            $"{part}, {asked.Count} of {all.Count} pictures: own picture first {picture:P1}, own caption first {caption:P1}");
        TestContext.Current.TestOutputHelper?.WriteLine(found);
        Assert.True(picture >= least, found);
    }
}
