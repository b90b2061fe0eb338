using System.ComponentModel;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Mezzotint.AspNetCore.Api;

/// <summary><c>GET</c> and <c>POST /api/trainings</c>: trainings that are begun, resumed and stopped from the page, where the
/// server allows it.</summary>
internal sealed class TrainingEndpoints(TrainingProcesses trainings, MezzotintOptions options, Admission admission)
{
    private const int MostMinutes = 100_000, MostSettings = 50;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/trainings", () => Results.Json(
                new TrainingList(trainings.Allowed, trainings.Templates, trainings.List()), ApiJson.Default.TrainingList))
            .WithSummary("Whether trainings may be begun here, from which templates, and those that were.")
            .Produces<TrainingList>();
        routes.MapPost("/api/trainings", (Delegate)BeginAsync)
            .WithSummary("Begins a training from a template or a folder of pictures, or resumes one, as a process of its own.")
            .Accepts<TrainingBody>("application/json").Produces<TrainingFacts>().ProducesProblem(400).ProducesProblem(403)
            .ProducesProblem(404).ProducesProblem(409);
        routes.MapPost("/api/trainings/estimate", (Delegate)EstimateAsync)
            .WithSummary("How long a training would take on the server's machine and with what memory, measured by a few steps.")
            .Accepts<EstimateBody>("application/json").Produces<TrainingEstimate>().ProducesProblem(400).ProducesProblem(403)
            .ProducesProblem(409).ProducesProblem(503).ProducesProblem(504);
        routes.MapPost("/api/trainings/{name}/stop", (string name) =>
                Results.Json(trainings.Stop(name), ApiJson.Default.TrainingFacts))
            .WithSummary("Asks a training to finish its step, leave a checkpoint and end.").Produces<TrainingFacts>()
            .ProducesProblem(403).ProducesProblem(409);
    }

    private async Task<IResult> BeginAsync(HttpContext context)
    {
        var fields = await RequestBody.ReadJsonAsync(context.Request, context.RequestAborted, options.MaxBodyBytes)
            .ConfigureAwait(false);
        string name = fields.Text("name", 200) ?? throw ApiError.Missing("name");
        bool resume = fields.Flag("resume");
        var (template, data, minutes, settings) = What(fields);
        if (resume && (template ?? data) is not null)
            throw ApiError.Invalid("resume", "A training that is resumed has its configuration: leave template and data out.");
        return Results.Json(
            resume ? trainings.Resume(name) : trainings.Begin(name, template, data, minutes, settings),
            ApiJson.Default.TrainingFacts);
    }

    private Task EstimateAsync(HttpContext context) => admission.RunAsync(context, async stop =>
    {
        var fields = await RequestBody.ReadJsonAsync(context.Request, stop, options.MaxBodyBytes).ConfigureAwait(false);
        var (template, data, minutes, settings) = What(fields);
        var estimate = await trainings.EstimateAsync(template, data, minutes, settings, stop).ConfigureAwait(false);
        await context.Response.WriteAsJsonAsync(estimate, ApiJson.Default.TrainingEstimate, cancellationToken: stop)
            .ConfigureAwait(false);
    });

    private static (string? Template, string? Data, int? Minutes, string[] Settings) What(RequestFields fields)
    {
        string? template = fields.Text("template", 200), data = fields.Text("data");
        int? minutes = (int?)fields.Whole("minutes", 1, MostMinutes);
        string[] settings = [.. (fields.Text("settings") ?? "").Split('\n').Select(line => line.Trim())
            .Where(line => line.Length > 0)];
        fields.RefuseOthers();
        return settings.Length <= MostSettings ? (template, data, minutes, settings) : throw ApiError.Invalid(
            "settings", $"'settings' has {settings.Length} lines; at most {MostSettings} are accepted.");
    }
}

/// <summary>The fields of POST /api/trainings/estimate.</summary>
internal record EstimateBody
{
    [Description("The configuration, by its name in GET /api/trainings.")]
    public string? Template { get; init; }

    [Description("In place of a template, a folder of pictures on the server's machine.")]
    public string? Data { get; init; }

    [Description("How long a training of a folder may take.")]
    public int? Minutes { get; init; }

    [Description("Settings in place of the configuration's, a line each: training.epochs=5.")]
    public string? Settings { get; init; }
}

/// <summary>The fields of POST /api/trainings.</summary>
internal sealed record TrainingBody : EstimateBody
{
    [Description("The run's folder in the runs folder.")]
    public required string Name { get; init; }

    [Description("Whether the run is one that was stopped, and goes on; else it is a new one.")]
    public bool? Resume { get; init; }
}

/// <summary>The answer to GET /api/trainings.</summary>
internal sealed record TrainingList(bool Allowed, IReadOnlyList<string> Templates, IReadOnlyList<TrainingFacts> Trainings);
