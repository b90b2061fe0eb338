using System.ComponentModel;
using Mezzotint.Formats;
using Mezzotint.Serving;
using Mezzotint.Text;

namespace Mezzotint.AspNetCore.Api;

/// <summary>A picture, noise of a level, and what the model is told: what the routes that lay one evaluation open are
/// asked.</summary>
internal sealed class NoisyQuestion
{
    private readonly Func<GenerationOptions, PreparedGeneration> _prepare;
    private readonly PreparedGeneration? _drawing; // of a picture that is drawn first
    private readonly GivenPicture? _given;
    private readonly double? _guidance;

    /// <summary>Reads the fields, and refuses those that nobody has taken.</summary>
    /// <param name="fields">The fields; those of one route alone have been taken.</param>
    /// <param name="pipeline">The model.</param>
    /// <param name="options">The limits.</param>
    /// <param name="most">The most noises; 1 where the route takes neither their number nor guidance.</param>
    /// <param name="check">Whether the question of a level can be answered.</param>
    /// <exception cref="ApiError">One is wrong.</exception>
    /// <exception cref="InvalidRequestException">Likewise.</exception>
    public NoisyQuestion(
        RequestFields fields, DiffusionPipeline pipeline, MezzotintOptions options, int most,
        Action<PreparedGeneration, double> check)
    {
        var info = pipeline.Model;
        string? prompt = fields.Text("prompt"), label = fields.Label("label");
        string? sent = fields.Text("image", (int)Math.Min(options.MaxBodyBytes, int.MaxValue));
        long? seed = fields.Whole("seed", 0, uint.MaxValue);
        Count = most == 1 ? 1 : (int)(fields.Whole("n", 1, Math.Min(most, options.MaxCount)) ?? 1);
        Noise = fields.Whole("noise_seed", 0, uint.MaxValue - Count + 1) ?? 1;
        Level = fields.Number("level", 0, double.MaxValue) ?? throw ApiError.Missing("level");
        _guidance = most == 1 ? null : fields.Number("guidance_scale", 0, 1000);
        fields.RefuseOthers();
        if (sent is not null && seed is not null)
            throw ApiError.Invalid("seed", "The picture is one that is sent, or that of a seed: leave one of the two out.");
        Asked = label ?? prompt ?? throw ApiError.Missing("prompt");
        _prepare = how => label is null ? pipeline.Prepare([prompt!], how)
            : pipeline.Prepare([PromptLabels.ParseLabel(label, info.ClassNames)], how);
        _drawing = sent is null ? _prepare(new() { Seed = seed ?? 0 }) : null;
        _given = sent is null ? null : GivenPicture.Read(RequestBody.OfText("image", sent), null, 1, info);
        if (_drawing?.Receipt.Recipe.Steps > options.MaxSteps)
            throw ApiError.Invalid("seed", $"The model draws in {_drawing.Receipt.Recipe.Steps} steps, more than the "
                + $"{options.MaxSteps} that are accepted here: send a picture.");
        // Checked before it waits: with a black picture in place of the one that is not there yet.
        check(How(new(1, info.Channels, info.Height, info.Width, new byte[info.Channels * info.Height * info.Width])), Level);
    }

    /// <summary>What the model is told, as it was written.</summary>
    public string Asked { get; }

    /// <summary>The level of the noise.</summary>
    public double Level { get; }

    /// <summary>What the first noise is drawn from.</summary>
    public long Noise { get; }

    /// <summary>How many noises.</summary>
    public int Count { get; }

    /// <summary>Takes a place in the queue, draws the picture where none was sent, and asks.</summary>
    public async Task<(ImageBatch Clean, T Found)> AskAsync<T>(
        RequestQueue queue, Func<PreparedGeneration, Task<T>> ask, CancellationToken stop)
    {
        using var place = queue.Enter(Count + 1, 2 * Count + (_drawing?.Evaluations ?? 0));
        var clean = _given?.Decode().Image ?? (await _drawing!.RunAsync(cancellation: stop).ConfigureAwait(false)).Images;
        var found = await ask(How(clean)).ConfigureAwait(false);
        place.Done();
        return (clean, found);
    }

    private PreparedGeneration How(ImageBatch picture) => _prepare(new()
    {
        Count = Count, Seed = Noise, GuidanceScale = _guidance, ClassifierScale = 0,
        Source = new() { Image = picture, Strength = 1 },
    });
}

/// <summary>The fields that these routes share, for the OpenAPI document.</summary>
internal record NoisyBody
{
    [Description("The standard deviation of the noise in the numbers that the model knows: within the levels of its process.")]
    public required double Level { get; init; }

    [Description("What the model is told, as for a drawing: words, or a class by its name.")]
    public string? Prompt { get; init; }

    [Description("The class, in place of the prompt.")]
    public string? Label { get; init; }

    [Description("The model's name; the first that is served may be left out.")]
    public string? Model { get; init; }

    [Description("The picture x_0: a PNG, JPEG or WebP in base64 or as a data URI, of the model's size.")]
    public string? Image { get; init; }

    [Description("In place of a picture, the one that the model draws from this seed; 0 unless told otherwise.")]
    public long? Seed { get; init; }

    [Description("What the noise is drawn from, the first of several; 1 unless told otherwise.")]
    public long? NoiseSeed { get; init; }
}
