using System.Text.Json.Serialization;
using System.Text.Json;
using Mezzotint.Engine;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Sampling;

namespace Mezzotint.Serving;

/// <content>The JSON of a receipt: what the keyword <see cref="Keyword"/> holds.</content>
public sealed partial record ImageReceipt
{
    /// <remarks>Properties can be set because serialisation that the compiler makes forgets the initial values of those that
    /// cannot.</remarks>
    internal sealed record Document
    {
        public int Version { get; set; } = ImageReceipt.Version;

        public string? ModelSha256 { get; set; }

        public IReadOnlyList<ModelAdapter>? Adapters { get; set; }

        public required IReadOnlyList<int> Labels { get; set; }

        public IReadOnlyList<string>? Prompts { get; set; }

        public string? NegativePrompt { get; set; }

        public string? InterpolateToPrompt { get; set; }

        public int? ClipSkip { get; set; }

        public bool? PromptWeights { get; set; }

        /// <summary>Width and height, where they are not the model's own.</summary>
        public int[]? Size { get; set; }

        public required long Seed { get; set; }

        public required string Sampler { get; set; }

        public required string Levels { get; set; }

        public required int Steps { get; set; }

        public SolverOptions? Options { get; set; }

        public GuidanceFacts? Guidance { get; set; }

        public ClassifierFacts? Classifier { get; set; }

        public long? InterpolateTo { get; set; }

        /// <summary>Steps SEED:SHARE with commas between.</summary>
        public string? Variations { get; set; }

        public Picture? Source { get; set; }

        public int? Index { get; set; }

        public int Columns { get; set; } = 1;

        public int Scale { get; set; } = 1;

        /// <summary>Null for float32, in which all was drawn before there was another.</summary>
        public string? Precision { get; set; }

        public static Document Of(ImageReceipt receipt) => new()
        {
            ModelSha256 = receipt.ModelHash,
            Adapters = receipt.Adapters.Count == 0 ? null : receipt.Adapters,
            Labels = receipt.Labels,
            Prompts = receipt.Prompts,
            NegativePrompt = receipt.NegativePrompt,
            InterpolateToPrompt = receipt.InterpolateToPrompt,
            ClipSkip = receipt.ClipSkip == 0 ? null : receipt.ClipSkip,
            PromptWeights = receipt.PromptWeights ? true : null,
            Size = receipt.Size is { } size ? [size.Width, size.Height] : null,
            Seed = receipt.Seed,
            Sampler = receipt.Recipe.Sampler,
            Levels = receipt.Recipe.Levels,
            Steps = receipt.Recipe.Steps,
            Options = receipt.SolverOptions == new SolverOptions() ? null : receipt.SolverOptions,
            Guidance = GuidanceFacts.Of(receipt.Recipe),
            Classifier = receipt.Recipe.Classifier is { } classifier
                ? new(receipt.Classifier, classifier.Scale, classifier.Low, classifier.High, classifier.Sha256) : null,
            InterpolateTo = receipt.InterpolateTo,
            Variations = receipt.Variations.Count == 0 ? null : string.Join(",", receipt.Variations),
            Source = receipt.Source is { } source ? Picture.Of(source) : null,
            Index = receipt.Index,
            Columns = receipt.Columns,
            Scale = receipt.Scale,
            Precision = receipt.Precision == ComputePrecision.Float32 ? null : receipt.Precision,
        };

        public ImageReceipt ToReceipt()
        {
            Check.Range("labels", $"{Labels.Count} labels", Labels.Count is >= 1 and <= MostImages, $"1 to {MostImages} labels");
            Check.Range("steps", Steps, Steps is >= 1 and <= MostSteps, $"1 to {MostSteps}");
            Check.Range("index", Index ?? 0, (Index ?? 0) >= 0 && (Index ?? 0) < Labels.Count, "one of the images");
            Check.Range("size", string.Join("x", Size ?? []), Size is null or { Length: 2 }, "a width and a height");
            Check.Range("columns", Columns, Columns is >= 1 and <= MostImages, $"1 to {MostImages}");
            Check.Range("scale", Scale, Scale is >= 1 and <= 256, "1 to 256");
            Check.Range(
                "precision", Precision ?? ComputePrecision.Float32,
                Precision is null or ComputePrecision.Float32 or ComputePrecision.Bfloat16,
                $"{ComputePrecision.Float32} or {ComputePrecision.Bfloat16}");
            return new ImageReceipt
            {
                ModelHash = ModelSha256,
                Adapters = Adapters ?? [],
                Labels = Labels,
                Prompts = Prompts,
                NegativePrompt = NegativePrompt,
                InterpolateToPrompt = InterpolateToPrompt,
                ClipSkip = ClipSkip ?? 0,
                PromptWeights = PromptWeights ?? false,
                Size = Size is [var width, var height] ? (width, height) : null,
                Seed = Seed,
                Recipe = (Guidance ?? new GuidanceFacts())
                    .Into(new SamplingRecipe
                    {
                        Sampler = Sampler, Levels = Levels, Steps = Steps, Classifier = Classifier?.ToRecipe(),
                    }),
                Classifier = Classifier?.Words is { } words ? Printable.Line(words, 500) : null,
                SolverOptions = Options ?? new SolverOptions(),
                InterpolateTo = InterpolateTo,
                Variations = Variations is null ? [] : NoiseVariation.Parse(Variations),
                Source = Source?.ToSource(),
                Index = Index,
                Columns = Columns,
                Scale = Scale,
                Precision = Precision ?? ComputePrecision.Float32,
            };
        }
    }

    /// <summary>The guidance by the model's own classifier.</summary>
    internal sealed record ClassifierFacts(string? Words, double Scale, double Low, double High, string? Sha256)
    {
        public ClassifierRecipe ToRecipe() => new() { Scale = Scale, Low = Low, High = High, Sha256 = Sha256 };
    }

    internal sealed record GuidanceFacts
    {
        public string? Kind { get; set; }

        public double? Weight { get; set; }

        public double? Rescale { get; set; }

        public double? Low { get; set; }

        public double? High { get; set; }

        public static GuidanceFacts? Of(SamplingRecipe recipe) => recipe.Guidance is null ? null
            : new()
            {
                Kind = recipe.GuidanceKind, Weight = recipe.Guidance, Rescale = recipe.GuidanceRescale, Low = recipe.GuidanceLow,
                High = recipe.GuidanceHigh,
            };

        public SamplingRecipe Into(SamplingRecipe recipe) =>
            recipe with
                { GuidanceKind = Kind, Guidance = Weight, GuidanceRescale = Rescale, GuidanceLow = Low, GuidanceHigh = High };
    }

    /// <summary>Pictures stand in the file as PNG files themselves: at the sizes of these models that is a few hundred
    /// bytes.</summary>
    internal sealed record Picture
    {
        public required byte[] Image { get; set; }

        public byte[]? Mask { get; set; }

        public required double Strength { get; set; }

        public int Resampling { get; set; } = 1;

        public static Picture Of(SourceImage source) => new()
        {
            Image = PngFile.Encode(source.Image, 1, PictureFormat.Png),
            Mask = source.Mask is null ? null : PngFile.Encode(source.Mask, 1, PictureFormat.Png),
            Strength = source.Strength,
            Resampling = source.Resampling,
        };

        public SourceImage ToSource() => new()
        {
            Image = PngFile.Decode(Image, "source.image").Image,
            Mask = Mask is null ? null : PngFile.Decode(Mask, "source.mask").Image,
            Strength = Strength,
            Resampling = Resampling,
        };
    }
}

/// <summary>
/// How receipts are written and read: made by the compiler, as programs compiled ahead of time have no reflection for it.
/// </summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    Converters = [typeof(VariantConverter), typeof(CoordinateConverter), typeof(TypeConverter)],
    MaxDepth = 8)]
[JsonSerializable(typeof(ImageReceipt.Document))]
internal sealed partial class ReceiptJson : JsonSerializerContext
{
    private sealed class VariantConverter() : JsonStringEnumConverter<UniPcVariant>(JsonNamingPolicy.SnakeCaseLower);

    private sealed class CoordinateConverter() : JsonStringEnumConverter<SolverCoordinate>(JsonNamingPolicy.SnakeCaseLower);

    private sealed class TypeConverter() : JsonStringEnumConverter<DpmSolverType>(JsonNamingPolicy.SnakeCaseLower);
}
