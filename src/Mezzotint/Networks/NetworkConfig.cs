namespace Mezzotint.Networks;

/// <summary>The shape of a network: the <c>[model]</c> table of a configuration, of the kind that its key <c>kind</c> names.</summary>
public abstract record NetworkConfig
{
    /// <summary>How many classes can be asked for: each has a row of the embedding.</summary>
    public int CorpusLength { get; init; } = 10;

    /// <summary>
    /// Whether the embedding has one more row, which stands for no class: what label dropout trains, and guidance asks for.
    /// The seed has none, and neither do descriptions that were written before there was one.
    /// </summary>
    [DefaultWhenMissing]
    public bool Unconditional { get; init; }

    /// <summary>Channels of the noisy image.</summary>
    public int InChannels { get; init; } = 1;

    /// <summary>Channels of the output; the same as <see cref="InChannels"/>.</summary>
    public int OutChannels { get; init; } = 1;

    /// <summary>The label that stands for no class, <see cref="CorpusLength"/>; null where the network has none.</summary>
    public int? NoLabel => Unconditional ? CorpusLength : null;

    /// <summary>The factor between the image and the smallest map: the image's sides must be multiples of it.</summary>
    public abstract int Stride { get; }

    /// <summary>How many parameters the network has, those that are not trained counted: told without allocating anything.</summary>
    public abstract long ParameterCount { get; }

    /// <summary>Makes the network, with fresh weights.</summary>
    /// <param name="seed">Of the weights: the same seed gives the same weights, bit for bit. 0 to 2^32 - 1.</param>
    /// <exception cref="MezzotintException">The shape is impossible.</exception>
    public abstract DenoisingNetwork Build(long seed = 0);

    /// <summary>Rows of the embedding.</summary>
    internal int EmbeddingRows => Unconditional ? CorpusLength + 1 : CorpusLength;

    /// <summary>Checks that the numbers make a network.</summary>
    /// <exception cref="MezzotintException">A number is out of its range or does not fit the others; the message names it.</exception>
    public virtual void Validate()
    {
        Check.Range("model.corpus_length", CorpusLength, CorpusLength is >= 1 and <= 100_000, "between 1 and 100000");
        Check.Range("model.in_channels", InChannels, InChannels is >= 1 and <= 64, "between 1 and 64");
        Check.Range("model.out_channels", OutChannels, OutChannels == InChannels, $"model.in_channels ({InChannels}): the network predicts the noise of the image it is given");
    }

    /// <summary>Two configurations are equal when they are of one kind and every number in them is equal, those in lists included.</summary>
    public virtual bool Equals(NetworkConfig? other) =>
        other is not null && EqualityContract == other.EqualityContract && Numbers().SequenceEqual(other.Numbers());

    /// <inheritdoc/>
    public override int GetHashCode() => Numbers().Aggregate(17, HashCode.Combine);

    /// <summary>All that makes one shape another; lists with their lengths before them.</summary>
    private protected virtual IEnumerable<double> Numbers() => [CorpusLength, EmbeddingRows, InChannels, OutChannels];
}
