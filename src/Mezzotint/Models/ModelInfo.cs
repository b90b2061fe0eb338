using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Sampling;
using Mezzotint.Text;
using Mezzotint.Training;

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
    public ImageCodec Pixels { get; init; } = new PixelScaling();

    /// <summary>How prompts are read; null for class names (<see cref="ClassNamePrompts"/>).</summary>
    public PromptReader? Prompts { get; init; }

    /// <summary>Prompts to try it with; null where none are known.</summary>
    public PromptExamples? Examples { get; init; }

    /// <summary>Whether it is asked in words, and has no classes.</summary>
    public bool IsAskedInWords => !Model.HasClasses;

    /// <summary>What reads its prompts.</summary>
    internal PromptReader Reader => Prompts ?? new ClassNamePrompts();

    /// <summary>How it is best sampled.</summary>
    public SamplingRecipe Sampling { get; init; } = new();

    /// <summary>The classifier that <see cref="Sampling"/> names, once it is opened; else null.</summary>
    internal LoadedClassifier? Classifier { get; init; }

    /// <summary>Process, parameterisation, loss and times in one.</summary>
    public TrainingObjective Objective =>
        new()
        {
            Process = Process, Parameterisation = Parameterisation, Loss = Loss, Times = Times, FilledStep = Pixels.FilledStep,
            DrawsNumbers = Pixels.IsDrawn,
        };

    /// <summary>Channels of the images where the network sees other channels than theirs, as in latents; null where it sees
    /// those of the images.</summary>
    public int? ImageChannels { get; init; }

    /// <summary>Channels of the images: 1 for grey, 3 for colour.</summary>
    public int Channels => ImageChannels ?? Model.OutChannels;

    /// <summary>The numbers of an image that the network sees: channels, rows and columns.</summary>
    public (int Channels, int Height, int Width) Numbers => Pixels.NumbersOf(Channels, Height, Width);

    /// <summary>The height of the images in pixels, up to <see cref="MaxSide"/>: the rows of their numbers are a multiple of
    /// <see cref="NetworkConfig.Stride"/>.</summary>
    public required int Height { get; init; }

    /// <summary>The width of the images in pixels, of the same range.</summary>
    public required int Width { get; init; }

    /// <summary>What the labels stand for, from label 0 on: <see cref="NetworkConfig.CorpusLength"/> names of up to 255
    /// characters, as folders have; none where <see cref="NetworkConfig.HasClasses"/> is false.</summary>
    public required IReadOnlyList<string> ClassNames { get; init; }

    /// <summary>The data set that was learned from, as <c>data.name</c> of the configuration has it; null where it is not
    /// known.</summary>
    public string? Dataset { get; init; }

    /// <summary>The colour behind what was transparent in the training images, as <c>data.background</c> of the configuration has
    /// it; null where it is not known, and then black.</summary>
    public string? Background { get; init; }

    /// <summary>The side in pixels that its pictures were brought to, as <c>data.size</c> of the configuration has it; null where
    /// they were taken as they are.</summary>
    public int? Size { get; init; }

    /// <summary>The table <c>[data]</c> of the configuration that it was trained with; null where it is not known.</summary>
    public DataConfig? Data { get; init; }

    /// <summary>The size that its pictures were brought to, and how; null where they were taken as they are.</summary>
    public PictureFrame? Frame => Data?.Reading(ImageSplit.All).Frame ?? PictureFrame.Square(Size);

    /// <summary>How data are read that are measured beside the model: its own set as in its training, other pictures cut to its
    /// square and onto its background.</summary>
    /// <param name="data">The name or path of the data.</param>
    /// <param name="part">Which of their images.</param>
    /// <exception cref="MezzotintException">The data are an archive that is damaged.</exception>
    public ReadingOptions Reading(string data, ImageSplit part)
    {
        bool own = Data is not null && data == Dataset, pictures = DataSource.IsPictures(data);
        var options = (own ? Data! : new DataConfig()).Reading(part);
        // Whether MNIST's own size fits the model is for a later check to say.
        if (!own && (pictures || data == DataSource.StrokesName))
            options = options with { Frame = PictureFrame.Square(Size) };
        if (pictures && Background is { } colour)
            options = options with { Background = Formats.Background.Parse(colour) };
        return options with { Channels = Channels };
    }

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

    /// <summary>Who or what made the model, from what, and under which licence, in one line; null where it is not
    /// known.</summary>
    public string? Provenance { get; init; }

    /// <summary>Whether it draws other sizes than its own: see <see cref="At"/>.</summary>
    public bool DrawsOtherSizes => Model is ConditionalUNetConfig;

    /// <summary>The same model for images of another size, which U-Nets with a context draw: further from the size that they were
    /// trained on they draw worse.</summary>
    /// <param name="width">In pixels: a multiple of the factor of its latents (8 for Stable Diffusion), up to
    /// <see cref="MaxSide"/>.</param>
    /// <param name="height">Likewise.</param>
    /// <exception cref="MezzotintException">The model draws its own size alone, or no such size.</exception>
    public ModelInfo At(int width, int height)
    {
        if ((width, height) == (Width, Height))
            return this;
        if (!DrawsOtherSizes)
            throw new MezzotintException($"The model '{Name}' draws {Width} x {Height} pixels, and no other size.")
                { Key = "size" };
        int factor = Pixels is LatentCodec latent ? latent.Factor : 1;
        Check.Range("size", $"{width}x{height}", Fits(width) && Fits(height),
            $"two multiples of {factor} up to {MaxSide}, such as {Width}x{Height}");
        return this with { Width = width, Height = height, Size = null };
        bool Fits(int side) => IsSide(side) && side % factor == 0;
    }

    /// <summary>Checks the ranges of all numbers, and that they fit each other.</summary>
    /// <exception cref="MezzotintException">One is out of its range or does not fit; the message names its key in
    /// <c>config.json</c>.</exception>
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
        Prompts?.Validate();
        Examples?.Validate();
        Sampling.Validate(Process, Model);
        Check.Range("sampling.classifier", "a classifier", Sampling.Classifier is null || Pixels.PixelsPerNumber is not null,
            "left out where latents are drawn: it sees pixels");
        Check.Range("sampling.classifier", "a classifier", Sampling.Classifier is null || Model.HasClasses,
            "left out for a model without classes");
        Check.Range("image.channels", Channels, ImageChannels is null or 1 or 3, "1 or 3");
        var numbers = Numbers;
        Check.Range("image.height", Height, IsSide(Height) && numbers.Height % Model.Stride == 0, Sides);
        Check.Range("image.width", Width, IsSide(Width) && numbers.Width % Model.Stride == 0, Sides);
        Check.Range("network.out_channels", Model.OutChannels, numbers.Channels == Model.OutChannels,
            $"{numbers.Channels}, the channels of the numbers that the pixels become");
        Check.Range(
            "class_names", $"{ClassNames.Count} names", ClassNames.Count == Model.CorpusLength,
            Model.HasClasses ? $"as many as network.corpus_length ({Model.CorpusLength})" : "none: the network has no classes");
        foreach (string name in ClassNames)
            Check.Range("class_names", Printable.Quote(name), IsLine(name, 255), "for each class a line of 1 to 255 characters");
        Check.Range(
            "training.dataset", Printable.Quote(Dataset ?? ""), Dataset is null || IsLine(Dataset, 4096),
            "a line of 1 to 4096 characters");
        Check.Range("training.background", Printable.Quote(Background ?? ""),
            Background is null || Formats.Background.TryParse(Background, out _), Formats.Background.Values);
        bool fits = Size is null || (Size == Height && Size == Width);
        Check.Range("training.size", Size ?? 0, fits, "image.height and image.width");
        Data?.Validate();
        Check.Range("training.steps", Steps, Steps >= 0, "0 or more");
        Check.Range("training.epochs", Epochs ?? 0, (Epochs ?? 0) is >= 0 and < double.PositiveInfinity, "0 or more");
        Check.Range("training.train_loss", TrainLoss ?? 0, double.IsFinite(TrainLoss ?? 0), "finite");
        Check.Range("training.eval_loss", EvalLoss ?? 0, double.IsFinite(EvalLoss ?? 0), "finite");
        Check.Range("training.seconds", TrainingSeconds, TrainingSeconds is >= 0 and < double.PositiveInfinity, "0 or more");
        Check.Range("training.seed", Seed ?? 0, (Seed ?? 0) is >= 0 and <= uint.MaxValue, "between 0 and 4294967295");
        Check.Range(
            "provenance", Printable.Quote(Provenance ?? ""), Provenance is null || IsLine(Provenance, 5000),
            "a line of 1 to 5000 characters");
    }

    // These texts are printed on terminals, which control characters would command.
    internal static bool IsLine(string text, int limit) =>
        !string.IsNullOrWhiteSpace(text) && text.Length <= limit && !text.Any(char.IsControl);

    private static bool IsSide(int length) => length is >= 1 and <= MaxSide;

    private string Sides => $"a multiple of {Model.Stride} up to {MaxSide} (the stride of the network)";
}
