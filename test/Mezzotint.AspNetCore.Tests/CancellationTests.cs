using System.Diagnostics.Metrics;
using System.Net.Http.Json;
using Mezzotint.Serving;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>A request that is given up frees the model within one step. What is counted are evaluations of the network: the one
/// after which the request is given up is the last that can be known, so that no clock and no connection is waited for.</summary>
public sealed class CancellationTests : IDisposable
{
    private const int Images = 6, Begun = 40;

    private readonly string _folder = Directory.CreateTempSubdirectory("mezzotint-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(false, "euler", 1, false)]
    [InlineData(false, "euler", 1, true)]
    [InlineData(false, "heun", 2, true)]
    [InlineData(true, "euler", 2, false)] // guidance asks twice
    [InlineData(true, "euler", 2, true)]
    public async Task A_request_that_is_given_up_asks_the_network_for_one_step_more_at_most(
        bool worded, string sampler, int evaluationsOfAStep, bool stream)
    {
        var token = TestContext.Current.CancellationToken;
        await using var studio = worded ? await SmallStudio.StartWordedAsync(_folder) : await SmallStudio.StartAsync();
        string prompt = worded ? "a red heart" : "7";
        using var stop = new CancellationTokenSource();
        await using var app = await StartAsync(studio.Pipeline, stop.Token);
        long given = 0;
        using var listener = OnEvaluation(() =>
        {
            if (studio.Pipeline.Work.Evaluations < Begun || stop.IsCancellationRequested)
                return;
            given = studio.Pipeline.Work.Evaluations;
            stop.Cancel();
        });
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        try
        {
            using var response = await client.PostAsJsonAsync("/v1/images/generations", new
            {
                prompt, n = Images, sampler, steps = 2000, stream, partial_images = stream ? 10 : 0, seed = 1,
            }, token);
            string answer = await response.Content.ReadAsStringAsync(token);
            Assert.DoesNotContain(stream ? "image_generation.completed" : "b64_json", answer, StringComparison.Ordinal);
        }
        catch (Exception gone) when (gone is HttpRequestException or IOException)
        {
            // the server has nobody to answer
        }
        var queue = app.Services.GetRequiredService<RequestQueue>();
        await SmallStudio.UntilAsync(() => queue.Requests == 0 && studio.Pipeline.Work.Waiting == 0);
        Assert.True(stop.IsCancellationRequested);
        long after = studio.Pipeline.Work.Evaluations - given;
        Assert.InRange(after, 0, Images * evaluationsOfAStep);
        using var drawn = await studio.PostAsync(new { prompt, seed = 3 });
        Assert.True(drawn.IsSuccessStatusCode, "The model does not draw for the next.");
    }

    private static MeterListener OnEvaluation(Action told)
    {
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Name == MezzotintTelemetry.Name && instrument.Name == "mezzotint.batch.size")
                    self.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<int>((_, _, _, _) => told());
        listener.Start();
        return listener;
    }

    /// <summary>An application whose requests are given up when <paramref name="stop"/> is.</summary>
    private static async Task<WebApplication> StartAsync(DiffusionPipeline pipeline, CancellationToken stop)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton(services => ActivatorUtilities.CreateInstance<ServedModels>(services, pipeline));
        builder.Services.AddMezzotint(options => options.MaxSteps = 10_000);
        var app = builder.Build();
        app.Use(async (context, next) =>
        {
            context.RequestAborted = stop;
            await next(context);
        });
        app.UseRouting();
        app.MapMezzotint("");
        await app.StartAsync(TestContext.Current.CancellationToken);
        return app;
    }
}
