#pragma warning disable MEAI001 // IImageGenerator is marked as experimental
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Mezzotint.Formats;
using Mezzotint.Serving;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>Mezzotint in a web application of others: <c>AddMezzotint</c> and <c>MapMezzotint</c>.</summary>
public sealed partial class ApplicationTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("mezzotint-application-").FullName;

    public ApplicationTests()
    {
        SmallStudio.WriteModel(Folder("one"), seed: 3);
        SmallStudio.WriteModel(Folder("two"), seed: 4);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Routes_below_a_prefix_draw_and_the_applications_own_are_left_alone()
    {
        await using var app = await StartAsync(options =>
        {
            Both(options);
            options.MaxBodyBytes = 10_000;
        });
        using var client = Client(app);
        var answer = await DrawAsync(client, new { prompt = "7", seed = 5, response_format = "url" });
        string address = answer.GetProperty("data")[0].GetProperty("url").GetString()!;
        Assert.StartsWith($"{client.BaseAddress}images/v1/images/files/", address, StringComparison.Ordinal);
        Assert.Equal(Alone("one", 7, 5), PngFile.Decode(await client.GetByteArrayAsync(new Uri(address)), "image").Image.Pixels);
        Assert.Equal("from the application", await client.GetStringAsync(At("/own")));
        Assert.Contains("<title>", await client.GetStringAsync(At("/images")), StringComparison.Ordinal);

        using var wrong = await client.PostAsJsonAsync(At("/images/v1/images/generations"), new { prompt = "7", steps = 0 });
        Assert.Equal((400, "integer_below_min_value", "steps"), Head(await SmallStudio.ErrorAsync(wrong)));
        using var large = await client.PostAsync(
            At("/images/v1/images/generations"), new StringContent(new string(' ', 10_001), null, "application/json"));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, large.StatusCode);
        using var unknown = await client.GetAsync(At("/nowhere"));
        Assert.Equal(("", HttpStatusCode.NotFound), (await unknown.Content.ReadAsStringAsync(), unknown.StatusCode));
    }

    [Fact]
    public async Task Conventions_of_the_application_hold_for_all_routes()
    {
        await using var app = await StartAsync(
            Both, routes => routes.Add(endpoint =>
            {
                var inner = endpoint.RequestDelegate!;
                endpoint.RequestDelegate = context =>
                {
                    context.Response.Headers["X-Seen"] = "yes";
                    return inner(context);
                };
            }));
        using var client = Client(app);
        foreach (string path in (string[])["/images/", "/images/v1/models", "/images/healthz"])
        {
            using var response = await client.GetAsync(At(path));
            Assert.Equal((HttpStatusCode.OK, "yes"), (response.StatusCode, response.Headers.GetValues("X-Seen").Single()));
        }
    }

    [Fact]
    public async Task Models_are_listed_and_an_unknown_one_is_named()
    {
        await using var app = await StartAsync(Both);
        using var client = Client(app);
        var listed = await client.GetFromJsonAsync<JsonElement>(At("/images/v1/models"));
        Assert.Equal(
            ["one", "two"], listed.GetProperty("data").EnumerateArray().Select(model => model.GetProperty("id").GetString()!));
        using var unknown = await client.PostAsJsonAsync(
            At("/images/v1/images/generations"), new { prompt = "3", model = "three" });
        Assert.Equal((404, "model_not_found", "model"), Head(await SmallStudio.ErrorAsync(unknown)));
    }

    [Fact]
    public async Task Errors_beside_OpenAIs_routes_are_problems_as_the_application_writes_them()
    {
        await using var app = await StartAsync(
            services => services.AddMezzotint(Both).AddProblemDetails(problems =>
                problems.CustomizeProblemDetails = context => context.ProblemDetails.Instance = "from the application"), null);
        using var client = Client(app);
        using var problem = await client.GetAsync(At("/images/api/samplers?steps=0"));
        Assert.Equal((400, "integer_below_min_value", "steps"), Head(await SmallStudio.ErrorAsync(problem)));
        Assert.Equal(
            "from the application",
            (await problem.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("instance").GetString());
        using var lost = await client.GetAsync(At("/images/api/runs/lost"));
        Assert.Equal((404, "run_not_found", "name"), Head(await SmallStudio.ErrorAsync(lost)));
    }

    [Fact]
    public async Task Meters_tell_the_queue_errors_by_type_and_models()
    {
        await using var app = await StartAsync(options =>
        {
            Both(options);
            options.WarmUp = false;
        });
        using var read = new MeterReading(app.Services);
        using var client = Client(app);
        var drawing = DrawAsync(client, new { prompt = "1", n = 4, steps = 300, response_format = "url" });
        await SmallStudio.UntilAsync(() => app.Services.GetRequiredService<RequestQueue>().Requests > 0);
        Assert.Equal((1, 4), (read.Now("mezzotint.queue.requests"), read.Now("mezzotint.queue.images")));
        await drawing;
        Assert.Equal((0, 0), (read.Now("mezzotint.queue.requests"), read.Now("mezzotint.queue.images")));
        Assert.True(read.Now("mezzotint.images.kept") > 0);
        Assert.Equal(1, read.Count("mezzotint.model.load"));
        double each = DiffusionPipeline.EstimateBytes(Mezzotint.Models.ModelFolder.ReadInfo(Folder("one")), 1);
        Assert.Equal((long)each, read.Now("mezzotint.models.memory"));
        using (await client.PostAsJsonAsync(At("/images/v1/images/generations"), new { prompt = "1", steps = 0 }))
            Assert.Equal(1, read.Sum("mezzotint.errors", "integer_below_min_value"));
    }

    [Fact]
    public async Task Image_generators_have_the_models_names_as_keys()
    {
        await using var app = await StartAsync(Both);
        async Task<byte[]> By(IImageGenerator generator)
        {
            var options = new ImageGenerationOptions { AdditionalProperties = new() { ["seed"] = 2L } };
            var response = await generator.GenerateAsync(new ImageGenerationRequest("4"), options);
            return PngFile.Decode(((DataContent)response.Contents.Single()).Data.ToArray(), "image").Image.Pixels;
        }
        Assert.Equal(Alone("one", 4, 2), await By(app.Services.GetRequiredService<IImageGenerator>()));
        Assert.Equal(Alone("two", 4, 2), await By(app.Services.GetRequiredKeyedService<IImageGenerator>("two")));
        Assert.Contains(
            "There is no model 'three'",
            Assert.Throws<InvalidOperationException>(() =>
                app.Services.GetRequiredKeyedService<IImageGenerator>("three")).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_is_lost_when_the_application_ends_and_what_was_begun_is_drawn()
    {
        await using var app = await StartAsync(Both);
        var health = app.Services.GetRequiredService<HealthCheckService>();
        Assert.Equal(HealthStatus.Healthy, (await health.CheckHealthAsync()).Status);
        using var client = Client(app);
        var drawing = DrawAsync(client, new { prompt = "1", n = 4, steps = 300 });
        await SmallStudio.UntilAsync(() => app.Services.GetRequiredService<RequestQueue>().Requests > 0);
        var stopping = app.StopAsync();
        await SmallStudio.UntilAsync(() => app.Services.GetRequiredService<Drain>().Draining);
        Assert.Equal(HealthStatus.Unhealthy, (await health.CheckHealthAsync()).Status);
        Assert.Equal(4, (await drawing).GetProperty("data").GetArrayLength());
        await stopping;
    }

    [Fact]
    public async Task A_configuration_names_models_and_limits()
    {
        var settings = new Dictionary<string, string?>
        {
            ["Mezzotint:Models:mine:Folder"] = Folder("two"), ["Mezzotint:MaxCount"] = "2", ["Mezzotint:Deadline"] = "00:01:00",
        };
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings).Build();
        await using var app = await StartAsync(services => services.AddMezzotint(configuration.GetSection("Mezzotint")), null);
        using var client = Client(app);
        var drawn = await DrawAsync(client, new { prompt = "6", seed = 1, model = "mine" });
        Assert.Equal(Alone("two", 6, 1), SmallStudio.Pixels(drawn));
        using var many = await client.PostAsJsonAsync(At("/images/v1/images/generations"), new { prompt = "6", n = 3 });
        Assert.Equal((400, "integer_above_max_value", "n"), Head(await SmallStudio.ErrorAsync(many)));
        Assert.Equal(TimeSpan.FromMinutes(1), app.Services.GetRequiredService<MezzotintOptions>().Deadline);
    }

    [Fact]
    public async Task What_is_wrong_with_the_options_ends_the_application_at_its_start()
    {
        async Task Refused<T>(Action<MezzotintOptions> configure, string why) where T : Exception =>
            Assert.Contains(
                why, (await Assert.ThrowsAsync<T>(() => StartAsync(configure))).Message, StringComparison.Ordinal);
        await Refused<MezzotintException>(_ => { }, "There is no model to draw with");
        await Refused<MezzotintException>(
            options => options.Models["lost"] = new() { Folder = Folder("lost") }, "The model 'lost': ");
        await Refused<MezzotintException>(
            options =>
            {
                Both(options);
                options.MemoryBudget = 1e-3;
            }, "raise it, or give the model fewer threads");
        await Refused<OptionsValidationException>(
            options =>
            {
                Both(options);
                options.MaxCount = 0;
            }, "MaxRequests and MaxImages are 1 or more");
        await Refused<OptionsValidationException>(
            options => options.Models["one"] = new() { Folder = Folder("one"), Precision = "float8" },
            "Models:one:Precision is 'float8'; it is one of auto, float32, bfloat16.");
        await Refused<OptionsValidationException>(
            options =>
            {
                Both(options);
                options.PublicUrl = "draw.example";
            }, "PublicUrl 'draw.example' is no address that a browser shows");
    }

    private string Folder(string name) => Path.Combine(_folder, name);

    private void Both(MezzotintOptions options)
    {
        options.Models["one"] = new() { Folder = Folder("one"), Threads = 1 };
        options.Models["two"] = new() { Folder = Folder("two"), Threads = 1 };
    }

    /// <summary>The pixels of an image, drawn without the application.</summary>
    private byte[] Alone(string name, int label, long seed)
    {
        using var pipeline = DiffusionPipeline.Load(Folder(name), threads: 1);
        return pipeline.Generate([label], new() { Seed = seed }).Images.Pixels;
    }

    private static Task<WebApplication> StartAsync(
        Action<MezzotintOptions> configure, Action<IEndpointConventionBuilder>? convention = null) =>
        StartAsync(services => services.AddMezzotint(configure), convention);

    private static async Task<WebApplication> StartAsync(
        Action<IServiceCollection> add, Action<IEndpointConventionBuilder>? convention)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Services.AddRoutingCore();
        add(builder.Services);
        builder.Services.AddHealthChecks().AddMezzotint();
        var app = builder.Build();
        try
        {
            app.UseRouting();
            app.MapGet("/own", () => "from the application");
            var routes = app.MapMezzotint("/images");
            convention?.Invoke(routes);
            await app.StartAsync(TestContext.Current.CancellationToken);
            return app;
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
    }

    private static HttpClient Client(WebApplication app) =>
        new() { BaseAddress = new Uri(app.Urls.First()), Timeout = Timeout.InfiniteTimeSpan };

    private static Uri At(string path) => new(path, UriKind.Relative);

    private static async Task<JsonElement> DrawAsync(HttpClient client, object body)
    {
        using var response = await client.PostAsJsonAsync(At("/images/v1/images/generations"), body);
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == HttpStatusCode.OK, text);
        return JsonDocument.Parse(text).RootElement;
    }

    private static (int, string?, string?) Head((int Status, string? Code, string? Param, string) error) =>
        (error.Status, error.Code, error.Param);
}
