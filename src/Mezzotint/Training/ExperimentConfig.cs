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
    public DenoisingTask Task => TaskOf(teacher: null);

    /// <summary>The same.</summary>
    /// <param name="teacher">The network that teaches; null where it comes from elsewhere, or there is none.</param>
    internal DenoisingTask TaskOf(DenoisingNetwork? teacher) => Distillation switch
    {
        ConsistencyTuning tuning => new ConsistencyTask(Model, Objective, tuning)
            { Codec = Pixels, LabelDropout = Training.LabelDropout, Prompts = Prompts as TextPrompts, Teacher = teacher },
        _ => new DenoisingTask(Model, Objective)
        {
            Codec = Pixels, LabelDropout = Training.LabelDropout, Prompts = Prompts as TextPrompts, Augment = Training.Augment,
        },
    };

    /// <inheritdoc/>
    public override ExperimentConfig Fit(ImageSet train, NetworkConfig? begun = null)
    {
        ArgumentNullException.ThrowIfNull(train);
        var fitted = DataFit.Filled(Model, train, Pixels, begun, Training.NewClasses);
        if (Prompts is not TextPrompts { Coder: null }) // else it is checked when it is opened
            DataFit.CheckCaptions(fitted, train, Prompts as TextPrompts);
        return this with { Model = fitted };
    }

    /// <summary>Whether a training can begin with the weights of a network: it is of this shape, but for its classes.</summary>
    /// <param name="start">The shape of that network.</param>
    public bool Fits(NetworkConfig start) => StartingWeights.Fit(Model, start);

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

    internal override (IReadOnlyList<NetworkMemory> Networks, string WidthKey) Work(int height, int width) =>
        (Enumerable.Repeat(new NetworkMemory(Model, height, width, Training.Precision), Distillation.Networks).ToList(),
            "model.model_channels");

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
        Distillation.Check(this);
        if (Training.SamplesPerLabel > 0)
            (Sampling with { Steps = Training.SampleSteps }).Validate(Process, Model);
        Check.Range("prompts.trained", "true", Prompts is not TextPrompts { Trained: true } || Training.LowRank.Rank == 0,
            "false where [training.low_rank] trains changes of the network alone");
        if (Model is ResidualUNetConfig { Anchors.Count: > 0 } anchored)
            Check.Range(
                "model.anchor_data_std", anchored.AnchorDataStd, Parameterisation is EdmPreconditioning edm
                    && edm.DataStd == anchored.AnchorDataStd,
                    "that of parameterisation.kind = \"edm\": anchors need its scaling of the image and its time");
        Check.Range("training.augment", Training.Augment,
            Training.Augment == 0 || Model is ResidualUNetConfig { KnowsChanges: true },
            "0 unless model.kind is residual-unet and model.knows_changes is true: the network must be told of the changes");
        Check.Range("training.augment", Training.Augment,
            Training.Augment == 0 || Distillation is NoDistillation && !Pixels.IsDrawn,
            "0 for a distillation, and for the latents of an autoencoder: they are no pixels to move");
        Check.Range(
            "training.label_dropout", Training.LabelDropout, Training.LabelDropout == 0 || Model.CanBeGuided,
            "0 unless model.unconditional is true: what is drawn without a label needs a row of its own");
    }
}
