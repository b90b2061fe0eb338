using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Training;

namespace Mezzotint.Cli.Tests;

/// <summary>The smallest training that has everything: 2 epochs of 8 steps in about a second.</summary>
internal static class TinyTraining
{
    public const int StepsPerEpoch = 8, Epochs = 2;

    public const string Toml = """
        [data]
        name = "strokes"
        train_count = 256
        test_count = 32

        [training]
        epochs = 2
        batch_size = 32
        replicas = 1
        checkpoint_every = 3
        samples_per_label = 0

        [model]
        num_res_blocks = 1
        channel_multipliers = [1]

        [model.transformer]
        context_dim = 8
        num_heads = 2
        """;

    /// <summary>The network of that configuration with fresh weights, as a model folder.</summary>
    public static string WriteModel(
        string folder, string[]? classNames = null, bool unconditional = false, int side = 28, int seed = 1,
        int blocks = 1)
    {
        var config = Configuration.Parse(Toml, "tiny") is var parsed && unconditional
            ? parsed with { Model = parsed.Model with { Unconditional = true } } : parsed;
        config = config with { Model = (UNetConfig)config.Model with { NumResBlocks = blocks } };
        using var network = config.Model.Build(seed);
        ModelFolder.Write(folder, network, new ModelInfo
        {
            Name = "tiny",
            Model = config.Model,
            Height = side,
            Width = side,
            ClassNames = classNames ?? ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
            Dataset = "strokes",
        });
        return folder;
    }
}
