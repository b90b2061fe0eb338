using System.Text;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Tests.Formats;

namespace Mezzotint.Tests.Models;

public class SeedCheckpointTests
{
    // The fields that the seed system writes, in its order.
    private const string Good = """
        {
            "corpus_length": 10, "in_channels": 1, "out_channels": 1, "model_channels": 32,
            "attention_levels": [2],
            "num_res_blocks": 2,
            "channel_multipliers": [1, 2],
            "transformer": {"context_dim": 256, "num_heads": 8, "num_layers": 1}
        }
        """;

    [Fact]
    public void The_seeds_shape_is_read() => Assert.Equal(new UNetConfig(), Parse(Good));

    [Theory]
    [InlineData("\"num_heads\"", "\"n_heads\"", "c.json, line 6: unknown key 'transformer.n_heads': did you mean 'num_heads'?")]
    [InlineData("\"num_res_blocks\": 2,", "", "c.json: the key 'num_res_blocks' is missing.")]
    [InlineData("[1, 2]", "[1, 2.5]", "c.json, line 5: 'channel_multipliers[1]' is the number 2.5; it must be a whole number.")]
    [InlineData(
        "\"num_res_blocks\": 2", "\"num_res_blocks\": 0", "c.json, line 4: num_res_blocks = 0: must be between 1 and 16.")]
    [InlineData(
        "\"num_heads\": 8", "\"num_heads\": 7",
        "c.json, line 6: transformer.num_heads = 7: must be a divisor of the width of each transformer (here 128).")]
    public void What_is_wrong_is_named_by_line_and_key(string good, string bad, string message) =>
        Assert.Equal(
            message, Assert.Throws<MezzotintException>(() => Parse(Good.Replace(good, bad, StringComparison.Ordinal))).Message);

    [Fact]
    public void Damaged_shapes_are_read_or_refused_in_one_line() =>
        Damage.Check(Encoding.UTF8.GetBytes(Good), bytes => SeedCheckpoint.ParseConfig(bytes, "damaged"), cases: 10_000);

    [Fact]
    public void Folders_without_the_two_files_are_refused()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("config.json"), Good);
        Assert.Equal(
            $"'{folder.Name}' is not a PyTorch checkpoint of this kind: it must have config.json and weights.pt.",
            Refusal(folder.Name));
    }

    [Fact]
    public void Weights_of_another_network_are_refused()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("config.json"), Good);
        // A state dict of a linear layer and some odds and ends, saved by PyTorch (Golden/pytorch_archives.py).
        File.Copy(Path.Combine(AppContext.BaseDirectory, "Golden", "state_dict.pt"), folder.File("weights.pt"));
        Assert.Contains(" lacks the weights ", Refusal(folder.Name), StringComparison.Ordinal);
    }

    [Fact]
    public void The_published_checkpoint_loads_and_becomes_a_model_folder()
    {
        Assert.SkipUnless(TestData.SeedCheckpoint is not null, TestData.NoSeedCheckpoint);
        string checkpoint = TestData.SeedCheckpoint!;
        using var model = SeedCheckpoint.Read(checkpoint);
        Assert.Equal(
            ("seed-checkpoint", 28, 28, "9"), (model.Info.Name, model.Info.Height, model.Info.Width, model.Info.ClassNames[^1]));
        var archive = PyTorchArchive.Read(Path.Combine(checkpoint, "weights.pt"));
        var weights = SmallNetwork.Weights(model.Network);
        Assert.Equal(archive.Keys.Order(StringComparer.Ordinal), weights.Keys.Order(StringComparer.Ordinal));
        foreach (var (name, tensor) in archive)
            Assert.Equal(tensor.Bytes.ToArray(), weights[name]);

        using var folder = new TemporaryFolder();
        ModelFolder.Write(folder.Name, model.Network, model.Info);
        using var again = ModelFolder.Read(folder.Name);
        Assert.Equal(weights, SmallNetwork.Weights(again.Network));
    }

    private static UNetConfig Parse(string json) => SeedCheckpoint.ParseConfig(Encoding.UTF8.GetBytes(json), "c.json");

    private static string Refusal(string folder) => Assert.Throws<MezzotintException>(() => SeedCheckpoint.Read(folder)).Message;
}
