using Mezzotint.Training;

namespace Mezzotint.Runs;

/// <summary>How an adapter or a word is trained: see <see cref="AdapterTraining"/>.</summary>
public sealed record AdapterTrainingOptions
{
    /// <summary>Steps of the optimiser (Adam).</summary>
    public int Steps { get; init; } = 1000;

    /// <summary>Pictures of a step.</summary>
    public int BatchSize { get; init; } = 1;

    /// <summary>The size of a step: above 0, up to 1. Words take larger ones than adapters, such as 5e-3.</summary>
    public double LearningRate { get; init; } = 1e-4;

    /// <summary>Of the draws: the same seed on the same machine trains the same.</summary>
    public long Seed { get; init; }

    /// <summary>Of an adapter: rows of down, 1 to 1024.</summary>
    public int Rank { get; init; } = 8;

    /// <summary>Of an adapter: how much the change counts, divided by the rank; 0 for the rank.</summary>
    public double Alpha { get; init; }

    /// <summary>Of an adapter: which layers of the network are changed, as patterns of their names with commas between.</summary>
    public string Parts { get; init; } = "*.attn1.*, *.attn2.*";

    /// <summary>Of an adapter: which layers of the text encoder are changed too, as such patterns; empty for none. Its table of
    /// tokens stays as it is.</summary>
    public string TextParts { get; init; } = "";

    /// <summary>Of an adapter: the share of the draws without a caption, at least 0 and below 1: what guidance then compares
    /// with.</summary>
    public double CaptionDropout { get; init; } = 0.1;

    /// <summary>Of an adapter: how its file names the layers.</summary>
    public AdapterNaming Naming { get; init; }

    /// <summary>Pictures of each prompt that are drawn on the way into the run folder, up to ten times, 0 to 100: of the first
    /// captions, or of the word.</summary>
    public int Samples { get; init; }

    /// <summary>Steps of the sampler for each of them.</summary>
    public int SampleSteps { get; init; } = 20;

    /// <summary>Steps between two checkpoints.</summary>
    public int CheckpointEvery { get; init; } = 250;

    /// <summary>Of a word: how many vectors it has, 1 to 64.</summary>
    public int Vectors { get; init; } = 1;

    /// <summary>Of a word: what it begins as, in words that the text encoder knows.</summary>
    public string Like { get; init; } = "object";

    /// <summary>Checks the ranges.</summary>
    /// <exception cref="MezzotintException">One is out of its range; Key names it.</exception>
    public void Validate()
    {
        Check.Range("steps", Steps, Steps is >= 1 and <= 100_000_000, "between 1 and 100000000");
        Check.Range("batch", BatchSize, BatchSize is >= 1 and <= 4096, "between 1 and 4096");
        Check.Range("rate", LearningRate, LearningRate is > 0 and <= 1, "above 0, up to 1");
        Check.Range("rank", Rank, Rank is >= 1 and <= 1024, "between 1 and 1024");
        Check.Range("alpha", Alpha, double.IsFinite(Alpha) && Alpha >= 0, "0 (the rank) or more");
        Check.Range("caption_dropout", CaptionDropout, CaptionDropout is >= 0 and < 1, "at least 0 and below 1");
        Check.Range("samples", Samples, Samples is >= 0 and <= 100, "between 0 and 100");
        Check.Range("sample_steps", SampleSteps, SampleSteps is >= 1 and <= 1000, "between 1 and 1000");
        Check.Range("checkpoint_every", CheckpointEvery, CheckpointEvery >= 1, "1 or more");
        Check.Range("vectors", Vectors, Vectors is >= 1 and <= 64, "between 1 and 64");
    }
}
