using System.Globalization;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Sampling;
using Mezzotint.Serving;
using Mezzotint.Text;

namespace Mezzotint.AspNetCore.Api;

/// <summary>What a client asks for, once it was found to be sound: what to draw, and how the answer is to look.</summary>
internal sealed record ImagesRequest
{
    private const long MostPixels = 1 << 25;

    /// <summary>What to draw; until <see cref="Decoded"/>, from the outline of the picture that was given.</summary>
    public required PreparedGeneration Generation { get; init; }

    /// <summary>The picture to begin from, its pixels not yet decoded; null for none.</summary>
    public GivenPicture? Picture { get; init; }

    private GenerationOptions Options { get; init; } = new();

    public required string Prompt { get; init; }

    /// <summary>Pixels of the file, each way, for one of the image.</summary>
    public required int Scale { get; init; }

    /// <summary>Width and height of each file, as they are written.</summary>
    public required string Size { get; init; }

    public required PictureFormat Format { get; init; }

    public required int Quality { get; init; }

    public bool AsUrl { get; init; }

    public bool Stream { get; init; }

    /// <summary>How many estimates of each image are sent before the image.</summary>
    public int PartialImages { get; init; }

    /// <summary>Whether the noisy image that a step started from is sent beside its estimate.</summary>
    public bool Noisy { get; init; }

    /// <summary>Reads and checks the fields of a request.</summary>
    /// <param name="fields">The fields.</param>
    /// <param name="given">The picture to begin from, by the strength that is asked for and the model for its size; its headers
    /// are read.</param>
    /// <param name="pipeline">Draws.</param>
    /// <param name="options">The limits.</param>
    /// <exception cref="ApiError">Something is wrong with them; the error names the parameter.</exception>
    public static ImagesRequest Read(
        RequestFields fields, Func<double?, ModelInfo, GivenPicture>? given, DiffusionPipeline pipeline, MezzotintOptions options)
    {
        string? prompt = fields.Text("prompt"), label = fields.Label("label");
        int count = (int)(fields.Whole("n", 1, options.MaxCount) ?? 1);
        long? seed = fields.Whole("seed", 0, uint.MaxValue - count + 1);
        long? interpolateTo = given is null ? fields.Whole("interpolate_to", 0, uint.MaxValue) : null;
        int? steps = (int?)fields.Whole("steps", 1, options.MaxSteps);
        string? sampler = fields.Text("sampler", 100), levels = fields.Text("levels", 100);
        double? guidance = fields.Number("guidance_scale", 0, 1000);
        double? classifier = fields.Number("classifier_guidance", 0, 1000);
        string? negative = fields.Text("negative_prompt");
        long clipSkip = fields.Whole("clip_skip", 0, 1000) ?? 0;
        string? toPrompt = given is null ? fields.Text("interpolate_to_prompt") : null;
        bool weights = fields.Flag("prompt_weights");
        var (model, scale) = SizeOf(fields.Text("size", 40), pipeline.Model);
        bool asUrl = fields.Choice("response_format", "b64_json", "url") == "url";
        string format = fields.Choice("output_format", "png", "jpeg", "webp") ?? "png";
        int quality = (int)(fields.Whole("output_compression", 0, 100) ?? 100);
        bool stream = fields.Flag("stream");
        int partial = (int)(fields.Whole("partial_images", 0, options.MaxSteps) ?? 0);
        bool noisy = fields.Flag("noisy");
        string? variations = given is null ? fields.Text("variations", 1000) : null;
        double? strength = given is null ? null : fields.Number("strength", 0, 1);
        fields.Ignore("quality", "style", "background", "moderation", "user", "input_fidelity");
        fields.RefuseOthers();
        long pixels = (long)scale * scale * model.Height * model.Width * count * (partial + 1) * (noisy ? 2 : 1);
        if (pixels > MostPixels)
            throw ApiError.Invalid(
                "size",
                $"All images and estimates together have {pixels} pixels, more than the {MostPixels} that are accepted: ask for "
                + $"a smaller size, or for fewer.");
        if (stream && asUrl)
            throw ApiError.Invalid("response_format", "A stream carries its images itself: response_format must be b64_json.");
        if (partial > 0 && !stream)
            throw ApiError.Invalid("partial_images", "partial_images needs \"stream\": true.");
        if (noisy && !stream)
            throw ApiError.Invalid("noisy", "noisy needs \"stream\": true.");
        if ((interpolateTo is not null || toPrompt is not null) && count < 2)
            throw ApiError.Invalid(
                "n", "Between two seeds or prompts lies a row of images: with interpolate_to or interpolate_to_prompt, n must "
                    + "be 2 "
                + "or more.");
        if (prompt is null && label is null)
            throw ApiError.Missing("prompt");
        if (label is not null && pipeline.Model.IsAskedInWords)
            throw ApiError.Invalid(
                "label", $"The model '{pipeline.Name}' is asked in words and has no classes: give a prompt in place of a label.");

        var picture = given?.Invoke(strength, model);
        var drawing = new GenerationOptions
        {
            Count = count,
            Seed = seed,
            Sampler = sampler,
            Levels = levels,
            Steps = steps,
            GuidanceScale = guidance,
            ClassifierScale = classifier,
            InterpolateTo = interpolateTo,
            Variations = variations is null ? [] : NoiseVariation.Parse(variations),
            NegativePrompt = negative,
            InterpolateToPrompt = toPrompt,
            ClipSkip = (int)clipSkip,
            PromptWeights = weights,
            Size = ReferenceEquals(model, pipeline.Model) ? null : (model.Width, model.Height),
            Source = picture?.Outline(),
        };
        var generation = label is null ? pipeline.Prepare([prompt!], drawing)
            : pipeline.Prepare([PromptLabels.ParseLabel(label, pipeline.Model.ClassNames)], drawing);
        // The model's own number of steps counts too.
        if (generation.Receipt.Recipe.Steps > options.MaxSteps)
            throw ApiError.Invalid(
                "steps",
                $"The model is drawn in {generation.Receipt.Recipe.Steps} steps where nothing is said, more than the "
                + $"{options.MaxSteps} that are accepted here: ask for fewer.",
                "integer_above_max_value");
        return new ImagesRequest
        {
            Generation = generation,
            Picture = picture,
            Options = drawing,
            Prompt = generation.Receipt.ClassNames[generation.Receipt.Labels[0]],
            Scale = scale,
            Size = $"{scale * model.Width}x{scale * model.Height}",
            Format = format switch { "jpeg" => PictureFormat.Jpeg, "webp" => PictureFormat.Webp, _ => PictureFormat.Png },
            Quality = quality,
            AsUrl = asUrl,
            Stream = stream,
            PartialImages = partial,
            Noisy = noisy,
        };
    }

    /// <summary>The same with the picture decoded: for a request that has its place, as pixels take memory and time.</summary>
    /// <param name="pipeline">Draws.</param>
    /// <exception cref="InvalidRequestException">A file is truncated or damaged; Key names which.</exception>
    public ImagesRequest Decoded(DiffusionPipeline pipeline) => Picture is null ? this : this with
    {
        Generation = Generation.Receipt.Prompts is { } prompts
            ? pipeline.Prepare(prompts, Begun(Picture)) : pipeline.Prepare([Generation.Receipt.Labels[0]], Begun(Picture)),
    };

    private GenerationOptions Begun(GivenPicture picture) =>
        Options with { Source = picture.Decode(), Seed = Generation.Receipt.Seed };

    /// <summary>Whether the estimate after a step is one of those that are sent: evenly over the walk, the last step being the
    /// image itself.</summary>
    public bool Wanted(int step, int steps) => PartialIndex(step, steps) is not null;

    /// <summary>Which of the estimates it is, from 0.</summary>
    public int? PartialIndex(int step, int steps)
    {
        int partial = Math.Min(PartialImages, steps - 1);
        if (partial == 0 || step == steps - 1)
            return null;
        // The k-th of m estimates, k from 1, comes after k of m + 1 equal parts of the walk.
        long k = ((long)(step + 1) * (partial + 1) + steps - 1) / steps;
        return k <= partial && k * steps / (partial + 1) == step + 1 ? (int)k - 1 : null;
    }

    private static (ModelInfo Model, int Scale) SizeOf(string? size, ModelInfo model)
    {
        if (size is null or "auto")
            return (model, 1);
        string[] sides = size.Split('x');
        int width = 0, height = 0;
        if (sides.Length == 2 && int.TryParse(sides[0], NumberStyles.None, CultureInfo.InvariantCulture, out width))
            _ = int.TryParse(sides[1], NumberStyles.None, CultureInfo.InvariantCulture, out height); // 0 where it is no number
        try
        {
            return RequestedSize.Of(model, width, height);
        }
        catch (MezzotintException wrong)
        {
            string must = wrong.Message[(wrong.Message.IndexOf("must be ", StringComparison.Ordinal) + "must be ".Length)..];
            throw ApiError.Invalid(
                "size", $"'size' is '{ApiError.Cut(size)}'; it must be auto, {must}");
        }
    }
}
