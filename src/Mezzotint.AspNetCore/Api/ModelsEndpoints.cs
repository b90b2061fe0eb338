using Mezzotint.Data;
using Mezzotint.Sampling;
using Mezzotint.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Mezzotint.AspNetCore.Api;

/// <summary><c>GET /v1/models</c>: the models that are served, in OpenAI's shape, with what a page needs to know about them
/// beside.</summary>
internal sealed class ModelsEndpoints(
    ServedModels models, ServedClassifiers classifiers, MezzotintOptions options, TimeProvider time)
{
    private readonly long _created = time.GetUtcNow().ToUnixTimeSeconds();

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/models", () => Results.Json(
                new ModelList("list", [.. models.All.Select(Facts)]), ApiJson.Default.ModelList))
            .WithSummary("The models that are served; the first is drawn with where a request names none.").Produces<ModelList>();
        routes.MapGet("/v1/models/{model}", (string model) =>
                Results.Json(Facts(models.Find(model)), ApiJson.Default.ModelFacts))
            .WithSummary("The model of a name.").Produces<ModelFacts>().Produces<ErrorBody>(404);
        routes.MapGet("/v1/tokens", async (string prompt, string? model, CancellationToken stop) =>
                Results.Json(await TokensAsync(prompt, model, stop).ConfigureAwait(false), ApiJson.Default.PromptTokens))
            .WithSummary("The tokens that a prompt is cut into, and what the model does not see of it.")
            .Produces<PromptTokens>().Produces<ErrorBody>(400);
    }

    private async Task<PromptTokens> TokensAsync(string prompt, string? name, CancellationToken stop)
    {
        if (models.Find(name) is { Info.Prompts: not TextPrompts } other)
            throw ApiError.Invalid("prompt", $"The model '{other.Name}' reads prompts as classes: it has no tokens.");
        if (prompt.Length > LongestPrompt)
            throw ApiError.Invalid(
                "prompt", $"'prompt' has {prompt.Length} characters; at most {LongestPrompt} are accepted.",
                "string_above_max_length");
        using var model = await models.RentAsync(name, stop).ConfigureAwait(false);
        var reader = (TextPrompts)model.Pipeline.Model.Prompts!;
        var tokens = reader.Tokenize(prompt);
        return new(tokens.Pieces, tokens.CutOff, reader.Length - 2);
    }

    private const int LongestPrompt = 4000;

    private ModelFacts Facts(ServedModel model)
    {
        var info = model.Info;
        return new ModelFacts(
            model.Name, "model", _created, "mezzotint", info.Name, model.Hash, info.Width, info.Height, info.Channels,
            info.ClassNames, info.IsAskedInWords, info.Model.CanBeGuided,
            new ModelDefaults(info.Sampling.Sampler, info.Sampling.Levels, info.Sampling.Steps, info.Sampling.Guidance,
                info.Sampling.Classifier?.Scale),
            [EulerMaruyama.Name, .. Solvers.All.Select(solver => solver.Name)], Noise.NoiseLevels.Names,
            $"{model.Device.ToUpperInvariant()}, {model.Threads} thread{(model.Threads == 1 ? "" : "s")}", models.IsLoaded(model),
            new ModelLimits(options.MaxCount, options.MaxSteps),
            info.Examples is { } examples ? new(examples.Learned, examples.Unseen) : null,
            new(info.Process.MinimumLevel, info.Process.MaximumLevel), info.Pixels is LatentCodec,
            classifiers.Of(info)?.Name, new(info.Dataset, info.Provenance, info.Steps, info.Epochs, info.EvalLoss),
            options.AllowDownloads && info.Model.ParameterCount <= DownloadEndpoints.MostParameters);
    }
}

/// <summary>The answer to GET /v1/models.</summary>
internal sealed record ModelList(string Object, IReadOnlyList<ModelFacts> Data);

/// <summary>A model: OpenAI's four fields, then ours.</summary>
internal sealed record ModelFacts(
    string Id, string Object, long Created, string OwnedBy,
    string Title, string? Sha256, int Width, int Height, int Channels, IReadOnlyList<string> ClassNames, bool AskedInWords,
    bool CanBeGuided, ModelDefaults Defaults, IReadOnlyList<string> Samplers, IReadOnlyList<string> Levels, string Device,
    bool Loaded, ModelLimits Limits, ServedExamples? Examples, ModelNoise Noise, bool Latent, string? Classifier,
    ModelOrigin Origin, bool Downloads);

/// <summary>The levels of noise that the model's process has: the ratio of noise to signal.</summary>
internal sealed record ModelNoise(double Least, double Most);

/// <summary>What the model was made from, and under which licence; what is not known is left out.</summary>
internal sealed record ModelOrigin(string? Dataset, string? Provenance, long Steps, double? Epochs, double? EvalLoss);

/// <summary>Prompts to try: some that the model has learned, and some that it has never seen.</summary>
internal sealed record ServedExamples(IReadOnlyList<string> Learned, IReadOnlyList<string> Unseen);

/// <summary>A prompt in tokens.</summary>
/// <param name="Pieces">What its tokens say, in order.</param>
/// <param name="CutOff">What did not fit; empty where all of it did.</param>
/// <param name="Most">The most tokens that fit.</param>
internal sealed record PromptTokens(IReadOnlyList<string> Pieces, string CutOff, int Most);

/// <summary>How the model is drawn where nothing is said; without guidance, or a classifier's, where it has none of its
/// own.</summary>
internal sealed record ModelDefaults(string Sampler, string Levels, int Steps, double? Guidance, double? ClassifierGuidance);

/// <summary>The most that a request may ask for.</summary>
internal sealed record ModelLimits(int N, int Steps);
