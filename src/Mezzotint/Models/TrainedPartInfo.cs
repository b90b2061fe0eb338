using Mezzotint.Data;

namespace Mezzotint.Models;

/// <summary>What is known about a trained part of a model beside its shape and weights: how it was made.</summary>
public abstract record TrainedPartInfo
{
    /// <summary>The title: a line of up to 300 characters.</summary>
    public string Name { get; init; } = "untitled";

    /// <summary>The data set that was learned from; empty where it is not known.</summary>
    public string Dataset { get; init; } = "";

    /// <summary>The table <c>[data]</c> that it was trained with; null where it is not known.</summary>
    public DataConfig? Data { get; init; }

    /// <summary>Passes over the training images; 0 where they are not known.</summary>
    public int Epochs { get; init; }

    /// <summary>The time of the training in seconds, tests left out; 0 where it is not known.</summary>
    public double Seconds { get; init; }

    /// <summary>The seed of the training, 0 to 2^32 - 1; null where it is not known.</summary>
    public long? Seed { get; init; }

    /// <summary>Who or what made it, from what, and under which licence, in one line.</summary>
    public string Provenance { get; init; } = "";

    /// <summary>Checks the ranges of all numbers.</summary>
    /// <exception cref="MezzotintException">One is out of its range; the message names its key.</exception>
    public virtual void Validate()
    {
        Check.Range("name", Printable.Quote(Name), ModelInfo.IsLine(Name, 300), "a line of 1 to 300 characters");
        Check.Range("dataset", Printable.Quote(Dataset), Dataset.Length == 0 || ModelInfo.IsLine(Dataset, 4096),
            "a line of up to 4096 characters");
        Data?.Validate();
        Check.Range("epochs", Epochs, Epochs >= 0, "0 or more");
        Check.Range("seconds", Seconds, Seconds is >= 0 and < double.PositiveInfinity, "0 or more");
        Check.Range("seed", Seed ?? 0, (Seed ?? 0) is >= 0 and <= uint.MaxValue, "between 0 and 4294967295");
        Check.Range("provenance", Printable.Quote(Provenance), Provenance.Length == 0 || ModelInfo.IsLine(Provenance, 5000),
            "a line of up to 5000 characters");
    }
}
