using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.DependencyInjection;

namespace Mezzotint.AspNetCore.Api;

/// <summary>A request that is answered with an error: in the shape that OpenAI's clients read, <c>{"error": {"message", "type",
/// "param", "code"}}</c>, or elsewhere as problem details with <c>code</c> and <c>param</c>.</summary>
internal sealed class ApiError(int status, string type, string code, string message, string? param = null) : Exception(message)
{
    public const string InvalidRequest = "invalid_request_error", Server = "server_error", Limit = "rate_limit_error";

    /// <summary>The parameters of the API whose names are not the library's; all others are called alike.</summary>
    private static readonly Dictionary<string, string> Parameters = new(StringComparer.Ordinal)
    {
        ["guidance"] = "guidance_scale",
        ["guidance_kind"] = "guidance_scale",
        ["sampling.guidance"] = "guidance_scale",
        ["sampling.guidance_kind"] = "guidance_scale",
        ["sampling.steps"] = "steps",
        ["count"] = "n",
        ["labels"] = "label",
        ["source"] = "image",
    };

    public int Status => status;

    public string Code => code;

    /// <summary>The wait in seconds that is recommended to the client.</summary>
    public int? RetryAfter { get; init; }

    public ErrorBody Body => new(new ErrorFacts(Message, type, param, code));

    public static ApiError Invalid(string? param, string message, string code = "invalid_value") =>
        new(400, InvalidRequest, code, message, param);

    /// <summary>What the library finds wrong with a request, by the parameter that the API has for the library's key.</summary>
    public static ApiError Of(InvalidRequestException wrong) =>
        Invalid(
            wrong.Key is { } key ? Parameters.GetValueOrDefault(key, key) : null,
            wrong.Message,
            wrong.Key == "prompt" ? "prompt_not_understood" : "invalid_value");

    public static ApiError Twice(string header) =>
        new(400, InvalidRequest, "duplicate_header", $"The header {header} is there twice: send it once.");

    public static ApiError Missing(string param) =>
        new(400, InvalidRequest, "missing_required_parameter", $"Missing required parameter: '{param}'.", param);

    public static ApiError NoModel(string asked, string served) =>
        new(
            404, InvalidRequest, "model_not_found",
            $"The model '{Cut(asked)}' does not exist here; this server draws with '{served}'.", "model");

    public static ApiError TooLarge(long most) =>
        new(
            413, InvalidRequest, "request_too_large",
            $"The body of the request is larger than the {most} bytes that are accepted.");

    public static ApiError Busy(int waiting, int retryAfter) =>
        new(429, Limit, "rate_limit_exceeded", $"The queue is full, with {waiting} before this one. Try again in {retryAfter} s.")
            { RetryAfter = retryAfter };

    public static ApiError Draining() => new(503, Server, "shutting_down", "The server is shutting down.") { RetryAfter = 5 };

    public static ApiError Late(TimeSpan deadline) =>
        new(
            504, Server, "deadline_exceeded",
            $"The request was not done within its {deadline.TotalSeconds:0} s. Ask for fewer images or steps.");

    public static ApiError Unexpected() =>
        new(500, Server, "internal_error", "The server had an error while processing the request. Its log says which.");

    /// <summary>What a client sent, short enough to be shown to it again.</summary>
    public static string Cut(string text, int most = 80) => text.Length <= most ? text : text[..most] + "...";

    public async Task WriteAsync(HttpContext context)
    {
        context.Response.Clear();
        context.Response.StatusCode = Status;
        if (Status == 401)
            context.Response.Headers.WWWAuthenticate = "Bearer";
        if (RetryAfter is { } seconds)
            context.Response.Headers.RetryAfter = seconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
        await (OpenAiErrors.AreWanted(context)
            ? context.Response.WriteAsJsonAsync(Body, ApiJson.Default.ErrorBody, cancellationToken: context.RequestAborted)
            : WriteProblemAsync(context)).ConfigureAwait(false);
    }

    /// <summary>As the application writes problems, where it says how (<c>AddProblemDetails</c>).</summary>
    private async Task WriteProblemAsync(HttpContext context)
    {
        var problem = new ProblemDetails
        {
            Status = Status, Title = ReasonPhrases.GetReasonPhrase(Status), Detail = Message,
            Extensions = { ["code"] = code },
        };
        if (param is not null)
            problem.Extensions["param"] = param;
        if (context.RequestServices.GetService<IProblemDetailsService>() is { } service
            && await service.TryWriteAsync(new() { HttpContext = context, ProblemDetails = problem }).ConfigureAwait(false))
            return;
        await context.Response.WriteAsJsonAsync(
            problem, ApiJson.Default.ProblemDetails, "application/problem+json", context.RequestAborted).ConfigureAwait(false);
    }
}

/// <summary>The body of an error.</summary>
internal sealed record ErrorBody(ErrorFacts Error);

/// <summary>What is wrong.</summary>
internal sealed record ErrorFacts(
    string Message,
    string Type,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Param,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Code);
