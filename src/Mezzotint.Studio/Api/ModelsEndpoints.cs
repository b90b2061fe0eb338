using Mezzotint.Sampling;
using Mezzotint.Serving;
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
    }

    private ServedModel Served()
    {
        var info = pipeline.Model;
        return new ServedModel(
            pipeline.Name, "model", _created, "mezzotint", info.Name, pipeline.ModelHash, info.Width, info.Height, info.Channels,
            info.ClassNames,
            info.Model.CanBeGuided,
                new ModelDefaults(info.Sampling.Sampler, info.Sampling.Levels, info.Sampling.Steps, info.Sampling.Guidance),
            [EulerMaruyama.Name, .. Solvers.All.Select(solver => solver.Name)], Noise.NoiseLevels.Names,
            $"{pipeline.Device.ToUpperInvariant()}, {pipeline.Threads} thread{(pipeline.Threads == 1 ? "" : "s")}",
            new ModelLimits(options.MaxCount, options.MaxSteps));
    }
}

/// <summary>The answer to GET /v1/models.</summary>
internal sealed record ModelList(string Object, IReadOnlyList<ServedModel> Data);

/// <summary>A model: OpenAI's four fields, then ours.</summary>
internal sealed record ServedModel(
    string Id, string Object, long Created, string OwnedBy,
    string Title, string? Sha256, int Width, int Height, int Channels, IReadOnlyList<string> ClassNames, bool CanBeGuided,
    ModelDefaults Defaults, IReadOnlyList<string> Samplers, IReadOnlyList<string> Levels, string Device, ModelLimits Limits);

/// <summary>How the model is drawn where nothing is said; without guidance where it has none of its own.</summary>
internal sealed record ModelDefaults(string Sampler, string Levels, int Steps, double? Guidance);

/// <summary>The most that a request may ask for.</summary>
internal sealed record ModelLimits(int N, int Steps);
