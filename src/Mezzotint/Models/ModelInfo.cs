using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Sampling;
using Mezzotint.Training;
using TorchSharp;

namespace Mezzotint.Models;

/// <summary>What is known about a model beside its weights: what it draws, how it was made.</summary>
public sealed record ModelInfo
{
    /// <summary>The largest side of an image, in pixels.</summary>
    public const int MaxSide = ImageSet.MaxSide;

    /// <summary>The title of the model: a line of up to 300 characters.</summary>
    public required string Name { get; init; }

    /// <summary>The shape of the network.</summary>
    public required NetworkConfig Model { get; init; }

    /// <summary>The noise process that the network was trained to reverse.</summary>
    public NoiseProcess Process { get; init; } = new VarianceExploding();

    /// <summary>What the network's output means.</summary>
    public Parameterisation Parameterisation { get; init; } = new ScoreParameterisation();

    /// <summary>How much each level counted in training: needed for the loss alone.</summary>
    public LossWeighting Loss { get; init; } = new SeedWeighting();

    /// <summary>Which times training drew: needed for the loss alone.</summary>
    public TimeDistribution Times { get; init; } = new UniformTimes();

    /// <summary>How pixels became the numbers that the network knows.</summary>
    public PixelScaling Pixels { get; init; } = new();

    /// <summary>How it is best sampled.</summary>
    public SamplingRecipe Sampling { get; init; } = new();

    /// <summary>Process, parameterisation, loss and times in one.</summary>
    public TrainingObjective Objective => new() { Process = Process, Parameterisation = Parameterisation, Loss = Loss, Times = Times, FilledStep = Pixels.Dequantise ? Pixels.Step : 0 };

    /// <summary>The height of the images in pixels: a multiple of <see cref="NetworkConfig.Stride"/>, up to <see cref="MaxSide"/>.</summary>
    public required int Height { get; init; }

    /// <summary>The width of the images in pixels, of the same range.</summary>
    public required int Width { get; init; }

    /// <summary>What the labels stand for, from label 0 on: <see cref="NetworkConfig.CorpusLength"/> names of up to 255 characters, as folders have.</summary>
    public required IReadOnlyList<string> ClassNames { get; init; }

    /// <summary>The data set that was learned from, as <c>data.name</c> of the configuration has it; null where it is not known.</summary>
    public string? Dataset { get; init; }

    /// <summary>The colour behind what was transparent in the training images, as <c>data.background</c> of the configuration has
    /// it; null where it is not known, and then black.</summary>
    public string? Background { get; init; }

    /// <summary>The side in pixels that its pictures were brought to, as <c>data.size</c> of the configuration has it; null where
    /// they were taken as they are.</summary>
    public int? Size { get; init; }

    /// <summary>Steps of the optimiser; 0 where they are not known.</summary>
    public long Steps { get; init; }

    /// <summary>Passes over the training images; null where they are not known.</summary>
    public double? Epochs { get; init; }

    /// <summary>The mean loss over the last epoch of the training; null where it is not known.</summary>
    public double? TrainLoss { get; init; }

    /// <summary>The mean loss over the test images; null where it is not known.</summary>
    public double? EvalLoss { get; init; }

    /// <summary>The time of the training in seconds, evaluations left out; 0 where it is not known.</summary>
    public double TrainingSeconds { get; init; }

    /// <summary>The seed of the training, 0 to 2^32 - 1; null where it is not known.</summary>
    public long? Seed { get; init; }

    /// <summary>Who or what made the model, from what, and under which licence, in one line; null where it is not known.</summary>
    public string? Provenance { get; init; }

    /// <summary>Checks the ranges of all numbers, and that they fit each other.</summary>
    /// <exception cref="MezzotintException">One is out of its range or does not fit; the message names its key in <c>config.json</c>.</exception>
    public void Validate()
    {
        Check.Range("name", Printable.Quote(Name), IsLine(Name, 300), "a line of 1 to 300 characters");
        try
        {
            Model.Validate();
        }
        catch (MezzotintException fault) when (fault.Message.StartsWith("model.", StringComparison.Ordinal))
        {
            throw new MezzotintException("network." + fault.Message["model.".Length..], fault);
        }
        Objective.Validate();
        Pixels.Validate();
        Sampling.Validate(Process, Model);
        Check.Range("image.height", Height, IsSide(Height), $"a multiple of {Model.Stride} up to {MaxSide} (the stride of the network)");
        Check.Range("image.width", Width, IsSide(Width), $"a multiple of {Model.Stride} up to {MaxSide} (the stride of the network)");
        Check.Range("class_names", $"{ClassNames.Count} names", ClassNames.Count == Model.CorpusLength, $"as many as network.corpus_length ({Model.CorpusLength})");
        foreach (string name in ClassNames)
            Check.Range("class_names", Printable.Quote(name), IsLine(name, 255), "for each class a line of 1 to 255 characters");
        Check.Range("training.dataset", Printable.Quote(Dataset ?? ""), Dataset is null || IsLine(Dataset, 4096), "a line of 1 to 4096 characters");
        Check.Range("training.background", Printable.Quote(Background ?? ""),
            Background is null || Formats.Background.TryParse(Background, out _), Formats.Background.Values);
        bool fits = Size is null || (Size == Height && Size == Width);
        Check.Range("training.size", Size ?? 0, fits, "image.height and image.width");
        Check.Range("training.steps", Steps, Steps >= 0, "0 or more");
        Check.Range("training.epochs", Epochs ?? 0, (Epochs ?? 0) is >= 0 and < double.PositiveInfinity, "0 or more");
        Check.Range("training.train_loss", TrainLoss ?? 0, double.IsFinite(TrainLoss ?? 0), "finite");
        Check.Range("training.eval_loss", EvalLoss ?? 0, double.IsFinite(EvalLoss ?? 0), "finite");
        Check.Range("training.seconds", TrainingSeconds, TrainingSeconds is >= 0 and < double.PositiveInfinity, "0 or more");
        Check.Range("training.seed", Seed ?? 0, (Seed ?? 0) is >= 0 and <= uint.MaxValue, "between 0 and 4294967295");
        Check.Range("provenance", Printable.Quote(Provenance ?? ""), Provenance is null || IsLine(Provenance, 5000), "a line of 1 to 5000 characters");
    }

    // These texts are printed on terminals, which control characters would command.
    private static bool IsLine(string text, int limit) => !string.IsNullOrWhiteSpace(text) && text.Length <= limit && !text.Any(char.IsControl);

    private bool IsSide(int length) => length is >= 1 and <= MaxSide && length % Model.Stride == 0;
}

/// <summary>A model that can draw: the network with its weights, and what is known about it.</summary>
/// <param name="Network">The network, in float32; as it is read, on the CPU.</param>
/// <param name="Info">The description.</param>
public sealed record LoadedModel(DenoisingNetwork Network, ModelInfo Info) : IDisposable
{
    private string _precision = Engine.ComputePrecision.Automatic;

    /// <summary>Where the network is: everything that is made of the model computes there.</summary>
    public torch.Device Device => Network.parameters().First().device;

    /// <summary>How many threads share its work there: one a core, 1 on a GPU.</summary>
    public int Threads => Runtime.ComputeDevice.Threads(Device);

    /// <summary>Moves the network to a device, for everything that is made of the model from then on.</summary>
    /// <returns>The model itself.</returns>
    public LoadedModel To(torch.Device device)
    {
        Network.to(device);
        return this;
    }

    /// <summary>With what numbers images are drawn: <see cref="Engine.ComputePrecision.Float32"/> or <see cref="Engine.ComputePrecision.Bfloat16"/>. What takes gradients of the network or inverts it is float32 always.</summary>
    public string Precision => Engine.ComputePrecision.Resolve(_precision, Device, Info.Model);

    /// <summary>Chooses the precision, for everything that is made of the model from then on.</summary>
    /// <param name="precision">As <see cref="Engine.ComputePrecision"/> has it; without a choice it is <see cref="Engine.ComputePrecision.Automatic"/>.</param>
    /// <returns>The model itself.</returns>
    /// <exception cref="MezzotintException">It is not known, or not to be had on the model's device.</exception>
    public LoadedModel With(string precision)
    {
        Engine.ComputePrecision.Resolve(precision, Device, Info.Model);
        _precision = precision;
        return this;
    }

    /// <summary>A sampler that draws with this model, on its device and in its precision; the model stays the caller's.</summary>
    public Sampler CreateSampler() => new(Network, Info.Process, Info.Height, Info.Width, Device)
    {
        Parameterisation = Info.Parameterisation,
        Pixels = Info.Pixels,
        Precision = Precision,
    };

    /// <summary>The denoiser of this model, in float32, whose condition is still to be bound; the model stays the caller's.</summary>
    public NetworkDenoiser CreateDenoiser() => new(Network, Info.Process, Info.Parameterisation);

    /// <summary>Frees the weights.</summary>
    public void Dispose() => Network.Dispose();
}
