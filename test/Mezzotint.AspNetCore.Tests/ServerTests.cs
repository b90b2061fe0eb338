using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;

namespace Mezzotint.AspNetCore.Tests;

public class ServerTests
{
    [Theory]
    [InlineData("http://0.0.0.0:7860", null, "say with --api-key KEY")]
    [InlineData("http://*:7860", null, "say with --api-key KEY")]
    [InlineData("http://+:7860", null, "say with --api-key KEY")]
    [InlineData("http://[::]:7860", null, "say with --api-key KEY")]
    [InlineData("http://example.org:7860", null, "say with --api-key KEY")]
    [InlineData("http://127.0.0.1:7860;http://10.0.0.1:7860", null, "say with --api-key KEY")]
    [InlineData("https://127.0.0.1:7860", null, "http alone")]
    [InlineData("http://127.0.0.1:7860/path", null, "has no path")]
    [InlineData("7860", null, "is no address")]
    [InlineData(";", null, "is empty")]
    [InlineData("http://127.0.0.1:0", "short", "at least 8 characters")]
    [InlineData("http://127.0.0.1:0", "with a blank", "without blanks")]
    public void Addresses_that_others_can_reach_need_a_key(string urls, string? key, string expected)
    {
        var refused = Assert.Throws<MezzotintException>(() => new StudioOptions { Urls = urls, ApiKey = key }.Validate());
        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://127.0.0.1:7860", null)]
    [InlineData("http://localhost:7860", null)]
    [InlineData("http://[::1]:7860", null)]
    [InlineData("http://0.0.0.0:7860", "long-enough")]
    public void Addresses_of_this_machine_need_none(string urls, string? key) =>
        new StudioOptions { Urls = urls, ApiKey = key }.Validate();

    [Fact]
    public async Task A_taken_address_is_one_line()
    {
        await using var studio = await SmallStudio.StartAsync();
        var refused = await Assert.ThrowsAsync<MezzotintException>(() =>
            StudioServer.StartAsync(studio.Pipeline, new() { Urls = studio.Server.Addresses[0] }));
        Assert.Contains("cannot be listened at", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    }

    [Fact]
    public async Task With_a_key_everything_but_health_needs_it()
    {
        await using var studio = await SmallStudio.StartAsync(new() { ApiKey = "correct-horse" });
        async Task<int> Get(string path, string? key)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            if (key is not null)
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
            using var response = await studio.Client.SendAsync(request);
            return (int)response.StatusCode;
        }
        foreach (string path in new[] { "/v1/models", "/api/runs", "/openapi.json" })
            Assert.Equal(
                (401, 401, 200), (await Get(path, null), await Get(path, "correct-hors"), await Get(path, "correct-horse")));
        Assert.Equal(200, await Get("/healthz", null));
    }

    [Fact]
    public async Task Web_pages_of_other_sites_are_refused()
    {
        await using var studio = await SmallStudio.StartAsync();
        async Task<(int, string?)> Get(Action<HttpRequestHeaders> change)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
            change(request.Headers);
            using var response = await studio.Client.SendAsync(request);
            return response.IsSuccessStatusCode
                ? (200, null) : (await SmallStudio.ErrorAsync(response)) is var error ? (error.Status, error.Code) : default;
        }
        Assert.Equal((403, "unknown_host"), await Get(headers => headers.Host = "evil.example:7860"));
        Assert.Equal((403, "cross_origin"), await Get(headers => headers.Add("Origin", "https://evil.example")));
        Assert.Equal((403, "cross_origin"), await Get(headers => headers.Add("Origin", "null")));
        Assert.Equal(
            (200, null),
            await Get(headers => headers.Add("Origin", studio.Client.BaseAddress!.GetLeftPart(UriPartial.Authority))));
        Assert.Equal((200, null), await Get(headers => headers.Host = $"localhost:{studio.Client.BaseAddress!.Port}"));
    }

    [Theory]
    [InlineData("Origin: http://HOST\r\nOrigin: https://evil.example", 400)]
    [InlineData("Origin: https://evil.example\r\nOrigin: http://HOST", 400)]
    [InlineData("Origin: http://HOST, https://evil.example", 403)]
    [InlineData("Origin:", 403)]
    [InlineData("Authorization: Bearer a\r\nAuthorization: Bearer b", 400)]
    [InlineData("Host: localhost", 400)]
    [InlineData("Origin: http://HOST", 200)]
    public async Task Headers_that_decide_who_may_ask_come_once(string headers, int status)
    {
        await using var studio = await SmallStudio.StartAsync();
        string host = studio.Client.BaseAddress!.Authority;
        using var socket = new System.Net.Sockets.TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, studio.Client.BaseAddress!.Port);
        string request =
            $"GET /v1/models HTTP/1.1\r\nHost: {host}\r\nConnection: "
            + $"close\r\n{headers.Replace("HOST", host, StringComparison.Ordinal)}\r\n\r\n";
        await socket.GetStream().WriteAsync(System.Text.Encoding.ASCII.GetBytes(request));
        using var reader = new StreamReader(socket.GetStream());
        Assert.StartsWith($"HTTP/1.1 {status}", await reader.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/page/main.js")]
    [InlineData("/healthz")]
    [InlineData("/nowhere")]
    [InlineData("/v1/models")] // without its key
    [InlineData("/v1/images/files/0123")]
    public async Task Every_answer_keeps_other_sites_out(string path)
    {
        await using var studio = await SmallStudio.StartAsync(new() { ApiKey = "correct-horse" });
        using var response = await studio.Client.GetAsync(new Uri(path, UriKind.Relative));
        Assert.Equal("same-origin", response.Headers.GetValues("Cross-Origin-Resource-Policy").Single());
        Assert.Equal("nosniff", response.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.Equal(response.StatusCode == HttpStatusCode.Unauthorized, response.Headers.WwwAuthenticate.Count == 1);
    }

    [Fact]
    public async Task Health_and_the_model_are_told()
    {
        await using var studio = await SmallStudio.StartAsync();
        async Task<JsonElement> Get(string path) =>
            JsonDocument.Parse(await studio.Client.GetStringAsync(new Uri(path, UriKind.Relative))).RootElement;
        Assert.Equal("ok", (await Get("/healthz")).GetProperty("status").GetString());
        var list = await Get("/v1/models");
        Assert.Equal("list", list.GetProperty("object").GetString());
        var model = list.GetProperty("data")[0];
        Assert.Equal(
            ("small", "model", "mezzotint", 8),
            (
                model.GetProperty("id").GetString(), model.GetProperty("object").GetString(),
                model.GetProperty("owned_by").GetString(), model.GetProperty("width").GetInt32()));
        Assert.Equal(
            ("euler", 6),
            (
                model.GetProperty("defaults").GetProperty("sampler").GetString(),
                model.GetProperty("defaults").GetProperty("steps").GetInt32()));
        Assert.Equal(model.GetRawText(), (await Get("/v1/models/small")).GetRawText());
    }

    [Fact]
    public async Task Samplers_tell_what_they_cost_and_how_far_evaluations_go()
    {
        await using var studio = await SmallStudio.StartAsync();
        async Task<(int? Steps, int? Evaluations)> Cost(string query, string sampler)
        {
            var answer = JsonDocument.Parse(
                await studio.Client.GetStringAsync(new Uri("/api/samplers?" + query, UriKind.Relative))).RootElement;
            var found =
                answer.GetProperty("samplers").EnumerateArray().Single(one => one.GetProperty("name").GetString() == sampler);
            int? Number(string name) => found.TryGetProperty(name, out var number) ? number.GetInt32() : null;
            return (Number("steps"), Number("evaluations"));
        }
        Assert.Equal((10, 19), await Cost("steps=10", "heun"));
        Assert.Equal((10, 19), await Cost("evaluations=20", "heun"));
        Assert.Equal((20, 20), await Cost("evaluations=20", "dpmpp-2m"));
        Assert.Equal((null, null), await Cost("evaluations=20", "dopri5"));
        using var refused = await studio.Client.GetAsync(new Uri("/api/samplers?steps=0", UriKind.Relative));
        Assert.Equal("steps", (await SmallStudio.ErrorAsync(refused)).Param);
    }

    [Fact]
    public async Task The_OpenAPI_document_names_every_address_and_field()
    {
        await using var studio = await SmallStudio.StartAsync();
        var document =
            JsonDocument.Parse(await studio.Client.GetStringAsync(new Uri("/openapi.json", UriKind.Relative))).RootElement;
        var paths = document.GetProperty("paths");
        foreach (
            string path in new[]
            {
                "/v1/images/generations", "/v1/images/edits", "/v1/images/files/{name}", "/v1/models", "/v1/models/{model}",
                "/api/measure", "/api/models/{model}/{file}", "/api/nearest", "/api/queue", "/api/runs", "/api/runs/{name}",
                "/api/runs/{name}/samples/{file}", "/api/samplers", "/healthz",
            })
            Assert.True(paths.TryGetProperty(path, out _), path);
        var responses = paths.GetProperty("/v1/images/generations").GetProperty("post").GetProperty("responses");
        foreach (string status in new[] { "200", "400", "401", "404", "413", "429", "503", "504" })
            Assert.True(responses.TryGetProperty(status, out _), status);
        // Parameters of queries have types and ranges.
        var steps = paths.GetProperty("/api/samplers").GetProperty("get").GetProperty("parameters").EnumerateArray()
            .Single(parameter => parameter.GetProperty("name").GetString() == "steps");
        Assert.Equal("query", steps.GetProperty("in").GetString());
        var schema = steps.GetProperty("schema");
        Assert.Equal(("integer", 1, 1000), (
            schema.GetProperty("type").GetString(), schema.GetProperty("minimum").GetInt32(),
            schema.GetProperty("maximum").GetInt32()));
        foreach (
            string path in new[]
                { "/api/noise", "/api/samplers", "/api/schedule", "/api/toy", "/api/toy/paths", "/api/queue" })
            Assert.All(paths.GetProperty(path).GetProperty("get").GetProperty("parameters").EnumerateArray(), parameter =>
                Assert.NotEmpty(parameter.GetProperty("description").GetString()!));
        var fields =
            document.GetProperty("components").GetProperty("schemas").GetProperty("GenerationBody").GetProperty("properties");
        foreach (
            string field in new[]
            {
                "prompt", "label", "n", "size", "response_format", "output_format", "stream", "partial_images", "seed", "sampler",
                "steps", "guidance_scale",
            })
            Assert.True(fields.TryGetProperty(field, out _), field);
    }

    [Fact]
    public async Task Kept_images_expire_and_never_fill_the_memory()
    {
        var clock = new HandClock();
        await using var studio =
            await SmallStudio.StartAsync(new() { KeepImages = TimeSpan.FromMinutes(10), MaxKeptBytes = 20_000 }, clock);
        async Task<Uri> Draw() =>
            new(
                (await studio.DrawAsync(new { prompt = "7", response_format = "url" })).GetProperty("data")[0].GetProperty("url")
                    .GetString()!);
        async Task<int> Get(Uri address)
        {
            using var response = await studio.Client.GetAsync(address);
            return (int)response.StatusCode;
        }
        var first = await Draw();
        Assert.Equal(200, await Get(first));
        clock.Advance(TimeSpan.FromMinutes(11));
        Assert.Equal(404, await Get(first));

        var second = await Draw();
        Assert.Equal(200, await Get(second));
        var last = second;
        for (int i = 0; i < 60; i++)
            last = await Draw();
        Assert.Equal((404, 200), (await Get(second), await Get(last)));
        Assert.InRange(studio.Server.Services.GetRequiredService<ImageStore>().Bytes, 1, 20_000);
    }

    /// <summary>A clock that is moved by hand; its timers are the system's.</summary>
    private sealed class HandClock : TimeProvider
    {
        private TimeSpan _ahead;

        public void Advance(TimeSpan time) => _ahead += time;

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + _ahead;
    }
}
