using Mezzotint.Evaluation.Reports;
using Mezzotint.Formats;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Mezzotint.AspNetCore.Api;

/// <summary><c>GET /api/models/{model}/report</c>: what <c>mezzotint evaluate --report</c> found of a model, where that lies in
/// the model's folder or its run's.</summary>
internal sealed class ReportEndpoints(ServedModels models, MezzotintOptions options)
{
    private const string Command = "`mezzotint evaluate MODEL --report MODEL/" + ServedModel.ReportName + "`";

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/models/{model}/report", (string model) =>
                Results.Json(Answer(models.Find(model)), ApiJson.Default.ReportAnswer))
            .WithSummary("The figures of the model's last evaluation, and the names of its pictures.").WithDescription(
                $"It is the one that {Command} wrote, MODEL being the model's folder or its run's. 404 where there is none.")
            .Produces<ReportAnswer>().ProducesProblem(404).ProducesProblem(409);
        routes.MapGet("/api/models/{model}/report/{file}", (string model, string file) => Picture(models.Find(model), file))
            .WithSummary("A picture of that report.").Produces(200, contentType: "image/png").ProducesProblem(404);
    }

    private ReportAnswer Answer(ServedModel model)
    {
        var folder = Folder(model);
        try
        {
            var report = ReportDocument.Read(folder.FullName);
            var written = File.GetLastWriteTimeUtc(Path.Combine(folder.FullName, ReportDocument.FileName));
            return new(
                report.ModelSha256 is null || model.Hash is null || report.ModelSha256 == model.Hash,
                new DateTimeOffset(written).ToUnixTimeSeconds(), report with
                {
                    // A report that ships with its model may leave pictures out, as they are large.
                    Pictures = [.. report.Pictures.Where(picture => Find(folder, picture.File) is not null)],
                });
        }
        catch (MezzotintException)
        {
            throw new ApiError(
                409, ApiError.InvalidRequest, "damaged_report",
                $"The report of the model '{model.Name}' cannot be read: make it anew, by {Made(model)}.", "model");
        }
    }

    private IResult Picture(ServedModel model, string name)
    {
        var file = Find(Folder(model), name) ?? throw NoPicture(model, name);
        try
        {
            return Results.Stream(InputFile.Open(file.FullName, FileShare.ReadWrite | FileShare.Delete), "image/png");
        }
        catch (MezzotintException)
        {
            throw NoPicture(model, name);
        }
    }

    private static FileInfo? Find(DirectoryInfo folder, string name) =>
        folder.EnumerateFiles("*.png").FirstOrDefault(file => file.Name == name && file.LinkTarget is null);

    /// <summary>The folder, looked up among those that are there: no link is followed.</summary>
    private DirectoryInfo Folder(ServedModel model) =>
        model.ReportFolder is { } path && new DirectoryInfo(path) is { Exists: true, LinkTarget: null } folder
            && new FileInfo(Path.Combine(path, ReportDocument.FileName)) is { Exists: true, LinkTarget: null } ? folder
            : throw new ApiError(
                404, ApiError.InvalidRequest, "no_report",
                $"The model '{model.Name}' has no report: {Made(model)} makes one.", "model");

    /// <summary>The command that makes one. Where its folders lie is for the program's own page alone.</summary>
    private string Made(ServedModel model) => options is StudioOptions && model.Folder is { } folder
        ? $"`mezzotint evaluate {folder} --report {Path.Combine(folder, ServedModel.ReportName)}`" : Command;

    private static ApiError NoPicture(ServedModel model, string name) => new(
        404, ApiError.InvalidRequest, "picture_not_found",
        $"The report of the model '{model.Name}' has no picture '{ApiError.Cut(name)}'.", "file");
}

/// <summary>The answer to GET /api/models/{model}/report.</summary>
/// <param name="SameModel">Whether the model that is served is the one that was evaluated, by its fingerprint.</param>
/// <param name="Written">When it was written, in seconds since 1970.</param>
/// <param name="Report">The report.</param>
internal sealed record ReportAnswer(bool SameModel, long Written, ReportDocument Report);
