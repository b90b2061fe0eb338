using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Networks.Classifiers;

namespace Mezzotint.Training;

/// <summary>Everything that decides the training of a classifier. Its run folder keeps it as <c>config.toml</c>.</summary>
public sealed record ClassifierExperiment : Experiment
{
    private const double MostBending = 3; // beyond it digits are no digits

    /// <summary>The table <c>[data]</c>.</summary>
    public override DataConfig Data { get; init; } = new();

    /// <summary>The table <c>[network]</c>.</summary>
    public ClassifierConfig Network { get; init; } = new();

    /// <summary>The table <c>[loss]</c>.</summary>
    public ClassifierLoss Loss { get; init; } = new();

    /// <summary>How far training images are turned, resized, slanted, moved and bent, as a multiple of what handwriting varies by
    /// (12 degrees, 12 %, 2 pixels of 28): 0 to 3.</summary>
    public double Bending { get; init; } = 1;

    /// <summary>Whether training images have noise on them, of every level, as classifier guidance asks for: see
    /// <see cref="ClassifierTask"/>. Then <c>loss.label_smoothing</c> is best 0, or the classifier is never sure.</summary>
    public bool Noise { get; init; }

    /// <summary>The table <c>[training]</c>. Its settings for models that draw are not used: label dropout and samples.</summary>
    public override TrainingConfig Training { get; init; } = new()
    {
        Epochs = 16,
        BatchSize = 128,
        LearningRate = 2e-3,
        Schedule = new OneCycleRate(),
        Average = new ExponentialAverage { Decay = 0.998 },
        SamplesPerLabel = 0,
    };

    /// <summary>What the network is trained for.</summary>
    public ClassifierTask Task => new(Network, Loss.LabelSmoothing, Bending, Noise);

    /// <inheritdoc/>
    public override void Validate()
    {
        Data.Validate();
        Network.Validate();
        Check.Range("loss.label_smoothing", Loss.LabelSmoothing, Loss.LabelSmoothing is >= 0 and < 1, "0 or more and below 1");
        Check.Range("bending", Bending, Bending is >= 0 and <= MostBending, $"between 0 and {MostBending}");
        Training.Validate();
        Check.Range("training.label_dropout", Training.LabelDropout, Training.LabelDropout == 0, "0: a classifier learns labels");
        Check.Range("training.samples_per_label", Training.SamplesPerLabel, Training.SamplesPerLabel == 0,
            "0: a classifier draws nothing");
    }

    /// <inheritdoc/>
    public override ClassifierExperiment Fit(ImageSet train, NetworkConfig? begun = null) => this with
    {
        Network = Network with
        {
            Classes = train.ClassNames.Count, Channels = train.Channels, Height = train.Height, Width = train.Width,
        },
    };

    /// <inheritdoc/>
    public override ClassifierExperiment WithTraining(TrainingConfig training) => this with { Training = training };

    internal override (IReadOnlyList<NetworkMemory> Networks, string WidthKey) Work(int height, int width) =>
        ([new(Classifier.Describe(Network), (double)Network.Channels * height * width, height, width)], "training.batch_size");
}

/// <summary>The loss of a classifier: cross-entropy.</summary>
public sealed record ClassifierLoss
{
    /// <summary>The part of the target that is spread over all classes, at least 0 and below 1. Szegedy et al. 2016, arXiv
    /// 1512.00567, section 7.</summary>
    public double LabelSmoothing { get; init; } = 0.1;
}
