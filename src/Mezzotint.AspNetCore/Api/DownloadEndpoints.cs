using Mezzotint.Models;
using Mezzotint.Serving;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Mezzotint.AspNetCore.Api;

/// <summary><c>GET /api/models/{model}/{file}</c>: a served model's network as a file of ONNX or safetensors, where the server
/// gives models away.</summary>
internal sealed class DownloadEndpoints(ServedModels models, MezzotintOptions options, Admission admission) : IDisposable
{
    /// <summary>Larger networks are made to a file by <c>mezzotint export</c>: one of ONNX is put together in memory.</summary>
    public const long MostParameters = 250_000_000;

    private const string Onnx = "model.onnx", Safetensors = "model.safetensors";

    private readonly SemaphoreSlim _one = new(1);

    public void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet("/api/models/{model}/{file}", (Delegate)SendAsync)
            .WithSummary(
                "The network of a model as model.onnx or model.safetensors, with the model's description in its metadata.")
            .Produces(200, contentType: "application/octet-stream").ProducesProblem(403).ProducesProblem(404).ProducesProblem(409)
            .ProducesProblem(503).ProducesProblem(504);

    public void Dispose() => _one.Dispose();

    private Task SendAsync(HttpContext context, string model, string file) => admission.RunAsync(context, async stop =>
    {
        if (!options.AllowDownloads)
            throw new ApiError(403, ApiError.InvalidRequest, "downloads_off", "This server gives no model away.");
        if (file is not (Onnx or Safetensors))
            throw new ApiError(
                404, ApiError.InvalidRequest, "file_not_found",
                $"There is no file '{ApiError.Cut(file)}' of a model: there are {Onnx} and {Safetensors}.", "file");
        using var rented = await models.RentAsync(model, stop).ConfigureAwait(false);
        var pipeline = rented.Pipeline;
        if (pipeline.Model.Model.ParameterCount > MostParameters)
            throw NotHere(
                $"The model '{model}' has {pipeline.Model.Model.ParameterCount} parameters, too many to be written here: "
                + "`mezzotint export` makes the file.");
        await using var written = await WrittenAsync(pipeline, file, stop).ConfigureAwait(false);
        var headers = context.Response.Headers;
        context.Response.ContentType = "application/octet-stream";
        context.Response.ContentLength = written.Length;
        headers.ContentDisposition = $"attachment; filename=\"{Plain(model)}{Path.GetExtension(file)}\"";
        headers.CacheControl = "no-store";
        await written.CopyToAsync(context.Response.Body, stop).ConfigureAwait(false);
    });

    /// <summary>The file, which is gone when it is closed: one is made at a time.</summary>
    private async Task<FileStream> WrittenAsync(DiffusionPipeline pipeline, string file, CancellationToken stop)
    {
        string path = Path.Combine(Path.GetTempPath(), $"mezzotint-{Guid.NewGuid():N}{Path.GetExtension(file)}");
        await _one.WaitAsync(stop).ConfigureAwait(false);
        try
        {
            await Task.Run(() =>
            {
                if (file == Onnx)
                    pipeline.WriteOnnx(path);
                else
                    pipeline.WriteSafetensors(path);
            }, CancellationToken.None).ConfigureAwait(false);
            return new FileStream(
                path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16,
                FileOptions.DeleteOnClose | FileOptions.Asynchronous);
        }
        catch (MezzotintException wrong)
        {
            File.Delete(path);
            throw NotHere(wrong.Message);
        }
        finally
        {
            _one.Release();
        }
    }

    private static ApiError NotHere(string why) => new(409, ApiError.InvalidRequest, "no_such_download", why, "model");

    /// <summary>A name for a file, of letters, digits and what goes between.</summary>
    private static string Plain(string name) =>
        string.Concat(name.Select(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.' ? letter : '-'));
}
