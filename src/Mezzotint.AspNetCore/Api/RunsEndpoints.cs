using Mezzotint.Formats;
using Mezzotint.Runs;
using Mezzotint.Training;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Mezzotint.AspNetCore.Api;

/// <summary><c>GET /api/runs</c>, <c>/api/runs/{name}</c> and <c>/api/runs/{name}/samples/{file}</c>: trainings as their folders
/// tell of them, also while they go on.</summary>
internal sealed class RunsEndpoints(RunsFolder runs)
{
    /// <summary>More points than this are on no screen.</summary>
    private const int MostPoints = 2000;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/runs", () => Results.Json(List(), ApiJson.Default.RunList))
            .WithSummary("The trainings of the runs folder.").Produces<RunList>();
        routes.MapGet("/api/runs/{name}", (string name) => Results.Json(Describe(Find(name)), ApiJson.Default.RunDescription))
            .WithSummary("One training: its curves, its epochs, its pictures.").Produces<RunDescription>().ProducesProblem(404);
        routes.MapGet("/api/runs/{name}/samples/{file}", (string name, string file) => Picture(Find(name), file))
            .WithSummary("A grid of samples.").Produces(200, contentType: "image/png").ProducesProblem(404);
    }

    private RunList List() => new([.. runs.List().Select(run => Summary(run, Entries(run)))]);

    private RunFiles Find(string name) =>
        runs.Find(name)
            ?? throw new ApiError(
                404, ApiError.InvalidRequest, "run_not_found", $"There is no run '{ApiError.Cut(name)}' in the runs folder.",
                "name");

    private IReadOnlyList<RunLogEntry> Entries(RunFiles run)
    {
        try
        {
            return runs.Log(run);
        }
        catch (Exception damaged) when (damaged is MezzotintException or IOException or UnauthorizedAccessException)
        {
            return []; // the other runs are to be seen all the same
        }
    }

    private RunSummary Summary(RunFiles run, IReadOnlyList<RunLogEntry> entries)
    {
        var last = entries.Count == 0 ? null : entries[^1];
        return new RunSummary(
            run.Name, runs.State(run, entries), last?.Step ?? 0, last?.Epoch ?? 0, last?.TrainLoss,
            entries.LastOrDefault(entry => entry.EvalLoss is not null)?.EvalLoss,
            last?.ImagesPerSecond, last?.Seconds ?? 0, new DateTimeOffset(run.Log.LastWriteTimeUtc).ToUnixTimeSeconds(),
            ServedRuns.Names(run));
    }

    private RunDescription Describe(RunFiles run)
    {
        var entries = Entries(run);
        if (entries.Count == 0)
            throw new ApiError(
                404, ApiError.InvalidRequest, "run_without_log",
                $"The log of the run '{run.Name}' has no lines yet, or one that is no entry of a log.", "name");
        var lines = entries.Where(entry => entry.EvalLoss is null).ToList();
        int stride = Math.Max(1, (lines.Count + MostPoints - 1) / MostPoints);
        // Counted from the end: the newest line is always there.
        var points = lines.Where((_, i) => (lines.Count - 1 - i) % stride == 0).ToList();
        return new RunDescription(Summary(run, entries),
            new RunCurve(
                [.. points.Select(entry => entry.Step)], [.. points.Select(entry => entry.Epoch)],
                [.. points.Select(entry => entry.Seconds)], [.. points.Select(entry => entry.TrainLoss)],
                [.. points.Select(entry => entry.ImagesPerSecond)]),
            [
                .. entries.Where(entry => entry.EvalLoss is not null).Select(entry =>
                    new RunEpoch(entry.Epoch, entry.Step, entry.TrainLoss, entry.EvalLoss!.Value)),
            ],
            [.. RunsFolder.Samples(run).Select(file => file.Name)],
            RunsFolder.Configuration(run));
    }

    private static IResult Picture(RunFiles run, string name)
    {
        var file = RunsFolder.Samples(run).FirstOrDefault(file => file.Name == name)
            ?? throw new ApiError(
                404, ApiError.InvalidRequest, "sample_not_found", $"The run '{run.Name}' has no picture '{ApiError.Cut(name)}'.",
                "file");
        return Results.Stream(Open(run, file), "image/png", lastModified: file.LastWriteTimeUtc);
    }

    // What was a picture when the folder was listed may be gone since, or something else.
    private static FileStream Open(RunFiles run, FileInfo file)
    {
        try
        {
            return InputFile.Open(file.FullName, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (MezzotintException)
        {
            throw new ApiError(
                404, ApiError.InvalidRequest, "sample_not_found",
                $"The picture '{file.Name}' of the run '{run.Name}' cannot be read.", "file");
        }
    }
}

/// <summary>The answer to GET /api/runs.</summary>
internal sealed record RunList(IReadOnlyList<RunSummary> Runs);

/// <summary>A training as it stands.</summary>
/// <param name="Name">Its folder.</param>
/// <param name="State">training, stopped (it ended before its last epoch), or finished.</param>
/// <param name="Step">Steps done.</param>
/// <param name="Epoch">Epochs done, with a fraction.</param>
/// <param name="TrainLoss">The latest training loss.</param>
/// <param name="EvalLoss">The latest loss on the test images.</param>
/// <param name="ImagesPerSecond">The latest speed.</param>
/// <param name="Seconds">Seconds of training.</param>
/// <param name="Updated">When its log was last written, in seconds since 1970.</param>
/// <param name="Models">The models that it has kept, as requests name them: that of its last epoch as NAME, averages as
/// NAME@STEP.</param>
internal sealed record RunSummary(
    string Name, string State, long Step, double Epoch, double? TrainLoss, double? EvalLoss, double? ImagesPerSecond,
    double Seconds, long Updated, IReadOnlyList<string> Models);

/// <summary>The answer to GET /api/runs/{name}.</summary>
internal sealed record RunDescription(
    RunSummary Run, RunCurve Curve, IReadOnlyList<RunEpoch> Epochs, IReadOnlyList<string> Samples, string? Configuration);

/// <summary>The lines of a log, column by column.</summary>
internal sealed record RunCurve(
    IReadOnlyList<long> Step, IReadOnlyList<double> Epoch, IReadOnlyList<double> Seconds, IReadOnlyList<double> TrainLoss,
    IReadOnlyList<double> ImagesPerSecond);

/// <summary>The end of an epoch.</summary>
internal sealed record RunEpoch(double Epoch, long Step, double TrainLoss, double EvalLoss);
