using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using Mezzotint.Formats;
using Mezzotint.Serving;

namespace Mezzotint.Cli.Tests;

/// <summary><c>mezzotint serve</c> as a program: it starts, draws, and ends in good order.</summary>
public sealed class ServeTests : IDisposable
{
    private readonly ScratchFolder _scratch = new();
    private readonly string _model;

    public ServeTests() => _model = TinyTraining.WriteModel(_scratch["models", "tiny"]);

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task It_draws_until_SIGTERM_and_finishes_what_it_has_begun()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Signals of POSIX.");
        using var process = Command.Start(_scratch.Path, ["serve", "--urls", "http://127.0.0.1:0", "--json"]);
        var started = JsonDocument.Parse((await process.StandardOutput.ReadLineAsync())!).RootElement;
        Assert.Equal("tiny", started.GetProperty("model").GetString());
        using var client = new HttpClient { BaseAddress = new Uri(started.GetProperty("urls")[0].GetString()!) };

        var drawing = client.PostAsJsonAsync("/v1/images/generations", new { prompt = "a seven", steps = 300, seed = 5 });
        while (!Regex.IsMatch(
            await client.GetStringAsync(new Uri("/metrics", UriKind.Relative)), @"\nmezzotint_queue_requests(\{[^}]*\})? 1[ \n]"))
            await Task.Delay(5);
        using (var kill = Process.Start("kill", ["-TERM", process.Id.ToString(CultureInfo.InvariantCulture)]))
            await kill.WaitForExitAsync();
        using var response = await drawing;
        var image = (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data")[0];
        await File.WriteAllBytesAsync(_scratch["server.png"], image.GetProperty("b64_json").GetBytesFromBase64());

        var outcome = Command.Finish(process);
        Assert.Equal(0, outcome.ExitCode);
        Assert.Matches(@"^(engine|libtorch): [^\n]+\nmezzotint: finishing what has begun; once more ends it at once\.\n$",
            outcome.Error);
        Assert.Equal(0, Command.Run("sample", _model, "--like", _scratch["server.png"], "--out", _scratch["again.png"]).ExitCode);
        Assert.Equal(PngFile.Read(_scratch["server.png"]).Pixels, PngFile.Read(_scratch["again.png"]).Pixels);
    }

    [Fact]
    public async Task Prometheus_reads_what_the_server_counts()
    {
        using var process = Command.Start(_scratch.Path, ["serve", _model, "--urls", "http://127.0.0.1:0", "--json"]);
        try
        {
            var started = JsonDocument.Parse((await process.StandardOutput.ReadLineAsync())!).RootElement;
            using var client = new HttpClient { BaseAddress = new Uri(started.GetProperty("urls")[0].GetString()!) };
            using var drawn = await client.PostAsJsonAsync("/v1/images/generations", new { prompt = "3", n = 2, steps = 4 });
            using var wrong = await client.PostAsJsonAsync("/v1/images/generations", new { prompt = "3", steps = 0 });
            string text = await client.GetStringAsync(new Uri("/metrics", UriKind.Relative));
            foreach (string line in new[]
            {
                @"mezzotint_images_total\{[^}]*mezzotint_model=""tiny""[^}]*\} 2", @"mezzotint_evaluations_total\{[^}]*\} 8",
                @"mezzotint_errors_total\{[^}]*error_type=""integer_below_min_value""[^}]*\} 1",
                @"mezzotint_queue_requests(\{[^}]*\})? 0", @"mezzotint_generation_wait_seconds_count\{[^}]*\} 1",
                @"http_server_request_duration_seconds_count\{[^}]*http_route=""/v1/images/generations""[^}]*\} 1",
            })
                Assert.Matches($"(?m)^{line}", text);
        }
        finally
        {
            process.Kill();
        }
    }

    [Fact]
    public async Task A_classifier_that_cannot_be_read_keeps_no_server_from_drawing()
    {
        string broken = Directory.CreateDirectory(_scratch["models", "classifiers", "broken"]).FullName;
        File.WriteAllText(Path.Combine(broken, "config.json"), """{"format": "mezzotint-classifier", "unheard": 1}""");
        File.WriteAllText(Path.Combine(broken, "model.safetensors"), "");
        using var process = Command.Start(_scratch.Path, ["serve", _model, "--urls", "http://127.0.0.1:0", "--json"]);
        try
        {
            var started = JsonDocument.Parse((await process.StandardOutput.ReadLineAsync())!).RootElement;
            using var client = new HttpClient { BaseAddress = new Uri(started.GetProperty("urls")[0].GetString()!) };
            using var response = await client.PostAsJsonAsync(
                "/v1/images/generations", new { prompt = "3", steps = 4, seed = 42 });
            Assert.True(response.IsSuccessStatusCode);
        }
        finally
        {
            process.Kill();
        }
    }

    [Fact]
    public async Task A_folder_of_models_is_served_side_by_side()
    {
        string other = TinyTraining.WriteModel(_scratch["models", "second"]);
        using var process = Command.Start(
            _scratch.Path, ["serve", "models", "--memory-budget", "0", "--urls", "http://127.0.0.1:0", "--json"]);
        try
        {
            var started = JsonDocument.Parse((await process.StandardOutput.ReadLineAsync())!).RootElement;
            Assert.Equal(
                ["second", "tiny"], started.GetProperty("models").EnumerateArray().Select(name => name.GetString()!));
            using var client = new HttpClient { BaseAddress = new Uri(started.GetProperty("urls")[0].GetString()!) };
            foreach (string name in (string[])["tiny", "second"])
            {
                using var response = await client.PostAsJsonAsync(
                    "/v1/images/generations", new { model = name, prompt = "3", steps = 4, seed = 42 });
                Assert.True(response.IsSuccessStatusCode, name);
            }
        }
        finally
        {
            process.Kill();
        }
        var twice = Command.RunIn(_scratch.Path, "serve", _model, _model);
        Assert.Equal(1, twice.ExitCode);
        Assert.Contains("Two models are called 'tiny'", twice.Error, StringComparison.Ordinal);
        var adapted = Command.RunIn(_scratch.Path, "serve", _model, other, "--adapter", "some.safetensors");
        Assert.Contains("change one model, and several are served", adapted.Error, StringComparison.Ordinal);
        var small = Command.RunIn(_scratch.Path, "serve", _model, other, "--memory-budget", "1");
        Assert.Contains("and MemoryBudget (--memory-budget) is 1", small.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Library_command_and_server_make_the_same_file_of_the_same_request()
    {
        using var pipeline = DiffusionPipeline.Load(_model);
        byte[] library = pipeline.Generate([3], new GenerationOptions { Seed = 42, Steps = 4, Sampler = "heun" }).ToPng(0);

        string[] sample = ["sample", _model, "--label", "3", "--count", "1", "--steps", "4", "--sampler", "heun"];
        Assert.Equal(0, Command.RunProgram(_scratch.Path, [.. sample, "--seed", "42", "--out", "command/"]).ExitCode);
        byte[] command = await File.ReadAllBytesAsync(_scratch["command", "3", "00042.png"]);

        using var process = Command.Start(_scratch.Path, ["serve", _model, "--urls", "http://127.0.0.1:0", "--json"]);
        try
        {
            var started = JsonDocument.Parse((await process.StandardOutput.ReadLineAsync())!).RootElement;
            using var client = new HttpClient { BaseAddress = new Uri(started.GetProperty("urls")[0].GetString()!) };
            using var response = await client.PostAsJsonAsync(
                "/v1/images/generations", new { prompt = "3", steps = 4, sampler = "heun", seed = 42 });
            var answer = await response.Content.ReadFromJsonAsync<JsonElement>();
            byte[] server = answer.GetProperty("data")[0].GetProperty("b64_json").GetBytesFromBase64();
            Assert.Equal(library, command);
            Assert.Equal(library, server);
        }
        finally
        {
            process.Kill();
        }
    }
}
