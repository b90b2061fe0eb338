using System.Net;
using Mezzotint.Serving;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>A web application of the user's own, with the library alone: it knows by the type of the exception whose mistake it
/// is.</summary>
public class OwnApplicationTests
{
    [Theory]
    [InlineData("/draw?prompt=7", 200, "")]
    [InlineData("/draw?prompt=-1", 400, "prompt")]
    [InlineData("/draw?prompt=a+cat", 400, "prompt")]
    [InlineData("/draw?prompt=7&sampler=huen", 400, "sampler")]
    [InlineData("/draw?prompt=7&count=0", 400, "count")]
    [InlineData("/draw?prompt=7&seed=-1", 400, "seed")]
    [InlineData("/load?folder=nowhere", 500, "")]
    public async Task Wrong_requests_and_broken_models_are_two_types(string path, int status, string key)
    {
        await using var studio = await SmallStudio.StartAsync();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Services.AddRoutingCore();
        await using var app = builder.Build();
        app.Use(async (context, next) =>
        {
            try
            {
                await next(context);
            }
            catch (InvalidRequestException wrong)
            {
                context.Response.StatusCode = 400;
                await context.Response.WriteAsync(wrong.Key ?? "none");
            }
            catch (MezzotintException)
            {
                context.Response.StatusCode = 500;
            }
        });
        app.UseRouting();
        app.MapGet("/draw", (string prompt, string? sampler, int? count, long? seed) =>
            Results.Bytes(
                studio.Pipeline.Generate(prompt, new() { Sampler = sampler, Count = count ?? 1, Seed = seed }).ToPng(0),
                "image/png"));
        app.MapGet("/load", (string folder) =>
        {
            using var pipeline = DiffusionPipeline.Load(folder);
            return pipeline.Name;
        });
        await app.StartAsync(TestContext.Current.CancellationToken);
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        using var response = await client.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal((HttpStatusCode)status, response.StatusCode);
        if (status != 200)
            Assert.Equal(key, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }
}
