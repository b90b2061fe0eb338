// Images in a web application of one's own: who may ask, how much at once, health, traces and meters are the application's.
//
//     dotnet run --project samples/WebApplication -- --Key secret --Mezzotint:Models:digits:Folder models/mnist
//     curl -H "X-Key: secret" --json '{"prompt": "7"}' http://127.0.0.1:5000/images/v1/images/generations

using System.Security.Claims;
using System.Text.Encodings.Web;
using Mezzotint.AspNetCore;
using Mezzotint.Serving;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Options;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

var builder = WebApplication.CreateSlimBuilder(args);
builder.Services.AddMezzotint(builder.Configuration.GetSection("Mezzotint"));
builder.Services.AddHealthChecks().AddMezzotint();
builder.Services.AddProblemDetails();
builder.Services.AddAuthentication(KeyHandler.Scheme)
    .AddScheme<AuthenticationSchemeOptions, KeyHandler>(KeyHandler.Scheme, configureOptions: null);
builder.Services.AddAuthorization();
builder.Services.AddRateLimiter(limits =>
    limits.AddConcurrencyLimiter("few", few => (few.PermitLimit, few.QueueLimit) = (4, 16)));

// Without the requests' own spans OpenTelemetry would leave out those inside them. To whom all go, an exporter says:
// AddOtlpExporter() of the package OpenTelemetry.Exporter.OpenTelemetryProtocol.
builder.Services.AddOpenTelemetry()
    .WithTracing(traces => traces.AddSource("Microsoft.AspNetCore", MezzotintTelemetry.Name))
    .WithMetrics(metrics => metrics.AddMeter(MezzotintTelemetry.Name));

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
app.Run();

/// <summary>Whoever sends the application's key in the header X-Key may ask.</summary>
internal sealed class KeyHandler(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, UrlEncoder encoder,
    IConfiguration configuration)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    public new const string Scheme = "key";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(
        configuration["Key"] is { Length: > 0 } key && Request.Headers["X-Key"] == key
            ? AuthenticateResult.Success(new(new ClaimsPrincipal(new ClaimsIdentity(Scheme)), Scheme))
            : AuthenticateResult.NoResult());
}
