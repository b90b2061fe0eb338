using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using Mezzotint.Text;
using TorchSharp;

namespace Mezzotint.Training;

/// <summary>Everything that decides a training: one TOML file in <c>configs/</c>, and the defaults are the seed's.</summary>
public sealed record ExperimentConfig : Experiment
{
    /// <summary>The table <c>[data]</c>.</summary>
    public override DataConfig Data { get; init; } = new();

    /// <summary>The table <c>[pixels]</c>.</summary>
    public ImageCodec Pixels { get; init; } = new PixelScaling();

    /// <summary>The table <c>[process]</c>.</summary>
    public NoiseProcess Process { get; init; } = new VarianceExploding();

    /// <summary>The table <c>[parameterisation]</c>.</summary>
    public Parameterisation Parameterisation { get; init; } = new ScoreParameterisation();

    /// <summary>The table <c>[loss]</c>.</summary>
    public LossWeighting Loss { get; init; } = new SeedWeighting();

    /// <summary>The table <c>[times]</c>.</summary>
    public TimeDistribution Times { get; init; } = new UniformTimes();

    /// <summary>The table <c>[distillation]</c>.</summary>
    public Distillation Distillation { get; init; } = new NoDistillation();

    /// <summary>The table <c>[prompts]</c>: how the trained model reads prompts; null for class names.</summary>
    public PromptReader? Prompts { get; init; }

    /// <summary>The table <c>[training]</c>.</summary>
    public override TrainingConfig Training { get; init; } = new();

    /// <summary>The table <c>[sampling]</c>: how the model is sampled, in training and by default afterwards.</summary>
    public SamplingRecipe Sampling { get; init; } = new();

    /// <summary>The table <c>[model]</c>.</summary>
    public NetworkConfig Model { get; init; } = new UNetConfig();

    /// <summary>Process, parameterisation, loss and times in one.</summary>
    public TrainingObjective Objective => new()
    {
        Process = Process,
        Parameterisation = Parameterisation,
        Loss = Loss,
        Times = Times,
        FilledStep = Pixels.FilledStep,
        DrawsNumbers = Pixels.IsDrawn,
    };

    /// <summary>What the network is trained for; the numbers of classes and channels are those of <see cref="Model"/>.</summary>
    public DenoisingTask Task => Distillation is ConsistencyTuning tuning
        ? new ConsistencyTask(Model, Objective, tuning)
            { Codec = Pixels, LabelDropout = Training.LabelDropout, Prompts = Prompts as TextPrompts }
        : new DenoisingTask(Model, Objective)
            { Codec = Pixels, LabelDropout = Training.LabelDropout, Prompts = Prompts as TextPrompts };

    /// <inheritdoc/>
    public override ExperimentConfig Fit(ImageSet train, NetworkConfig? begun = null)
    {
        ArgumentNullException.ThrowIfNull(train);
        var fitted = DataFit.Filled(Model, train, Pixels, begun);
        if (Prompts is not TextPrompts { Coder: null }) // else it is checked when it is opened
            DataFit.CheckCaptions(fitted, train, Prompts as TextPrompts);
        return this with { Model = fitted };
    }

    /// <inheritdoc/>
    public override bool DependsOnLength => base.DependsOnLength || Distillation.DependsOnLength;

    /// <inheritdoc/>
    public override ExperimentConfig WithTraining(TrainingConfig training) => this with { Training = training };

    /// <inheritdoc/>
    public override string PrecisionOn(torch.Device device) => ComputePrecision.Resolve(Training.Precision, device, Model);

    /// <inheritdoc/>
    public override string ComputedBy(torch.Device device, ImageSet train)
    {
        var (_, rows, columns) = Pixels.NumbersOf(train.Channels, train.Height, train.Width);
        return ComputePrecision.InWords(Training.Precision, device, Model, rows, columns);
    }

    /// <inheritdoc/>
    public override MemoryNeed Memory(int height = 0, int width = 0) => TrainingMemory.Of(this, height, width);

    /// <inheritdoc/>
    public override void Validate()
    {
        Data.Validate();
        Pixels.Validate();
        Prompts?.Validate();
        Objective.Validate();
        Distillation.Validate();
        Training.Validate();
        Model.Validate();
        Sampling.Validate(Process, Model);
        if (Training.SamplesPerLabel > 0)
            (Sampling with { Steps = Training.SampleSteps }).Validate(Process, Model);
        if (Model is ResidualUNetConfig { Anchors.Count: > 0 } anchored)
            Check.Range(
                "model.anchor_data_std", anchored.AnchorDataStd, Parameterisation is EdmPreconditioning edm
                    && edm.DataStd == anchored.AnchorDataStd,
                    "that of parameterisation.kind = \"edm\": anchors need its scaling of the image and its time");
        Check.Range(
            "training.label_dropout", Training.LabelDropout, Training.LabelDropout == 0 || Model.CanBeGuided,
            "0 unless model.unconditional is true: what is drawn without a label needs a row of its own");
    }
}

/// <summary>How it is learned.</summary>
public sealed record TrainingConfig
{
    /// <summary>Passes over the training images.</summary>
    public int Epochs { get; init; } = 30;

    /// <summary>Images a step; the last batch of an epoch may be smaller.</summary>
    public int BatchSize { get; init; } = 64;

    /// <summary>Of the weights, the order of the images, the times and the noise: 0 to 2^32 - 1.</summary>
    public long Seed { get; init; } = 42;

    /// <summary>Adam's step size.</summary>
    public double LearningRate { get; init; } = 2e-4;

    /// <summary>Adam's decay of the mean gradient.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Adam's decay of the mean squared gradient.</summary>
    public double Beta2 { get; init; } = 0.999;

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
    /// Replicas of the network that share each batch, one a thread; 0 for one a core. Runs agree to the bit at the same number.
    /// </summary>
    public int Replicas { get; init; }

    /// <summary>
    /// With what numbers the network is computed: <c>auto</c>, <c>float32</c> or <c>bfloat16</c>, see <see
    /// cref="ComputePrecision"/>. The weights and the optimiser are float32 always.
    /// </summary>
    public string Precision { get; init; } = ComputePrecision.Automatic;

    /// <summary>Steps between two lines of the log.</summary>
    public int LogEvery { get; init; } = 50;

    /// <summary>Steps between two checkpoints; there is one at the end of each epoch too.</summary>
    public int CheckpointEvery { get; init; } = 250;

    /// <summary>The step size over the training: the table <c>[training.schedule]</c>.</summary>
    public LearningRateSchedule Schedule { get; init; } = new ConstantRate();

    /// <summary>Running averages of the weights: the table <c>[training.average]</c>.</summary>
    public WeightAverage Average { get; init; } = new NoAverage();

    /// <summary>Images of each label in the grid that is drawn after an epoch; 0 for no grid.</summary>
    public int SamplesPerLabel { get; init; } = 2;

    /// <summary>Steps of the sampler for that grid.</summary>
    public int SampleSteps { get; init; } = 200;

    internal void Validate()
    {
        Check.Range("training.epochs", Epochs, Epochs >= 1, "1 or more");
        Check.Range("training.batch_size", BatchSize, BatchSize is >= 1 and <= 65_536, "between 1 and 65536");
        Check.Range("training.seed", Seed, Seed is >= 0 and <= uint.MaxValue, "between 0 and 4294967295");
        Check.Range("training.learning_rate", LearningRate, double.IsFinite(LearningRate) && LearningRate > 0, "more than 0");
        Check.Range("training.beta1", Beta1, Beta1 is >= 0 and < 1, "at least 0 and below 1");
        Check.Range("training.beta2", Beta2, Beta2 is >= 0 and < 1, "at least 0 and below 1");
        Check.Range(
            "training.gradient_clip", GradientClip, double.IsFinite(GradientClip) && GradientClip >= 0, "0 (never) or more");
        Check.Range("training.label_dropout", LabelDropout, LabelDropout is >= 0 and < 1, "at least 0 and below 1");
        Schedule.Validate();
        Average.Validate();
        Check.Range("training.replicas", Replicas, Replicas is >= 0 and <= 256, "between 0 (one a core) and 256");
        Check.Range(
            "training.precision", Printable.Quote(Precision), ComputePrecision.Names.Contains(Precision),
            string.Join(" or ", ComputePrecision.Names));
        Check.Range("training.log_every", LogEvery, LogEvery >= 1, "1 or more");
        Check.Range("training.checkpoint_every", CheckpointEvery, CheckpointEvery >= 1, "1 or more");
        Check.Range("training.samples_per_label", SamplesPerLabel, SamplesPerLabel is >= 0 and <= 100, "between 0 and 100");
        Check.Range("training.sample_steps", SampleSteps, SampleSteps >= 1, "1 or more");
    }
}
