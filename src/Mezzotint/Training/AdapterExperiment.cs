using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Networks;

namespace Mezzotint.Training;

/// <summary>Everything that decides the training of an adapter, or of a word, beside the model that it is for. The run folder
/// keeps it as <c>config.toml</c>.</summary>
internal sealed record AdapterExperiment : Experiment
{
    /// <summary>The name of the model.</summary>
    public string Model { get; init; } = "";

    /// <summary>The hash of the weights of all its parts; empty in runs of before there was one.</summary>
    public string ModelSha256 { get; init; } = "";

    /// <summary>The word that is learned; null for an adapter.</summary>
    public string? Word { get; init; }

    /// <summary>What the word begins as.</summary>
    public string Like { get; init; } = "object";

    /// <summary>Vectors of the word.</summary>
    public int Vectors { get; init; } = 1;

    /// <summary>How an adapter's file names the layers.</summary>
    public AdapterNaming Names { get; init; }

    /// <summary>Which layers of the text encoder an adapter changes too; empty for none.</summary>
    public string TextParts { get; init; } = "";

    /// <summary>Steps between two lines of the log, two tests and two rows of samples.</summary>
    public int StepsPerEpoch { get; init; } = 100;

    /// <inheritdoc/>
    public override DataConfig Data { get; init; } = new();

    /// <inheritdoc/>
    public override TrainingConfig Training { get; init; } = new() { SamplesPerLabel = 0, Precision = ComputePrecision.Float32 };

    /// <inheritdoc/>
    public override void Validate()
    {
        Data.Validate();
        Training.Validate();
        Check.Range("steps_per_epoch", StepsPerEpoch, StepsPerEpoch >= 1, "1 or more");
    }

    /// <inheritdoc/>
    /// <exception cref="MezzotintException">Always: the model is not named by a path.</exception>
    public override AdapterExperiment Fit(ImageSet train, NetworkConfig? begun = null) => throw new MezzotintException(
        "This is the training of an adapter: go on with it by `mezzotint adapt`, with the words of its beginning and --resume.");

    /// <inheritdoc/>
    public override AdapterExperiment WithTraining(TrainingConfig training) => this with { Training = training };

    // The model is the caller's, who has it in memory already.
    internal override (IReadOnlyList<NetworkMemory> Networks, string WidthKey) Work(int height, int width) =>
        ([], "training.batch_size");
}

/// <summary>How a file of low-rank changes names the layers; all readers here know both.</summary>
public enum AdapterNaming
{
    /// <summary>As kohya's scripts do, which web interfaces read: <c>lora_unet_...lora_down.weight</c>, with an alpha.</summary>
    Kohya,
    /// <summary>As PEFT and diffusers do: <c>unet....lora_A.weight</c>, without an alpha.</summary>
    Peft,
}
