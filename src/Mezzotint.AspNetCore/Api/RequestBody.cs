using System.Buffers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Mezzotint.AspNetCore.Api;

/// <summary>Reads the body of a request, never more of it than is accepted.</summary>
internal static class RequestBody
{
    /// <summary>A request in JSON is a few fields.</summary>
    private const int MostJson = 64 << 10;

    /// <summary>The fields of a JSON body.</summary>
    /// <param name="request">The request.</param>
    /// <param name="stop">Stops reading.</param>
    /// <param name="most">The most bytes, where the fields hold a picture.</param>
    /// <exception cref="ApiError">It is of another type, too large, or no JSON object.</exception>
    public static async Task<RequestFields> ReadJsonAsync(
        HttpRequest request, CancellationToken stop, long most = MostJson)
    {
        // Browsers send other types across sites without asking first.
        if (!request.HasJsonContentType())
            throw new ApiError(
                415, ApiError.InvalidRequest, "unsupported_content_type",
                "The body must be JSON: send it with the header Content-Type: application/json.");
        if (request.ContentLength > most)
            throw ApiError.TooLarge(most);
        var body = new ArrayBufferWriter<byte>();
        while (await request.Body.ReadAsync(body.GetMemory(4096), stop).ConfigureAwait(false) is > 0 and var read)
        {
            body.Advance(read);
            if (body.WrittenCount > most)
                throw ApiError.TooLarge(most);
        }
        return RequestFields.OfJson(body.WrittenMemory);
    }

    /// <summary>The texts and files of a form.</summary>
    /// <exception cref="ApiError">It is of another type, too large, or not what a form is.</exception>
    public static async Task<IFormCollection> ReadFormAsync(HttpRequest request, long mostBytes, CancellationToken stop)
    {
        if (request.ContentType?.StartsWith("multipart/form-data", StringComparison.OrdinalIgnoreCase) != true)
            throw new ApiError(
                415, ApiError.InvalidRequest, "unsupported_content_type",
                "The body must be a form: send it with the header Content-Type: multipart/form-data.");
        try
        {
            return await request.ReadFormAsync(new FormOptions
            {
                // All of it in memory, never in a temporary file: the body's limit is the limit of the memory.
                MemoryBufferThreshold = (int)Math.Min(mostBytes, int.MaxValue),
                BufferBodyLengthLimit = mostBytes,
                MultipartBodyLengthLimit = mostBytes,
                ValueCountLimit = 64,
                ValueLengthLimit = (int)Math.Min(mostBytes, int.MaxValue), // a picture may come as text
            }, stop).ConfigureAwait(false);
        }
        catch (Exception wrong) when (
            wrong is InvalidDataException or IOException and not BadHttpRequestException && !stop.IsCancellationRequested)
        {
            throw ApiError.Invalid(null, "The body is not a valid form.", "invalid_form");
        }
    }

    /// <summary>The bytes of the one picture of a field, sent as a file, as a data URI or as base64; null where there is
    /// none.</summary>
    /// <exception cref="ApiError">There are several, or a text is no picture.</exception>
    public static async Task<byte[]?> FileAsync(IFormCollection form, string name, CancellationToken stop)
    {
        var files = form.Files.Where(file => file.Name == name || file.Name == name + "[]").ToList();
        List<string> texts = [.. form[name].Concat(form[name + "[]"]).OfType<string>().Where(text => text.Length > 0)];
        if (files.Count + texts.Count > 1)
            throw ApiError.Invalid(name, $"There are {files.Count + texts.Count} pictures in '{name}': one is drawn from.");
        if (texts.Count == 1)
            return OfText(name, texts[0]);
        if (files.Count == 0)
            return null;
        using var bytes = new MemoryStream();
        await using var stream = files[0].OpenReadStream();
        await stream.CopyToAsync(bytes, stop).ConfigureAwait(false);
        return bytes.ToArray();
    }

    /// <summary>The bytes of a picture that was sent as base64 or as a data URI.</summary>
    /// <exception cref="ApiError">It is neither.</exception>
    public static byte[] OfText(string name, string text)
    {
        string base64 = text;
        if (text.StartsWith("data:", StringComparison.OrdinalIgnoreCase))
        {
            int comma = text.IndexOf(',', StringComparison.Ordinal);
            base64 = comma > 0 && text.AsSpan(0, comma).EndsWith(";base64", StringComparison.OrdinalIgnoreCase)
                ? text[(comma + 1)..] : "";
        }
        byte[] bytes = new byte[base64.Length / 4 * 3 + 3];
        return base64.Length > 0 && Convert.TryFromBase64String(base64, bytes, out int length) && length > 0 ? bytes[..length]
            : throw ApiError.Invalid(
                name, $"'{name}' must be a file, as curl sends with -F {name}=@picture.png, or its bytes as base64 or as a data "
                + $"URI (data:image/png;base64,...).");
    }
}
