using System.Globalization;
using System.Text;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Data;
using Mezzotint.Evaluation.Reports;
using Mezzotint.Evaluation;
using Mezzotint.Formats;
using Mezzotint.Runtime;
using Mezzotint.Settings;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint evaluate</c> of images: those in a file or folder, or those that a model draws.</summary>
internal static class EvaluateImages
{
    public const int MostImages = 100_000;

    private const long JudgingSeed = 1, ChoosingSeed = 2; // of the random convolutions

    public static int Run(Terminal terminal, EvaluateRequest request, string? drawingOption)
    {
        CheckReport(request.Report);
        if (request.Prompts.Out is { } file)
            CheckOut(file, request.Target);
        using var features = request.Features.Open(); // what is wrong with them shows before the drawing
        var source = IsImages(request.Target) ? FromFiles(terminal, request, drawingOption) : null;
        string? folder = source is null ? ModelSource.Find(request.Target) : null;
        using var threads = new WorkerThreads(0);
        source ??= EvaluateModel.Draw(terminal, request, folder!, threads);
        if (source is null)
            return CommandLine.Done;

        var set = source.Images.Images;
        var (train, test) = request.Choosing ? ReferenceImages.ForChoosing(source.Train) : (source.Train, source.Test);
        var reference = ReferenceImages.Divide(train, test, source.Images.Labelled ? set.Labels : [], set.Count, request.Seed);
        var classifiers = ClassifierSource.Load(request.Classifiers, test, request.Choosing);
        using var autoencoder = ClassifierSource.Autoencoder(test, request.Choosing);
        FeatureSpace[] spaces =
        [
            .. features is null ? [] : new[] { features.Space },
            .. autoencoder is null ? [] : new[] { LatentFeatures.Of(autoencoder, threads) },
            RandomConvolutions.Of(request.Choosing ? ChoosingSeed : JudgingSeed, threads),
        ];
        try
        {
            if (ClassifierSource.WhyNone(classifiers, test) is { } none)
                terminal.Say(none);
            var evaluation = ProgressDisplay.Show(
                terminal, "measuring", display => ImageEvaluation.Of(source.Images, reference, classifiers, threads,
                new Reports<EvaluationProgress>(report => display.Report(report.Fraction, report.Stage)),
                spaces, terminal.Stop)).With(source.OfModel);
            Tell(terminal, request, source, folder, evaluation);
            return CommandLine.Done;
        }
        finally
        {
            foreach (var classifier in classifiers)
                classifier.Dispose();
        }
    }

    /// <summary>A file ending in .npz, or a folder that is no model or run.</summary>
    public static bool IsImages(string target) =>
        target.EndsWith(".npz", StringComparison.OrdinalIgnoreCase) || Directory.Exists(target) && !ModelSource.IsNamedBy(target);

    private static EvaluationSource FromFiles(Terminal terminal, EvaluateRequest request, string? drawingOption)
    {
        if (drawingOption is not null)
            throw new MezzotintException(
                $"{drawingOption} is for a model that draws; '{request.Target}' holds images. Leave it out.");
        string data = request.Data ?? DataSource.MnistName;
        var (train, test) = EvaluateVerb.LoadData(
            terminal, data, channels: null, request.Pictures.Of(request.Target, data), train: true);
        var images = EvaluatedImages.Read(
            request.Target, test, request.Count > 0 ? (int)request.Count : null, request.Pictures.Background ?? Background.Black,
            request.Pictures.Size, request.Pictures.SkipDamaged);
        ReadingLines.Say(terminal, images.Images);
        return new EvaluationSource(images, train!, test);
    }

    private static void Tell(
        Terminal terminal, EvaluateRequest request, EvaluationSource source, string? folder, ImageEvaluation evaluation)
    {
        var written = request.Report is null
            ? null : EvaluationReport.Write(request.Report, evaluation, Head(request, source, evaluation));
        var reference = evaluation.Reference;
        terminal.Result(request.Json, new
        {
            Model = folder,
            Images = folder is null ? request.Target : null,
            ModelSha256 = source.ModelHash,
            source.ModelName,
            source.Epochs,
            source.Images.Images.Count,
            Labelled = source.Images.Labelled,
            Read = source.Images.Images.Reading?.ToJson(),
            source.Recipe?.Sampler,
            source.Recipe?.Levels,
            source.Recipe?.Steps,
            source.Guidance,
            request.Seed,
            Purpose = request.Choosing ? "choosing" : "judging",
            Data = reference.Test.Name,
            RealCount = reference.Floor.Count,
            TestCount = reference.Test.Count,
            Classifiers = evaluation.Classifiers.Select(classifier =>
                new { classifier.Name, classifier.Architecture, Sha256 = classifier.Hash, classifier.TestAccuracy }),
            Features = request.Features.File,
            Figures = FigureTable.Values(evaluation.Figures),
            Labels = evaluation.Labels.Select(label =>
                new { label.Name, label.Count, label.Accuracy, label.RealAccuracy, label.Diversity, label.RealDiversity }),
            Seconds = Math.Round(evaluation.Seconds, 1),
            Report = written?[0],
            request.Prompts.Out,
        }, EvaluationText.Write(evaluation, request.Target, source.Drawn(request.Seed)) + $"\n{Purpose(request.Choosing)}"
            + (written is null ? "" : $"\nreport  {written[0]}"));
    }

    private static ReportHead Head(EvaluateRequest request, EvaluationSource source, ImageEvaluation evaluation)
    {
        var facts = new List<(string, string)>
        {
            (
                "images",
                Quantity.Of(source.Images.Images.Count, "image")
                    + (source.Drawn(request.Seed) is { } drawn ? $", drawn by {drawn}" : "")),
            ("purpose", Purpose(request.Choosing)),
            (
                "measured against",
                $"{evaluation.Reference.Test.Name}, {Quantity.Of(evaluation.Reference.Test.Count, "image")}, and "
                + $"{evaluation.Reference.Train.Name}, {Quantity.Of(evaluation.Reference.Train.Count, "image")}"),
        };
        if (source.ModelHash is not null)
            facts.Add(("model", $"SHA-256 {source.ModelHash}"));
        string sampler = source.Recipe is { } recipe
            ? $" --sampler {recipe.Sampler} --levels {recipe.Levels} --steps {recipe.Steps}{request.Guidance.Written()}" : "";
        facts.Add(("made by", $"mezzotint {CommandLine.Version}: {Command(request, source)}"));
        return new ReportHead(request.Target, facts) { ModelSha256 = source.ModelHash };
    }

    /// <summary>What the figures are for, in words.</summary>
    private static string Purpose(bool choosing) => choosing
        ? "choosing: against training images, by judges of their own; the test images and their judges stay unspent"
        : "judging: against the test images, by judges that nothing was chosen with";

    /// <summary>The command that gets the same figures again, for a shell.</summary>
    private static string Command(EvaluateRequest request, EvaluationSource source)
    {
        var command = new StringBuilder("mezzotint evaluate ").Append(Quoted(request.Target));
        void Add(string option, object? value)
        {
            if (value is not null)
                command.Append(
                    CultureInfo.InvariantCulture, $" {option} {Quoted(Convert.ToString(value, CultureInfo.InvariantCulture)!)}");
        }
        Add("--data", request.Data);
        Add("--size", request.Pictures.Size);
        Add("--background", request.Pictures.Background);
        Add("--count", source.Images.Images.Count);
        Add("--seed", request.Seed);
        foreach (string classifier in request.Classifiers)
            Add("--classifier", classifier);
        if (request.Choosing)
            command.Append(" --choosing");
        Add("--features", request.Features.File);
        Add("--features-range", request.Features.Written);
        if (source.Recipe is { } recipe)
        {
            Add("--likelihood", request.LikelihoodCount);
            Add("--sampler", recipe.Sampler);
            Add("--levels", recipe.Levels);
            Add("--steps", recipe.Steps);
            Add("--eta", request.Sampler.Eta);
            Add("--churn", request.Sampler.Churn);
            command.Append(request.Guidance.Written());
            Add("--device", request.Place.Device == ComputeDevice.Cpu ? null : request.Place.Device);
            Add("--precision", request.Place.SaysPrecision ? request.Place.Precision : null);
        }
        return command.ToString();
    }

    /// <summary>A word of a command; what a shell would take apart stands in quotes.</summary>
    private static string Quoted(string word) =>
        word.Length > 0 && word.All(letter => char.IsAsciiLetterOrDigit(letter) || "-_./,:+=@%".Contains(letter)) ? word
            : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    /// <summary>Finds out before the work whether the images can be written.</summary>
    private static void CheckOut(string file, string target)
    {
        if (IsImages(target))
            throw new MezzotintException($"--out is for images that a model draws; '{target}' holds some already. Leave it out.")
                { Key = "--out" };
        if (!file.EndsWith(".npz", StringComparison.OrdinalIgnoreCase))
            throw new MezzotintException($"--out '{file}': the images that were drawn are written to an .npz file.")
                { Key = "--out" };
        SampleOutput.For(file).Prepare();
    }

    /// <summary>Finds out before the work whether the report can be written.</summary>
    private static void CheckReport(string? folder)
    {
        if (folder is null)
            return;
        if (File.Exists(folder))
            throw new MezzotintException($"--report '{folder}' is a file: name a folder.");
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new MezzotintException($"--report '{folder}' cannot be written: {cause.Message} Choose another place.", cause);
        }
    }
}
