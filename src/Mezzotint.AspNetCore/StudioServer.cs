using Mezzotint.AspNetCore.Api;
using Mezzotint.Serving;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Mezzotint.AspNetCore;

/// <summary>
/// The server: a pipeline behind HTTP, as OpenAI's clients know it. It reads the runs folder and the data that its models learned
/// from, no other files and no configuration but what it is given, and writes none but what is being downloaded.
/// </summary>
public sealed class StudioServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Drain _drain;

    private StudioServer(WebApplication app) => (_app, _drain) = (app, app.Services.GetRequiredService<Drain>());

    /// <summary>Where it listens, with the ports that were chosen.</summary>
    public IReadOnlyList<string> Addresses =>
        [.. _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses];

    /// <summary>Requests that have a place in the queue.</summary>
    internal RequestQueue Queue => _app.Services.GetRequiredService<RequestQueue>();

    /// <summary>What it is made of, for tests.</summary>
    internal IServiceProvider Services => _app.Services;

    /// <summary>Starts a server of one model.</summary>
    /// <param name="pipeline">Draws; it stays the caller's.</param>
    /// <param name="options">Addresses, key and limits; its models are not used.</param>
    /// <param name="logs">Where warnings and errors go; null for nowhere.</param>
    /// <param name="time">The clock; the system's where null.</param>
    /// <exception cref="MezzotintException">An option is wrong, or the address cannot be listened at.</exception>
    public static Task<StudioServer> StartAsync(
        DiffusionPipeline pipeline, StudioOptions options, ILoggerProvider? logs = null, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(pipeline);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        pipeline.CheckFullLoad();
        return StartAsync(
            services => ActivatorUtilities.CreateInstance<ServedModels>(services, pipeline), options, logs, time);
    }

    /// <summary>Starts a server of the models of its options, which it loads and frees.</summary>
    /// <param name="options">Models, addresses, key and limits.</param>
    /// <param name="logs">Where warnings and errors go; null for nowhere.</param>
    /// <param name="time">The clock; the system's where null.</param>
    /// <exception cref="MezzotintException">An option is wrong, a model cannot be loaded, or the address cannot be listened
    /// at.</exception>
    public static Task<StudioServer> StartAsync(
        StudioOptions options, ILoggerProvider? logs = null, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        return StartAsync(
            services => ActivatorUtilities.CreateInstance<ServedModels>(services, options), options, logs, time);
    }

    private static async Task<StudioServer> StartAsync(
        Func<IServiceProvider, ServedModels> models, StudioOptions options, ILoggerProvider? logs, TimeProvider? time)
    {
        var app = Build(models, options, logs, time ?? TimeProvider.System);
        try
        {
            Map(app, options);
            if (options.WarmUp)
                await app.Services.GetRequiredService<ServedModels>().WarmUpAsync(CancellationToken.None).ConfigureAwait(false);
            await ListenAsync(app, options).ConfigureAwait(false);
            return new StudioServer(app);
        }
        catch
        {
            await app.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static async Task ListenAsync(WebApplication app, StudioOptions options)
    {
        try
        {
            await app.StartAsync().ConfigureAwait(false);
        }
        catch (Exception refused) when (
            refused is IOException or InvalidOperationException or System.Net.Sockets.SocketException or FormatException)
        {
            throw new MezzotintException(
                $"--urls {options.Urls} cannot be listened at: {refused.Message.Split('\n')[0]} Choose another address or port.",
                refused);
        }
    }

    /// <summary>Takes nothing new, waits until what was taken is answered, and ends.</summary>
    /// <param name="grace">How long it waits; then the rest is cut off.</param>
    public async Task StopAsync(TimeSpan grace)
    {
        _drain.Begin();
        using var patience = new CancellationTokenSource(grace);
        using var cutting = patience.Token.Register(_drain.CutOff);
        // Requests that are cut off still have to be answered.
        using var end = new CancellationTokenSource(grace + TimeSpan.FromSeconds(5));
        while (Queue.Requests > 0 && !end.IsCancellationRequested)
            await Task.Delay(10).ConfigureAwait(false);
        await _app.StopAsync(end.Token).ConfigureAwait(false);
    }

    /// <summary>Ends without waiting for anything that is being drawn.</summary>
    public async ValueTask DisposeAsync()
    {
        await StopAsync(TimeSpan.Zero).ConfigureAwait(false);
        await _app.DisposeAsync().ConfigureAwait(false);
    }

    private static WebApplication Build(
        Func<IServiceProvider, ServedModels> models, StudioOptions options, ILoggerProvider? logs, TimeProvider time)
    {
        // Empty: no appsettings.json of the current folder and no variable of the environment says what the server does.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = options.MaxBodyBytes;
            kestrel.Limits.MaxConcurrentConnections = 1024;
        });
        builder.WebHost.UseUrls(options.Urls);
        if (logs is not null)
            builder.Logging.AddProvider(logs);
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton(options).AddSingleton<MezzotintOptions>(options).AddSingleton(time).AddServer(models);
        options.Services?.Invoke(builder.Services);
        builder.Services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.PropertyNamingPolicy = ApiJson.Default.Options.PropertyNamingPolicy;
            json.SerializerOptions.DefaultIgnoreCondition = ApiJson.Default.Options.DefaultIgnoreCondition;
            json.SerializerOptions.TypeInfoResolver = ApiJson.Default; // the document describes no type by reflection
        });
        builder.Services.AddOpenApi("v1", document => document.AddDocumentTransformer((api, _, _) =>
        {
            api.Info.Title = "Mezzotint";
            api.Info.Description = "Images of a diffusion model, as OpenAI's clients ask for them.";
            return Task.CompletedTask;
        }));
        return builder.Build();
    }

    private static void Map(WebApplication app, StudioOptions options)
    {
        app.UseMiddleware<ErrorAnswers>();
        PublicAddress.Use(app, options);
        app.UseMiddleware<Guard>();
        app.UseRouting(); // after the answers to errors, which name the route
        app.MapAll();
        app.MapOpenApi("/openapi.json");
        options.Routes?.Invoke(app);
    }
}
