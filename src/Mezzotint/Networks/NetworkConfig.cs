using System.Globalization;
using Mezzotint.Runtime;
using Mezzotint.Settings;
using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>The shape of a network: the <c>[model]</c> table of a configuration, of the kind that its key <c>kind</c>
/// names.</summary>
/// <remarks>
/// Classes and channels may be left open: a training takes them from its data (<see cref="Training.ExperimentConfig.Fit"/>). A
/// network that is built while they are open is the seed's: of 10 classes and 1 channel.
/// </remarks>
[SettingsKind("unet", typeof(UNetConfig))]
[SettingsKind("residual-unet", typeof(ResidualUNetConfig))]
[SettingsKind("unet-2d-condition", typeof(ConditionalUNetConfig))]
public abstract record NetworkConfig : IOpenSettings
{
    private const int SeedClasses = 10, SeedChannels = 1;

    private int? _corpusLength, _inChannels, _outChannels;

    /// <summary>Whether classes are what it is asked for; false for a network with a context, which has no use for the settings
    /// of classes.</summary>
    public virtual bool HasClasses => true;

    /// <summary>How many classes can be asked for: each has a row of the embedding. Left open, 10; 0 where it has
    /// none.</summary>
    public int CorpusLength
    {
        get => HasClasses ? _corpusLength ?? (Attributes is null ? SeedClasses : Combinations) : 0;
        init => _corpusLength = value;
    }

    /// <summary>
    /// Of classes that are combinations of several attributes, such as colour and shape: how many values each attribute has. A
    /// class is then the sum of the rows of its values, so that combinations can be asked for that were never learned. Classes
    /// are counted with the last attribute first: of [2, 3], class 4 has the values 1 and 1. Null for a row for each class.
    /// </summary>
    public IReadOnlyList<int>? Attributes { get; init; }

    /// <summary>
    /// Whether the embedding has one more row, which stands for no class: what label dropout trains, and guidance asks for.
    /// The seed has none, and neither do descriptions that were written before there was one.
    /// </summary>
    [DefaultWhenMissing]
    public bool Unconditional { get; init; }

    /// <summary>Channels of the noisy image, and of what the network sees beside it. Left open, those of the output, or what the
    /// kind of network says.</summary>
    public int InChannels { get => _inChannels ?? _outChannels ?? DefaultChannels; init => _inChannels = value; }

    /// <summary>Channels of the output, and of the noisy image: as many as <see cref="InChannels"/>, which they are where they
    /// are left open, or fewer where the network sees more than the image.</summary>
    public int OutChannels { get => _outChannels ?? InChannels; init => _outChannels = value; }

    /// <summary>The label that stands for no class, <see cref="CorpusLength"/>; null where the network has none.</summary>
    public int? NoLabel => HasClasses && Unconditional ? CorpusLength : null;

    /// <summary>The factor between the image and the smallest map: the image's sides must be multiples of it.</summary>
    public abstract int Stride { get; }

    /// <summary>How many parameters the network has, those that are not trained counted: counted without allocating
    /// anything.</summary>
    public long ParameterCount => Describe().ParameterCount;

    /// <summary>The memory that the network's weights take, in float32.</summary>
    public MemoryNeed EstimateMemory() => new(
        "The network", ParametersInWords, (double)ParameterCount * sizeof(float), 0, WidthKey, $"Lower {WidthKey}");

    /// <summary>Channels where they are left open.</summary>
    private protected virtual int DefaultChannels => SeedChannels;

    /// <summary>The setting that the size of the network is due to.</summary>
    private protected virtual string WidthKey => "model.model_channels";

    /// <summary>Whether the network may see more channels than those of the image.</summary>
    private protected virtual bool SeesMore => false;

    /// <summary>"1,234 parameters", for the figures of a <see cref="MemoryNeed"/>.</summary>
    internal string ParametersInWords => string.Create(CultureInfo.InvariantCulture, $"{ParameterCount:N0} parameters");

    /// <summary>The network's layers.</summary>
    public abstract NetworkDescription Describe();

    /// <summary>Makes the network, with fresh weights.</summary>
    /// <param name="seed">Of the weights: the same seed gives the same weights, bit for bit. 0 to 2^32 - 1.</param>
    /// <exception cref="MezzotintException">The shape is impossible.</exception>
    public virtual DenoisingNetwork Build(long seed = 0) => new DescribedNetwork(this, seed);

    /// <summary>The same with memory that is still to be filled in place of weights, where that spares their drawing.</summary>
    internal virtual DenoisingNetwork BuildUnfilled() => Build();

    /// <summary>Whether it can be asked for nothing: for no class that it has learned, or by an empty prompt.</summary>
    public bool CanBeGuided => !HasClasses || Unconditional;

    /// <summary>Rows of the embedding.</summary>
    internal int EmbeddingRows => (Attributes?.Sum() ?? CorpusLength) + (Unconditional ? 1 : 0);

    /// <summary>Rows of the embedding that make a class.</summary>
    internal int RowsOfClass => Attributes?.Count ?? 1;

    /// <summary>How many classes the attributes make.</summary>
    private int Combinations =>
        (int)Math.Min(int.MaxValue, (Attributes ?? []).Aggregate(1.0, (product, values) => product * values));

    /// <summary>The same condition in rows of the embedding: those of the values of its attributes in place of a class, and
    /// several times that of no class.</summary>
    internal Condition InRows(Condition condition) =>
        Attributes is null || condition.Classes is not { } classes || classes.shape[1] != 1 ? condition
            : condition.Map(tensor => ReferenceEquals(tensor, classes) ? Rows(classes, Attributes) : tensor);

    /// <summary>Classes, int64 [B, 1], as rows of the embedding: [B, K].</summary>
    private Tensor Rows(Tensor classes, IReadOnlyList<int> attributes)
    {
        long[] asked = [.. classes.cpu().contiguous().data<long>()], rows = new long[asked.Length * attributes.Count];
        for (int i = 0; i < asked.Length; i++)
        {
            long left = asked[i], first = attributes.Sum();
            for (int k = attributes.Count - 1; k >= 0; k--)
            {
                first -= attributes[k];
                rows[i * attributes.Count + k] = asked[i] == NoLabel ? EmbeddingRows - 1 : first + left % attributes[k];
                left /= attributes[k];
            }
        }
        return tensor(rows, [asked.Length, attributes.Count], device: classes.device);
    }

    /// <summary>Checks that a condition asks for what the network knows.</summary>
    /// <exception cref="ArgumentException">A class is none of its.</exception>
    internal void CheckKnown(Condition condition, string parameter, bool orNone = false)
    {
        if (condition.Classes is not { } classes || !HasClasses)
            return;
        int known = orNone && Unconditional ? CorpusLength + 1 : CorpusLength;
        foreach (long label in classes.cpu().contiguous().data<long>())
            if (label < 0 || label >= known)
                throw new ArgumentException(
                    $"Label {label} is not one of the {CorpusLength} that the model knows (0 to {CorpusLength - 1}).", parameter);
    }

    /// <summary>Checks that the numbers make a network.</summary>
    /// <exception cref="MezzotintException">A number is out of its range or does not fit the others; the message names
    /// it.</exception>
    public virtual void Validate()
    {
        Check.Range("model.corpus_length", CorpusLength, !HasClasses || CorpusLength is >= 1 and <= 100_000,
            "between 1 and 100000");
        string attributes = $"[{string.Join(", ", Attributes ?? [])}]";
        Check.Range("model.attributes", attributes,
            Attributes is null || Attributes.Count is >= 1 and <= 16 && Attributes.All(values => values is >= 1 and <= 256),
            "1 to 16 numbers between 1 and 256");
        Check.Range("model.attributes", attributes, Attributes is null || !HasClasses || Combinations == CorpusLength,
            $"numbers whose product is the number of classes, {CorpusLength}: every combination is one");
        Check.Range("model.in_channels", InChannels, InChannels is >= 1 and <= 64, "between 1 and 64");
        Check.Range(
            "model.out_channels", OutChannels,
            OutChannels == InChannels || SeesMore && OutChannels >= 1 && OutChannels < InChannels,
            $"model.in_channels ({InChannels}){(SeesMore ? ", or less" : "")}: the network predicts the noise of the image it is "
            + $"given");
    }

    /// <inheritdoc/>
    bool IOpenSettings.IsOpen(string property) => property switch
    {
        nameof(CorpusLength) => _corpusLength is null,
        nameof(InChannels) => _inChannels is null,
        nameof(OutChannels) => _outChannels is null,
        _ => false,
    };

    /// <inheritdoc/>
    bool IOpenSettings.IsUnused(string property) =>
        !HasClasses && property is nameof(CorpusLength) or nameof(Unconditional) or nameof(Attributes);

    /// <summary>The same network with its open numbers filled in; those that have a value keep it.</summary>
    /// <param name="classes">For <see cref="CorpusLength"/>.</param>
    /// <param name="channels">For <see cref="InChannels"/> and <see cref="OutChannels"/>.</param>
    internal NetworkConfig Filled(int? classes, int? channels) => this with
    {
        _corpusLength = _corpusLength ?? classes,
        _inChannels = _inChannels ?? channels,
        _outChannels = _outChannels ?? channels,
    };

    /// <summary>The same network with room for so many classes: those that it has, and more where it has fewer.</summary>
    /// <param name="forget">Whether it has so many, whatever it had.</param>
    /// <param name="classes">The classes of the data.</param>
    internal NetworkConfig WithClasses(bool forget, int classes) => !HasClasses ? this
        : this with { _corpusLength = forget ? classes : Math.Max(CorpusLength, classes) };

    /// <summary>The same network with what follows from another one's data: the rows of its embedding.</summary>
    internal virtual NetworkConfig WithDataOf(NetworkConfig other) => !HasClasses ? this
        : this with { _corpusLength = other.CorpusLength, Unconditional = other.Unconditional };

    /// <summary>Two configurations are equal when they are of one kind and every number in them is equal, those in lists
    /// included.</summary>
    public virtual bool Equals(NetworkConfig? other) =>
        other is not null && EqualityContract == other.EqualityContract && Numbers().SequenceEqual(other.Numbers());

    /// <inheritdoc/>
    public override int GetHashCode() => Numbers().Aggregate(17, HashCode.Combine);

    /// <summary>All that makes one shape another; lists with their lengths before them.</summary>
    private protected virtual IEnumerable<double> Numbers() =>
        [CorpusLength, EmbeddingRows, InChannels, OutChannels, .. Attributes ?? []];
}
