namespace Mezzotint.Training;

/// <summary>
/// Instead of the weights W of a network, small changes of them are trained: W + alpha / rank up down, with up [out, rank] and
/// down [rank, in]. Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", arXiv 2106.09685, section 4.1.
/// </summary>
public sealed record LowRankConfig
{
    /// <summary>Rows of down; 0 for training the weights themselves.</summary>
    public int Rank { get; init; }

    /// <summary>How much the change counts: it is divided by the rank. 0 for the rank, so that it counts as it is.</summary>
    public double Alpha { get; init; }

    /// <summary>Which weights of layers (linear ones, convolutions, embeddings) are changed: patterns of names with commas
    /// between them, in which * stands for anything.</summary>
    public string Parts { get; init; } = "*";

    /// <summary>alpha / rank.</summary>
    internal double Scale => Alpha == 0 ? 1 : Alpha / Rank;

    internal void Validate()
    {
        Check.Range("training.low_rank.rank", Rank, Rank is >= 0 and <= 1024, "between 0 (none) and 1024");
        Check.Range(
            "training.low_rank.alpha", Alpha, double.IsFinite(Alpha) && Alpha >= 0, "0 (the rank) or more");
        Check.Range(
            "training.low_rank.parts", Printable.Quote(Parts), FrozenParts.Patterns(Parts).Length > 0, "a pattern, such as *");
    }
}
