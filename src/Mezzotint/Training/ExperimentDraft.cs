using System.Globalization;
using Mezzotint.Data;
using Mezzotint.Noise;
using Mezzotint.Sampling;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// A configuration made for a data set and a machine: <c>mezzotint new</c>. It has EDM's design (Karras et al. 2022, arXiv
/// 2206.00364) with the residual U-Net, the numbers of the data, and as many epochs as fit into a time.
/// </summary>
/// <remarks>
/// It is made in two steps. <see cref="Of(DataCheck, DataConfig)"/> says how the set is to be read, and <see cref="For"/> chooses
/// network, batch and epochs for the images that were read so, and measures them.
/// </remarks>
public sealed record ExperimentDraft
{
    private const int LargestBatch = 64, StepsOfSmallSet = 4, SmallestBatch = 4;

    /// <summary>An epoch, after which the loss is tested and pictures are drawn, has about so many images of a small set; fewer
    /// where the time is short.</summary>
    private const int ImagesOfShortEpoch = 4096, FewestEpochs = 12;

    /// <summary>A network that would see fewer images in its time is too slow, and the next smaller one is taken.</summary>
    private const int FewestImages = 100_000;

    private const int MostEpochs = 10_000, DrawnImages = 32, MostOfLabel = 8, StalledEpochs = 12;

    /// <summary>The sides that pictures of different sizes are brought to.</summary>
    private static readonly int[] Sides = [64, 48, 32, 24, 16];

    /// <summary>The experiment.</summary>
    public required ExperimentConfig Config { get; init; }

    /// <summary>What it takes on the machine that it was made for.</summary>
    public required TrainingSpeed Speed { get; init; }

    /// <summary>What the data are, in lines for people: the head of the file.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>How long the training takes on this machine, tests and pictures left out.</summary>
    public TimeSpan Time => TimeSpan.FromSeconds(
        (double)Config.Training.Epochs * ImagesOfEpoch / Math.Max(Speed.ImagesPerSecond, 1e-3));

    /// <summary>The images of an epoch, repeats counted.</summary>
    public required long ImagesOfEpoch { get; init; }

    /// <summary>How a set is to be read.</summary>
    /// <param name="check">What it is.</param>
    /// <param name="given">What was asked for; what it leaves open is chosen.</param>
    /// <exception cref="MezzotintException">There are too few images.</exception>
    public static DataConfig Of(DataCheck check, DataConfig given)
    {
        ArgumentNullException.ThrowIfNull(check);
        ArgumentNullException.ThrowIfNull(given);
        return given with
        {
            Size = given.Size ?? (given.Width is null ? SideOf(check) : null),
            Channels = given.Channels ?? check.Sheet.Channels,
            // What is transparent is meant for a page, as icons are.
            Background = check.Transparent > 0 && given.Background == "black" ? "white" : given.Background,
            Split = given.Split ?? check.ShareNeeded,
            SkipDamaged = given.SkipDamaged || check.Reading.Notes.Any(
                note => note.Reason is ReadingReason.Damaged or ReadingReason.Missing),
        };
    }

    /// <summary>Chooses network, batch and epochs, and measures them on this machine.</summary>
    /// <param name="check">What the set is.</param>
    /// <param name="data">How its images were read.</param>
    /// <param name="train">The training images.</param>
    /// <param name="test">The test images.</param>
    /// <param name="time">What the training may take.</param>
    /// <param name="settings">Replaces settings of the draft before it is measured; null for none.</param>
    /// <param name="device">Where it is trained; the CPU unless told otherwise.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="MezzotintException">The data do not fit what was replaced, or nothing fits into memory.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static ExperimentDraft For(
        DataCheck check, DataConfig data, ImageSet train, ImageSet test, TimeSpan time,
        Func<ExperimentConfig, ExperimentConfig>? settings = null, Device? device = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(check);
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(test);
        settings ??= config => config;
        var plan = Planned(data, train);
        var networks = DraftNetwork.For(train.Height, train.Width, train.ClassNames.Count > 1);
        for (int i = 0; ; i++)
        {
            var config = settings(plan with { Model = networks[i] });
            var measured = config.WithTraining(config.Training with
            {
                Replicas = config.Training.Replicas > 0 ? config.Training.Replicas : Environment.ProcessorCount,
            }).Fit(train);
            var speed = TrainingSpeed.Measure(measured, train, test, device, cancellation);
            double images = speed.ImagesPerSecond * time.TotalSeconds;
            bool chosen = config.Model.Equals(networks[i]);
            if (chosen && images < FewestImages && i + 1 < networks.Count)
                continue;
            config = WithLength(config, train.DistinctCount, images, settings);
            long epoch = (long)train.DistinctCount * config.Training.Repeats;
            var draft = new ExperimentDraft { Config = config, Speed = speed, ImagesOfEpoch = epoch };
            return draft with { Notes = draft.Head(check, train, test) };
        }
    }

    /// <summary>What it takes, in a line.</summary>
    public string Expectation => string.Create(CultureInfo.InvariantCulture,
        $"{Config.Model.ParametersInWords}, {Speed.ImagesPerSecond:F0} images/s and about {Speed.Memory / 1e9:F1} GB of memory: "
        + $"{Config.Training.Epochs:N0} epoch{(Config.Training.Epochs == 1 ? "" : "s")} of {ImagesOfEpoch:N0} images take about "
        + $"{TimeInWords} on this machine");

    private string TimeInWords => Time.TotalMinutes switch
    {
        < 2 => FormattableString.Invariant($"{Math.Max(1, Time.TotalSeconds):F0} seconds"),
        < 120 => FormattableString.Invariant($"{Time.TotalMinutes:F0} minutes"),
        _ => FormattableString.Invariant($"{Time.TotalHours:F1} hours"),
    };

    /// <summary>With as many epochs as make so many images, and epochs of a length that shows how it goes.</summary>
    private static ExperimentConfig WithLength(
        ExperimentConfig config, int count, double images, Func<ExperimentConfig, ExperimentConfig> settings)
    {
        double shortEpoch = Math.Min(ImagesOfShortEpoch, images / FewestEpochs);
        config = settings(config with
        {
            Training = config.Training with { Repeats = Math.Max(1, (int)Math.Round(shortEpoch / count)) },
        });
        double epochs = Math.Round(images / ((double)count * config.Training.Repeats));
        return settings(config with { Training = config.Training with { Epochs = (int)Math.Clamp(epochs, 1, MostEpochs) } });
    }

    /// <summary>The configuration as a file, with a comment at each setting.</summary>
    public string Write() => Write(Config, Notes);

    /// <summary>A configuration as a file.</summary>
    /// <param name="config">The experiment.</param>
    /// <param name="notes">Lines at its head, where it is written with a comment at each setting; null for no comments.</param>
    public static string Write(Experiment config, IReadOnlyList<string>? notes) =>
        notes is null ? Configuration.Write(config) : DraftText.Of(config, notes);

    private static ExperimentConfig Planned(DataConfig data, ImageSet train)
    {
        var (mean, deviation) = PixelStatistics.Of(train);
        bool chosen = train.ClassNames.Count > 1;
        int rows = DataFit.ClassesOf(train);
        return new ExperimentConfig
        {
            Data = data,
            // The network's data have a standard deviation of 0.5, as EDM's preconditioning has it.
            Pixels = new PixelScaling { Mean = Math.Round(mean, 4), Scale = Math.Round(2 * deviation, 4) },
            Process = new Edm(),
            Parameterisation = new EdmPreconditioning(),
            Loss = new EdmWeighting(),
            Times = new LogNormalLevels { Stratified = true },
            Sampling = new SamplingRecipe { Sampler = "dpmpp-2m", Levels = "karras", Steps = 20 },
            Training = new TrainingConfig
            {
                BatchSize = BatchFor(train.DistinctCount),
                LearningRate = 1e-3,
                Beta2 = 0.99,
                GradientClip = 1,
                LabelDropout = chosen ? 0.1 : 0,
                Keep = TrainingConfig.BestModel,
                EarlyStop = StalledEpochs,
                SamplesPerLabel = Math.Clamp(DrawnImages / rows, 1, MostOfLabel),
                SampleSteps = 20,
                Schedule = new InverseSquareRootRate { From = 3000, WarmUp = 200 },
                Average = new ExponentialAverage { Decay = 0.999 },
            },
        };
    }

    private List<string> Head(DataCheck check, ImageSet train, ImageSet test)
    {
        List<string> lines =
        [
            string.Create(CultureInfo.InvariantCulture,
                $"{Printable.Line(check.Source, 80)}: {train.DistinctCount:N0} images to train, {test.Count:N0} to test;"),
            string.Create(CultureInfo.InvariantCulture, $"{train.Width} x {train.Height} pixels, "
                + $"{(train.Channels == 3 ? "colour" : "grey")}, ")
                + (train.ClassNames.Count > 1 ? $"{train.ClassNames.Count} classes." : "without classes."),
            .. check.Reading.Notes.Select(note => Printable.Line($"{note}", 120)),
        ];
        if (check.Captioned.Images > 0)
            lines.Add("The captions are not learned with this configuration: docs/10-words.md says how to learn words.");
        return [.. lines, "", .. Expectation.Split(": "), "", "Every setting is here: change what you like."];
    }

    /// <summary>A power of two that leaves a small set some steps for each pass.</summary>
    private static int BatchFor(int images)
    {
        int batch = LargestBatch;
        while (batch > SmallestBatch && batch * StepsOfSmallSet > images)
            batch /= 2;
        return batch;
    }

    /// <summary>The side to bring pictures to; null where they can stay as they are.</summary>
    private static int? SideOf(DataCheck check)
    {
        var (width, height, _) = check.Sizes[0];
        if (!check.IsPictures || check.Sizes.Count == 1 && Math.Max(width, height) <= Sides[0]
            && DraftNetwork.For(height, width, classes: false)[0].Stride > 1)
            return null;
        // Nine in ten pictures are not enlarged.
        int count = 0, shortest = 0;
        foreach (var group in check.Sizes.GroupBy(size => Math.Min(size.Width, size.Height)).OrderBy(group => group.Key))
        {
            shortest = group.Key;
            count += group.Sum(size => size.Count);
            if (count > check.Count / 10)
                break;
        }
        return Sides.FirstOrDefault(side => side <= shortest, Math.Max(2, shortest / 4 * 4));
    }
}
