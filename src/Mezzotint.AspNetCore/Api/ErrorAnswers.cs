using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace Mezzotint.AspNetCore.Api;

/// <summary>Turns whatever goes wrong into an answer, and counts it. Clients learn nothing of the inside.</summary>
internal sealed partial class ErrorAnswers(
    RequestDelegate next, ErrorCounter errors, MezzotintOptions options, ILogger<ErrorAnswers> log)
{
    public async Task InvokeAsync(HttpContext context)
    {
        // At the start of the answer: an error clears the headers that were set before it.
        context.Response.OnStarting(() =>
        {
            var headers = context.Response.Headers;
            headers.XContentTypeOptions = "nosniff";
            headers["Referrer-Policy"] = "no-referrer";
            headers["Cross-Origin-Resource-Policy"] = "same-origin";
            return Task.CompletedTask;
        });
        try
        {
            await next(context).ConfigureAwait(false);
            if (context.Response is { HasStarted: false, StatusCode: >= 400 })
                throw OfStatus(context);
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            errors.CountGone(Route(context));
        }
#pragma warning disable CA1031 // the last place where an exception can become an answer
        catch (Exception error)
#pragma warning restore CA1031
        {
            await AnswerAsync(context, error).ConfigureAwait(false);
        }
    }

    private async Task AnswerAsync(HttpContext context, Exception error)
    {
        var answer = error switch
        {
            ApiError known => known,
            BadHttpRequestException { StatusCode: 413 } => ApiError.TooLarge(options.MaxBodyBytes),
            BadHttpRequestException bad =>
                new ApiError(
                    bad.StatusCode, ApiError.InvalidRequest, "bad_request", "The request is not valid HTTP, or came too slowly."),
            InvalidRequestException wrong => ApiError.Of(wrong),
            _ => ApiError.Unexpected(),
        };
        string route = Route(context);
        errors.Count(answer.Code, answer.Status, route);
        if (answer.Status >= 500 && error is not ApiError)
            Unexpected(context.Request.Method, route, error);
        else
            Refused(context.Request.Method, route, answer.Status, answer.Code);
        try
        {
            if (!context.Response.HasStarted)
                await answer.WriteAsync(context).ConfigureAwait(false);
            else if (context.Response.ContentType?.StartsWith("text/event-stream", StringComparison.Ordinal) == true)
                await ImagesWriter.WriteErrorAsync(context, answer, context.RequestAborted).ConfigureAwait(false);
            else
                context.Abort(); // half an answer must not look like a whole one
        }
        catch (Exception gone) when (gone is OperationCanceledException or IOException)
        {
            errors.CountGone(route);
        }
    }

    /// <summary>What routing found wrong comes without a body.</summary>
    private static ApiError OfStatus(HttpContext context) => context.Response.StatusCode switch
    {
        404 =>
            new ApiError(
                404, ApiError.InvalidRequest, "unknown_url",
                $"Unknown request URL: {context.Request.Method} {ApiError.Cut(context.Request.Path.Value ?? "")}. /openapi.json "
                + $"says which there are."),
        405 =>
            new ApiError(
                405, ApiError.InvalidRequest, "method_not_supported",
                $"{ApiError.Cut(context.Request.Path.Value ?? "")} does not take {context.Request.Method}. /openapi.json says "
                + $"what it takes."),
        415 =>
            new ApiError(
                415, ApiError.InvalidRequest, "unsupported_content_type",
                "The body is of another type than this address takes: JSON, or for edits a form, as the header Content-Type "
                + "says."),
        var status => new ApiError(status, ApiError.InvalidRequest, "bad_request", "The request cannot be answered."),
    };

    /// <summary>The pattern, not the path: clients must not be able to make up tags.</summary>
    private static string Route(HttpContext context) => (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "other";

    [LoggerMessage(Level = LogLevel.Error, Message = "{Method} {Route} failed.")]
    private partial void Unexpected(string method, string route, Exception error);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Method} {Route} is answered with {Status}: {Code}.")]
    private partial void Refused(string method, string route, int status, string code);
}
