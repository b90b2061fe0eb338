using System.Text.Json;
using Mezzotint.Models;

namespace Mezzotint.Cli.Tests;

/// <summary>What a PyTorch checkpoint may hold beside the weights; Golden/pytorch_archives.py made the files.</summary>
public sealed class ImportTests : IDisposable
{
    private readonly ScratchFolder _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Several_state_dicts_are_listed_and_key_takes_one()
    {
        Checkpoint("checkpoint.pt");
        Assert.Contains(
            "it holds several state dicts, 'model' (2 tensors), 'ema' (2 tensors): name one as key, as in "
            + "`mezzotint import FOLDER --out MODEL --key model`", Refusal(), StringComparison.Ordinal);
        // Taken, and found to be of another network than config.json's.
        Assert.Contains("lacks the weights", Refusal("--key", "ema"), StringComparison.Ordinal);
        Assert.Contains("its key 'emma' holds no dict", Refusal("--key", "emma"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_state_dict_that_is_the_only_one_needs_no_key()
    {
        Checkpoint("average.pt");
        Assert.Contains("lacks the weights", Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_folder_has_no_keys()
    {
        TinyTraining.WriteModel(_scratch["checkpoint"]);
        Assert.Contains("--key ema: 'checkpoint' is a model folder", Refusal("--key", "ema"), StringComparison.Ordinal);
    }

    [Fact]
    public void The_key_that_was_taken_is_written_down()
    {
        Assert.SkipUnless(TestData.SeedCheckpoint is not null, TestData.NoSeedCheckpoint);
        var outcome = Command.RunIn(_scratch.Path, "import", TestData.SeedCheckpoint!, "--out", "model", "--json");
        var told = JsonDocument.Parse(outcome.Out).RootElement;
        Assert.Equal(ModelFolder.ReadInfo(_scratch["model"]).Provenance, told.GetProperty("provenance").GetString());
    }

    private void Checkpoint(string golden)
    {
        Directory.CreateDirectory(_scratch["checkpoint"]);
        File.Copy(
            Path.Combine(Repository.Root, "test", "Mezzotint.Tests", "Golden", golden), _scratch["checkpoint", "weights.pt"]);
        File.WriteAllText(_scratch["checkpoint", "config.json"], """
            {
                "corpus_length": 10, "in_channels": 1, "out_channels": 1, "model_channels": 32, "attention_levels": [2],
                "num_res_blocks": 2, "channel_multipliers": [1, 2],
                "transformer": {"context_dim": 256, "num_heads": 8, "num_layers": 1}
            }
            """);
    }

    private string Refusal(params string[] options)
    {
        var outcome = Command.RunIn(_scratch.Path, ["import", "checkpoint", "--out", "model", .. options]);
        Assert.Equal((1, ""), (outcome.ExitCode, outcome.Out));
        return outcome.ErrorLine;
    }
}
