using Mezzotint.Sampling;
using Mezzotint.Serving;
using Mezzotint.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Mezzotint.Studio.Api;

/// <summary><c>GET /v1/models</c>: the model that is served, in OpenAI's shape, with what a page needs to know about it
/// beside.</summary>
internal sealed class ModelsEndpoints(DiffusionPipeline pipeline, StudioOptions options, TimeProvider time)
{
    private readonly long _created = time.GetUtcNow().ToUnixTimeSeconds();

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/models", () => Results.Json(new ModelList("list", [Served()]), ApiJson.Default.ModelList))
            .WithSummary("The model that is served.").Produces<ModelList>();
        routes.MapGet("/v1/models/{model}", (string model) => model == pipeline.Name
                ? Results.Json(Served(), ApiJson.Default.ServedModel)
                : throw ApiError.NoModel(model, pipeline.Name))
            .WithSummary("The model of a name.").Produces<ServedModel>().Produces<ErrorBody>(404);
        routes.MapGet("/v1/tokens", (string prompt) => Results.Json(Tokens(prompt), ApiJson.Default.PromptTokens))
            .WithSummary("The tokens that a prompt is cut into, and what the model does not see of it.")
            .Produces<PromptTokens>().Produces<ErrorBody>(400);
    }

    private PromptTokens Tokens(string prompt)
    {
        if (pipeline.Model.Prompts is not TextPrompts reader)
            throw ApiError.Invalid("prompt", $"The model '{pipeline.Name}' reads prompts as classes: it has no tokens.");
        if (prompt.Length > LongestPrompt)
            throw ApiError.Invalid(
                "prompt", $"'prompt' has {prompt.Length} characters; at most {LongestPrompt} are accepted.",
                "string_above_max_length");
        var tokens = reader.Tokenize(prompt);
        return new(tokens.Pieces, tokens.CutOff, reader.Length - 2);
    }

    private const int LongestPrompt = 4000;

    private ServedModel Served()
    {
        var info = pipeline.Model;
        return new ServedModel(
            pipeline.Name, "model", _created, "mezzotint", info.Name, pipeline.ModelHash, info.Width, info.Height, info.Channels,
            info.ClassNames, info.IsAskedInWords, info.Model.CanBeGuided,
            new ModelDefaults(info.Sampling.Sampler, info.Sampling.Levels, info.Sampling.Steps, info.Sampling.Guidance),
            [EulerMaruyama.Name, .. Solvers.All.Select(solver => solver.Name)], Noise.NoiseLevels.Names,
            $"{pipeline.Device.ToUpperInvariant()}, {pipeline.Threads} thread{(pipeline.Threads == 1 ? "" : "s")}",
            new ModelLimits(options.MaxCount, options.MaxSteps),
            info.Examples is { } examples ? new(examples.Learned, examples.Unseen) : null);
    }
}

/// <summary>The answer to GET /v1/models.</summary>
internal sealed record ModelList(string Object, IReadOnlyList<ServedModel> Data);

/// <summary>A model: OpenAI's four fields, then ours.</summary>
internal sealed record ServedModel(
    string Id, string Object, long Created, string OwnedBy,
    string Title, string? Sha256, int Width, int Height, int Channels, IReadOnlyList<string> ClassNames, bool AskedInWords,
    bool CanBeGuided, ModelDefaults Defaults, IReadOnlyList<string> Samplers, IReadOnlyList<string> Levels, string Device,
    ModelLimits Limits, ServedExamples? Examples);

/// <summary>Prompts to try: some that the model has learned, and some that it has never seen.</summary>
internal sealed record ServedExamples(IReadOnlyList<string> Learned, IReadOnlyList<string> Unseen);

/// <summary>A prompt in tokens.</summary>
/// <param name="Pieces">What its tokens say, in order.</param>
/// <param name="CutOff">What did not fit; empty where all of it did.</param>
/// <param name="Most">The most tokens that fit.</param>
internal sealed record PromptTokens(IReadOnlyList<string> Pieces, string CutOff, int Most);

/// <summary>How the model is drawn where nothing is said; without guidance where it has none of its own.</summary>
internal sealed record ModelDefaults(string Sampler, string Levels, int Steps, double? Guidance);

/// <summary>The most that a request may ask for.</summary>
internal sealed record ModelLimits(int N, int Steps);
