#:sdk Microsoft.NET.Sdk.Web
#:project ../src/Mezzotint.Studio/Mezzotint.Studio.csproj
#:property NoWarn=$(NoWarn);MEAI001
// Images in a web application of one's own: who may ask, how much at once, health and traces are the application's.
//
//     KEY=secret dotnet run samples/WebApplication.cs -- models/mnist --urls http://127.0.0.1:5000
//     curl -H "X-Key: secret" --json '{"prompt": "7"}' http://127.0.0.1:5000/images/v1/images/generations

using System.Diagnostics;
using System.Security.Claims;
using System.Text.Encodings.Web;
using Mezzotint.Serving;
using Mezzotint.Studio;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Options;

var builder = WebApplication.CreateSlimBuilder(args);
builder.Services.AddMezzotint(options => options.Models["digits"] = new() { Folder = args[0] });
builder.Services.AddHealthChecks().AddMezzotint();
builder.Services.AddAuthentication("key").AddScheme<AuthenticationSchemeOptions, KeyHandler>("key", _ => { });
builder.Services.AddAuthorization();
builder.Services.AddRateLimiter(limits =>
    limits.AddConcurrencyLimiter("few", few => (few.PermitLimit, few.QueueLimit) = (4, 16)));

// OpenTelemetry's exporters listen to the same source: AddSource(MezzotintTelemetry.Name).
using var spans = new ActivityListener
{
    ShouldListenTo = source => source.Name == MezzotintTelemetry.Name,
    Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
    ActivityStopped = span => Console.WriteLine(
        $"{span.OperationName}: {span.GetTagItem("mezzotint.images")} in {span.Duration.TotalMilliseconds:F0} ms, "
        + $"{span.GetTagItem("mezzotint.evaluations")} evaluations"),
};
ActivitySource.AddActivityListener(spans);

var app = builder.Build();
app.UseAuthentication();
app.UseAuthorization();
app.UseRateLimiter();
app.MapHealthChecks("/health");
app.MapMezzotint("/images").RequireAuthorization().RequireRateLimiting("few");
app.MapGet("/digit/{prompt}.png", async (
    string prompt, [FromKeyedServices("digits")] IImageGenerator generator, CancellationToken stop) =>
{
    var options = new ImageGenerationOptions { AdditionalProperties = new() { ["steps"] = 10L, ["sampler"] = "heun" } };
    var drawn = await generator.GenerateAsync(new ImageGenerationRequest(prompt), options, stop);
    return Results.Bytes(((DataContent)drawn.Contents[0]).Data, "image/png");
});
app.Lifetime.ApplicationStarted.Register(() => Console.WriteLine($"open: {string.Join(", ", app.Urls)}"));
app.Run();

/// <summary>Whoever sends the key of the variable KEY in the header X-Key may ask.</summary>
internal sealed class KeyHandler(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(
        Environment.GetEnvironmentVariable("KEY") is { Length: > 0 } key && Request.Headers["X-Key"] == key
            ? AuthenticateResult.Success(new(new ClaimsPrincipal(new ClaimsIdentity("key")), "key"))
            : AuthenticateResult.NoResult());
}
