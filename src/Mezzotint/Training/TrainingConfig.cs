using Mezzotint.Engine;
using Mezzotint.Runtime;

namespace Mezzotint.Training;

/// <summary>How it is learned.</summary>
public sealed record TrainingConfig
{
    /// <summary>A value of <see cref="Keep"/>.</summary>
    public const string LastModel = "last", BestModel = "best";

    /// <summary>Passes over the training images.</summary>
    public int Epochs { get; init; } = 30;

    /// <summary>How often an epoch passes over the training images, each time in another order: more than once for small sets,
    /// whose epochs would be over in a moment.</summary>
    public int Repeats { get; init; } = 1;

    /// <summary>Images a step; the last batch of an epoch may be smaller.</summary>
    public int BatchSize { get; init; } = 64;

    /// <summary>
    /// In how many pieces each replica takes its part of a batch, one after the other; their gradients are added up. The step is
    /// that of the whole batch, but for rounding, and what libtorch keeps for the backward pass is that of a piece. The CPU's
    /// engine takes images one by one anyway.
    /// </summary>
    public int Accumulate { get; init; } = 1;

    /// <summary>Of the weights, the order of the images, the times and the noise: 0 to 2^32 - 1.</summary>
    public long Seed { get; init; } = 42;

    /// <summary>Adam's step size.</summary>
    public double LearningRate { get; init; } = 2e-4;

    /// <summary>Adam's decay of the mean gradient.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Adam's decay of the mean squared gradient.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>
    /// What each step takes off all weights, as a part of them for a step size of 1: AdamW; 0 for Adam. Loshchilov, Hutter 2019,
    /// "Decoupled Weight Decay Regularization", arXiv 1711.05101, algorithm 2.
    /// </summary>
    public double WeightDecay { get; init; }

    /// <summary>
    /// The size of the gradient's norm at which it is cut off; 0 for never, as the seed has it. Pascanu et al. 2013, arXiv
    /// 1211.5063, algorithm 1.
    /// </summary>
    public double GradientClip { get; init; }

    /// <summary>
    /// The probability with which an image is learned without its label, for guidance; 0 for never. Ho, Salimans 2022, arXiv
    /// 2207.12598, algorithm 1.
    /// </summary>
    public double LabelDropout { get; init; }

    /// <summary>
    /// The probability of each of six changes of a training image: mirrored, upside down, larger or smaller, turned, stretched,
    /// moved. The network is told which, and draws images without; so it needs <c>model.knows_changes</c>. For small sets; 0 for
    /// never. Karras et al. 2022, arXiv 2206.00364, appendix F.2.
    /// </summary>
    public double Augment { get; init; }

    /// <summary>
    /// Replicas of the network that share each batch, one a thread, over all processes together; 0 for one a core. Runs agree to
    /// the bit at the same number, however many processes share them.
    /// </summary>
    public int Replicas { get; init; }

    /// <summary>In what numbers several processes send each other the sums of their gradients: <c>float32</c>, or
    /// <c>bfloat16</c>, which is half of the bytes, and rounds once a process. One process sends nothing.</summary>
    public string Exchange { get; init; } = ComputePrecision.Float32;

    /// <summary>Steps after which several processes compare their weights, which must be the same to the bit; 0 for
    /// never.</summary>
    public int CompareEvery { get; init; } = 100;

    /// <summary>
    /// With what numbers the network is computed: <c>auto</c>, <c>float32</c> or <c>bfloat16</c>, see <see
    /// cref="ComputePrecision"/>. The weights and the optimiser are float32 always.
    /// </summary>
    public string Precision { get; init; } = ComputePrecision.Automatic;

    /// <summary>Parts of the network that are not trained: patterns of the names of parameters or modules, with commas between
    /// them, in which * stands for anything; empty for none.</summary>
    public string Freeze { get; init; } = "";

    /// <summary>Of a training that begins with a model: whether the model's classes are forgotten, and those of the data begin
    /// with fresh rows of the embedding. Else the model's rows are kept, and more classes get more rows.</summary>
    public bool NewClasses { get; init; }

    /// <summary>Small changes of the weights instead of these themselves: the table <c>[training.low_rank]</c>.</summary>
    public LowRankConfig LowRank { get; init; } = new();

    /// <summary>Steps between two lines of the log.</summary>
    public int LogEvery { get; init; } = 50;

    /// <summary>Steps between two checkpoints; there is one at the end of each epoch too.</summary>
    public int CheckpointEvery { get; init; } = 250;

    /// <summary>The step size over the training: the table <c>[training.schedule]</c>.</summary>
    public LearningRateSchedule Schedule { get; init; } = new ConstantRate();

    /// <summary>Running averages of the weights: the table <c>[training.average]</c>.</summary>
    public WeightAverage Average { get; init; } = new NoAverage();

    /// <summary>Which model the run keeps: <c>last</c>, that of the last epoch, or <c>best</c>, that of the epoch with the lowest
    /// loss on the test images. Checkpoints always have the last.</summary>
    public string Keep { get; init; } = LastModel;

    /// <summary>Epochs without a lower loss on the test images after which the training ends; 0 for never.</summary>
    public int EarlyStop { get; init; }

    /// <summary>Images of each label in the grid that is drawn after an epoch; 0 for no grid.</summary>
    public int SamplesPerLabel { get; init; } = 2;

    /// <summary>Steps of the sampler for that grid.</summary>
    public int SampleSteps { get; init; } = 200;

    /// <summary>The replicas of each of several processes.</summary>
    /// <param name="exchange">The processes.</param>
    /// <exception cref="MezzotintException">They cannot be shared out.</exception>
    public int ReplicasOf(Exchange exchange)
    {
        ArgumentNullException.ThrowIfNull(exchange);
        Check.Range(
            "training.replicas", Replicas, Replicas % exchange.Size == 0,
            $"a multiple of the {exchange.Size} processes that mpirun has started");
        return Replicas / exchange.Size;
    }

    internal void Validate()
    {
        Check.Range("training.epochs", Epochs, Epochs >= 1, "1 or more");
        Check.Range("training.repeats", Repeats, Repeats is >= 1 and <= 1_000_000, "between 1 and 1000000");
        Check.Range("training.accumulate", Accumulate, Accumulate is >= 1 and <= 65_536, "between 1 and 65536");
        Check.Range("training.batch_size", BatchSize, BatchSize is >= 1 and <= 65_536, "between 1 and 65536");
        Check.Range("training.seed", Seed, Seed is >= 0 and <= uint.MaxValue, "between 0 and 4294967295");
        Check.Range("training.learning_rate", LearningRate, double.IsFinite(LearningRate) && LearningRate > 0, "more than 0");
        Check.Range("training.beta1", Beta1, Beta1 is >= 0 and < 1, "at least 0 and below 1");
        Check.Range("training.beta2", Beta2, Beta2 is >= 0 and < 1, "at least 0 and below 1");
        Check.Range("training.weight_decay", WeightDecay, WeightDecay is >= 0 and <= 100, "between 0 (Adam) and 100");
        Check.Range(
            "training.gradient_clip", GradientClip, double.IsFinite(GradientClip) && GradientClip >= 0, "0 (never) or more");
        Check.Range("training.label_dropout", LabelDropout, LabelDropout is >= 0 and < 1, "at least 0 and below 1");
        Check.Range("training.augment", Augment, Augment is >= 0 and < 1, "at least 0 and below 1");
        Schedule.Validate();
        Average.Validate();
        LowRank.Validate();
        Check.Range("training.low_rank.rank", LowRank.Rank, LowRank.Rank == 0 || Average is NoAverage,
            "0 with training.average: low-rank changes have no average");
        Check.Range("training.replicas", Replicas, Replicas is >= 0 and <= 256, "between 0 (one a core) and 256");
        Check.Range(
            "training.precision", Printable.Quote(Precision), ComputePrecision.Names.Contains(Precision),
            string.Join(" or ", ComputePrecision.Names));
        Check.Range(
            "training.exchange", Printable.Quote(Exchange), Exchange is ComputePrecision.Float32 or ComputePrecision.Bfloat16,
            $"{ComputePrecision.Float32} or {ComputePrecision.Bfloat16}");
        Check.Range("training.compare_every", CompareEvery, CompareEvery >= 0, "0 (never) or more steps");
        Check.Range("training.log_every", LogEvery, LogEvery >= 1, "1 or more");
        Check.Range("training.checkpoint_every", CheckpointEvery, CheckpointEvery >= 1, "1 or more");
        Check.Range(
            "training.keep", Printable.Quote(Keep), Keep is LastModel or BestModel, $"{LastModel} or {BestModel}");
        Check.Range("training.early_stop", EarlyStop, EarlyStop >= 0, "0 (never) or more epochs");
        Check.Range("training.samples_per_label", SamplesPerLabel, SamplesPerLabel is >= 0 and <= 100, "between 0 and 100");
        Check.Range("training.sample_steps", SampleSteps, SampleSteps >= 1, "1 or more");
    }
}
