using System.CommandLine.Parsing;
using System.CommandLine;
using System.Globalization;
using Mezzotint.Models;
using Mezzotint.Sampling;
using Mezzotint.Serving;

namespace Mezzotint.Cli.Choices;

/// <summary>The options that say how images are driven towards their classes: <c>--guidance --guidance-kind --guidance-rescale
/// --guidance-interval --guidance-model</c>, and <c>--classifier-guidance --guidance-classifier --guidance-label</c>.</summary>
internal sealed class GuidanceChoice
{
    private const string ByModel = "auto";

    private readonly Option<double?> _weight = Options.Real(
        "--guidance",
        "The weight of guidance, 0 to 1000: 1 is no guidance, and more goes beyond the model's prediction. For cfg++ it is 0 to "
        + "1, where 1 is strong. [default: the model's own]");
    private readonly Option<string?> _kind = Options.Text(
        "--guidance-kind", "NAME",
        "Guidance method: cfg, cfg++ and apg compare with the model's prediction without a class; auto compares with a weaker "
        + "model. [default: the model's own; with --guidance-model auto]");
    private readonly Option<double?> _rescale = Options.Real(
        "--guidance-rescale",
        "How far each image's contrast is brought back to what it is without guidance: 0 to 1. [default: the model's own]");
    private readonly Option<(double, double)?> _interval = Options.Interval(
        "--guidance-interval", "Guide only while the level of noise is within these two, by a classifier too, and save the "
        + "evaluations elsewhere.");
    private readonly Option<string?> _model =
        Options.Text("--guidance-model", "MODEL", "The weaker model of auto, named as MODEL is.");

    private readonly Option<double?> _scale = Options.Real(
        "--classifier-guidance",
        "How much a classifier's gradient counts, 0 to 1000: 1 as in Bayes' rule, more makes images surer of their class, 0 not "
        + "at all. [default: the model's own; with --guidance-classifier 1]");
    private readonly Option<string?> _classifier = Options.Text(
        "--guidance-classifier", "FOLDER",
        "A classifier that drives the images to their labels. One from `train-classifier --noise` is asked about noisy images; "
        + "another about the model's estimates, best at a scale of 10 to 30. [default: the model's own, where it "
        + "has one]");
    private readonly Option<string?> _label = Options.Text(
        "--guidance-label", "LABEL",
        "The classifier's class that all images are driven to, for a model without classes. [default: the label that is drawn]");

    public IEnumerable<Option> All => [_weight, _kind, _rescale, _interval, _model, _scale, _classifier, _label];

    public Chosen Read(ParseResult result) => new(
        result.GetValue(_weight), result.GetValue(_kind), result.GetValue(_rescale), result.GetValue(_interval),
        result.GetValue(_model))
    {
        Scale = result.GetValue(_scale), Classifier = result.GetValue(_classifier), Label = result.GetValue(_label),
    };

    internal sealed record Chosen(
        double? Weight, string? Kind, double? Rescale, (double Low, double High)? Interval, string? Model)
    {
        public double? Scale { get; init; }

        public string? Classifier { get; init; }

        public string? Label { get; init; }

        private static Chosen None { get; } = new(null, null, null, null, null);

        /// <summary>Whether anything is said of guidance.</summary>
        public bool IsGiven => this != None;

        /// <summary>As it was written on the command line, a blank before each option.</summary>
        public string Written()
        {
            static string Option(string name, object? value) => value is null ? "" : $" {name} {value}";
            static string? Number(double? value) => value?.ToString(CultureInfo.InvariantCulture);
            string? interval = Interval is { } levels ? $"{Number(levels.Low)},{Number(levels.High)}" : null;
            return Option("--guidance", Number(Weight)) + Option("--guidance-kind", Kind)
                + Option("--guidance-rescale", Number(Rescale)) + Option("--guidance-interval", interval)
                + Option("--guidance-model", Model) + Option("--classifier-guidance", Number(Scale))
                + Option("--guidance-classifier", Classifier) + Option("--guidance-label", Label);
        }

        /// <summary>Reads the weaker model, where one is named; the caller's to dispose.</summary>
        public LoadedModel? LoadWeaker(PlaceChoice.Chosen place) => Model is null ? null : place.Load(ModelSource.Find(Model));

        /// <summary>Reads the classifier, where one is named; the caller's to dispose.</summary>
        /// <exception cref="MezzotintException">It is none.</exception>
        public LoadedClassifier? LoadClassifier() => Classifier is null ? null
            : ClassifierFolder.Read(ClassifierSource.Known(Classifier) ?? throw new MezzotintException(
                $"--guidance-classifier '{Classifier}' is no classifier: name a folder that `mezzotint train-classifier --noise` "
                + "made, or a classifier of `mezzotint evaluate`."));

        /// <summary>The same options with this guidance; what is not said is the model's own.</summary>
        /// <exception cref="MezzotintException">The options contradict each other.</exception>
        public GenerationOptions Into(
            GenerationOptions options, SamplingRecipe own, LoadedModel? weaker, LoadedClassifier? classifier)
        {
            string kind = Kind ?? (Model is null ? own.GuidanceKind ?? "cfg" : ByModel);
            if (Model is not null && kind != ByModel)
                throw new MezzotintException(
                    $"--guidance-model is for --guidance-kind {ByModel}: {kind} compares with the model's own prediction without "
                    + $"a class.");
            bool byClassifier = classifier is not null || own.Classifier is not null;
            if (!byClassifier && (Scale, Label) is not (null, null))
                throw new MezzotintException(
                    "--classifier-guidance and --guidance-label are for a classifier, and the model has none of its own: name "
                    + "one with --guidance-classifier FOLDER.");
            bool byNetwork = (Weight ?? own.Guidance) is not null;
            var how = this with
            {
                Scale = null, Classifier = null, Label = null, Interval = byClassifier ? null : Interval,
            };
            if (how != None && !byNetwork)
                throw new MezzotintException(
                    "The other options of guidance say how, not how much: add --guidance W, for instance --guidance 2.");
            if (kind == ByModel && weaker is null && (Weight ?? own.Guidance ?? 1) != 1)
                throw new MezzotintException(
                    $"--guidance-kind {ByModel} compares with a weaker model's prediction: name that model with --guidance-model "
                    + $"MODEL.");
            return options with
            {
                GuidanceScale = Weight,
                GuidanceKind = Kind,
                GuidanceRescale = Rescale,
                GuidanceInterval = byNetwork || !byClassifier ? Interval : null,
                ClassifierInterval = Interval,
                WeakerModel = weaker,
                Classifier = classifier,
                ClassifierScale = Scale,
                ClassifierLabel = Label,
            };
        }
    }
}
