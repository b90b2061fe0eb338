using System.Net;
using System.Text.Json;
using Mezzotint.Formats;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>Trainings as they are told of, and that nothing else is.</summary>
public sealed class RunsTests : IDisposable
{
    private const string Secret = "what nobody shall read";

    private readonly DirectoryInfo _scratch = Directory.CreateTempSubdirectory("mezzotint-runs-");

    private string Runs => Path.Combine(_scratch.FullName, "runs");

    public void Dispose() => _scratch.Delete(recursive: true);

    [Fact]
    public async Task A_run_is_told_with_its_curves_epochs_and_pictures()
    {
        WriteRun("first");
        await using var studio = await SmallStudio.StartAsync(new() { Runs = Runs });
        var list = await GetAsync(studio, "/api/runs");
        var summary = Assert.Single(list.GetProperty("runs").EnumerateArray());
        Assert.Equal(
            ("first", 30, 1.5),
            (
                summary.GetProperty("name").GetString(), summary.GetProperty("step").GetInt32(),
                summary.GetProperty("eval_loss").GetDouble()));
        var run = await GetAsync(studio, "/api/runs/first");
        Assert.Equal(
            ["10", "30"], run.GetProperty("curve").GetProperty("step").EnumerateArray().Select(step => step.GetRawText()));
        Assert.Equal("[9,4.5]", run.GetProperty("curve").GetProperty("train_loss").GetRawText());
        Assert.Equal(1.5, Assert.Single(run.GetProperty("epochs").EnumerateArray()).GetProperty("eval_loss").GetDouble());
        Assert.Equal("""["epoch-001.png"]""", run.GetProperty("samples").GetRawText());
        Assert.Equal("kind = 'tiny'\n", run.GetProperty("configuration").GetString());
        using var picture = await studio.Client.GetAsync(new Uri("/api/runs/first/samples/epoch-001.png", UriKind.Relative));
        Assert.Equal("image/png", picture.Content.Headers.ContentType?.MediaType);
        Assert.Equal(
            File.ReadAllBytes(Path.Combine(Runs, "first", "samples", "epoch-001.png")),
            await picture.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task What_is_appended_is_told_and_a_line_without_its_end_is_not()
    {
        WriteRun("live");
        await using var studio = await SmallStudio.StartAsync(new() { Runs = Runs });
        string log = Path.Combine(Runs, "live", "log.jsonl");
        Assert.Equal(30, (await GetAsync(studio, "/api/runs/live")).GetProperty("run").GetProperty("step").GetInt32());
        File.AppendAllText(log, Line(40, 3));
        Assert.Equal(40, (await GetAsync(studio, "/api/runs/live")).GetProperty("run").GetProperty("step").GetInt32());
        File.AppendAllText(log, Line(50, 2)[..20]);
        Assert.Equal(40, (await GetAsync(studio, "/api/runs/live")).GetProperty("run").GetProperty("step").GetInt32());
    }

    [Theory]
    // state, age of the heartbeat, age of the log, what is told
    [InlineData("training", 3, 3600, "training")] // lines of a log may be hours apart
    [InlineData("training", 300, 5, "stopped")] // killed
    [InlineData("stopped", 1, 1, "stopped")]
    [InlineData("finished", 1, 1, "finished")]
    [InlineData("finished", 9000, 9000, "finished")]
    [InlineData("nonsense", 1, 9000, "stopped")]
    [InlineData(null, 0, 1, "training")] // a run of an earlier version
    [InlineData(null, 0, 9000, "stopped")]
    public async Task A_run_is_alive_while_its_heart_beats(string? word, int heartbeatAge, int logAge, string told)
    {
        WriteRun("run");
        string Age(string file, int seconds)
        {
            File.SetLastWriteTimeUtc(Path.Combine(Runs, "run", file), DateTime.UtcNow.AddSeconds(-seconds));
            return file;
        }
        if (word is not null)
        {
            File.WriteAllText(Path.Combine(Runs, "run", "heartbeat"), word + "\n");
            Age("heartbeat", heartbeatAge);
        }
        Age("log.jsonl", logAge);
        await using var studio = await SmallStudio.StartAsync(new() { Runs = Runs });
        Assert.Equal(told, (await GetAsync(studio, "/api/runs")).GetProperty("runs")[0].GetProperty("state").GetString());
        Assert.Equal(told, (await GetAsync(studio, "/api/runs/run")).GetProperty("run").GetProperty("state").GetString());
    }

    [Fact]
    public async Task A_run_without_a_heartbeat_is_finished_when_its_last_epoch_is_done()
    {
        WriteRun("run");
        File.WriteAllText(Path.Combine(Runs, "run", "config.toml"), "[training]\nepochs = 1\n");
        await using var studio = await SmallStudio.StartAsync(new() { Runs = Runs });
        Assert.Equal("finished", (await GetAsync(studio, "/api/runs/run")).GetProperty("run").GetProperty("state").GetString());
    }

    [Fact]
    public async Task A_long_log_is_thinned_and_keeps_its_newest_line()
    {
        WriteRun("long", string.Concat(Enumerable.Range(1, 5001).Select(step => Line(step, 1.0 / step))));
        await using var studio = await SmallStudio.StartAsync(new() { Runs = Runs });
        var steps = (await GetAsync(studio, "/api/runs/long")).GetProperty("curve").GetProperty("step");
        Assert.InRange(steps.GetArrayLength(), 1000, 2000);
        Assert.Equal(5001, steps[steps.GetArrayLength() - 1].GetInt32());
    }

    [Fact]
    public async Task A_damaged_log_hides_no_other_run_and_no_path_is_told()
    {
        WriteRun("good");
        WriteRun("bad", "{\"step\": oh}\n");
        await using var studio = await SmallStudio.StartAsync(new() { Runs = Runs });
        Assert.Equal(
            ["bad", "good"],
            (await GetAsync(studio, "/api/runs")).GetProperty("runs").EnumerateArray().Select(run =>
                run.GetProperty("name").GetString()));
        using var response = await studio.Client.GetAsync(new Uri("/api/runs/bad", UriKind.Relative));
        var error = await SmallStudio.ErrorAsync(response);
        Assert.Equal((404, "run_without_log"), (error.Status, error.Code));
        Assert.DoesNotContain(_scratch.FullName, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_the_folder_there_are_no_runs()
    {
        await using var studio = await SmallStudio.StartAsync(new() { Runs = Path.Combine(_scratch.FullName, "nowhere") });
        Assert.Empty((await GetAsync(studio, "/api/runs")).GetProperty("runs").EnumerateArray());
        using var response = await studio.Client.GetAsync(new Uri("/api/runs/x", UriKind.Relative));
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Fact]
    public async Task No_path_leads_out_of_the_folder()
    {
        WriteRun("first");
        WriteOutside();
        await using var studio = await SmallStudio.StartAsync(new() { Runs = Runs });
        string[] runs =
        [
            "..", ".", "%2e%2e", "..%2foutside", "%2e%2e%2foutside", "..%5coutside", "first%2f..%2f..%2foutside",
            "first/../../outside", "..%252foutside", "%252e%252e%252foutside",
            "....//outside", "..%c0%afoutside", "%00outside", "outside%00", "first%00",
            _scratch.FullName.Replace("/", "%2f", StringComparison.Ordinal) + "%2foutside", "//outside", "~", "*", "fir*",
            "FIRST",
        ];
        foreach (string run in runs)
            foreach (
                string path in new[]
                    { $"/api/runs/{run}", $"/api/runs/{run}/samples/secret.png", $"/api/runs/{run}/samples/log.jsonl" })
                Refused(path, await RawRequest.GetAsync(studio, path));
        string[] files =
        [
            "..", "%2e%2e%2flog.jsonl", "..%2fconfig.toml", "../log.jsonl", "..%2f..%2f..%2foutside%2fsamples%2fsecret.png",
            "secret.png", "epoch-001.png%00", "epoch-001.png%00.png", "epoch-00*.png", "notes.txt", ".hidden",
            "%2e/epoch-002.png",
        ];
        foreach (string file in files)
            Refused(file, await RawRequest.GetAsync(studio, $"/api/runs/first/samples/{file}"));
    }

    [Fact]
    public async Task No_link_is_followed()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need a privilege there.");
        WriteRun("first");
        WriteOutside();
        string outside = Path.Combine(_scratch.FullName, "outside");
        Directory.CreateSymbolicLink(Path.Combine(Runs, "linked"), outside); // a run that is a link
        // a picture that is one
        File.CreateSymbolicLink(
            Path.Combine(Runs, "first", "samples", "linked.png"), Path.Combine(outside, "samples", "secret.png"));
        WriteRun("half");
        Directory.Delete(Path.Combine(Runs, "half", "samples"), recursive: true);
        // a folder of pictures that is one
        Directory.CreateSymbolicLink(Path.Combine(Runs, "half", "samples"), Path.Combine(outside, "samples"));
        WriteRun("log");
        File.Delete(Path.Combine(Runs, "log", "log.jsonl"));
        File.CreateSymbolicLink(Path.Combine(Runs, "log", "log.jsonl"), Path.Combine(outside, "log.jsonl")); // a log that is one
        WriteRun("settings");
        File.Delete(Path.Combine(Runs, "settings", "config.toml"));
        // a configuration that is one
        File.CreateSymbolicLink(Path.Combine(Runs, "settings", "config.toml"), Path.Combine(outside, "config.toml"));
        await using var studio = await SmallStudio.StartAsync(new() { Runs = Runs });
        Assert.Equal(
            ["first", "half", "settings"],
            (await GetAsync(studio, "/api/runs")).GetProperty("runs").EnumerateArray().Select(run =>
                run.GetProperty("name").GetString()));
        Assert.Equal("[]", (await GetAsync(studio, "/api/runs/half")).GetProperty("samples").GetRawText());
        Assert.False((await GetAsync(studio, "/api/runs/settings")).TryGetProperty("configuration", out _));
        foreach (
            string path in new[]
            {
                "/api/runs/linked", "/api/runs/log", "/api/runs/linked/samples/secret.png", "/api/runs/first/samples/linked.png",
                "/api/runs/half/samples/secret.png",
            })
            Refused(path, await RawRequest.GetAsync(studio, path));
    }

    [Theory]
    [InlineData("model", "model.safetensors")]
    [InlineData("model/text_encoder", "config.json")]
    [InlineData("averages", "step-00000005.safetensors")]
    [InlineData("", "config.toml")]
    public async Task A_link_among_the_files_of_a_model_is_not_followed(string folder, string file)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need a privilege there.");
        WriteRun("run");
        string run = Path.Combine(Runs, "run");
        SmallStudio.WriteModel(Path.Combine(run, "model"), seed: 9);
        Directory.CreateDirectory(Path.Combine(run, "averages"));
        foreach (string step in new[] { "step-00000005.safetensors", "step-00000010.safetensors" })
            File.WriteAllText(Path.Combine(run, "averages", step), "an average");
        await using var studio = await SmallStudio.StartAsync(new() { Runs = Runs });
        Assert.Equal("run@5 run@10 run", await ModelsAsync());
        string place = Path.Combine(run, folder, file), outside = Path.Combine(_scratch.FullName, file);
        Directory.CreateDirectory(Path.GetDirectoryName(place)!);
        if (File.Exists(place))
            File.Move(place, outside);
        else
            File.WriteAllText(outside, Secret);
        File.CreateSymbolicLink(place, outside);
        Assert.Equal(folder.StartsWith("model", StringComparison.Ordinal) ? "" : "run", await ModelsAsync());
        using var refused = await studio.PostAsync(new { prompt = "7", model = "run@5" });
        Assert.Equal(HttpStatusCode.NotFound, refused.StatusCode);

        async Task<string> ModelsAsync() => string.Join(' ', (await GetAsync(studio, "/api/runs")).GetProperty("runs")[0]
            .GetProperty("models").EnumerateArray().Select(name => name.GetString()));
    }

    private static void Refused(string path, (int Status, string Body) answer)
    {
        // Kestrel itself refuses what is no path at all; a path whose dots are resolved may be that of the list or of a run,
        // which are told.
        Assert.False(answer.Body.Contains(Secret, StringComparison.Ordinal), path);
        Assert.True(
            answer.Status is 400 or 404
                || answer.Status == 200
                    && path.Contains("/../", StringComparison.Ordinal) | path.Contains(
                        "%2e", StringComparison.OrdinalIgnoreCase) | path.EndsWith('.'),
            $"{path}: {answer.Status}");
    }

    private void WriteRun(string name, string? log = null)
    {
        string folder = Path.Combine(Runs, name);
        Directory.CreateDirectory(Path.Combine(folder, "samples"));
        File.WriteAllText(Path.Combine(folder, "config.toml"), "kind = 'tiny'\n");
        const string Epoch =
            """{"step":20,"epoch":1,"train_loss":5,"eval_loss":1.5,"seconds":2,"images_per_second":100}""";
        File.WriteAllText(Path.Combine(folder, "log.jsonl"), log ?? $"{Line(10, 9)}{Epoch}\n{Line(30, 4.5)}");
        PngFile.Write(Path.Combine(folder, "samples", "epoch-001.png"), new ImageBatch(1, 1, 4, 4, new byte[16]));
        File.WriteAllText(Path.Combine(folder, "samples", "notes.txt"), Secret);
        File.WriteAllText(Path.Combine(folder, "samples", ".hidden"), Secret);
    }

    /// <summary>A folder like a run, beside the runs folder.</summary>
    private void WriteOutside()
    {
        string outside = Path.Combine(_scratch.FullName, "outside");
        Directory.CreateDirectory(Path.Combine(outside, "samples"));
        File.WriteAllText(Path.Combine(outside, "samples", "secret.png"), Secret);
        File.WriteAllText(Path.Combine(outside, "config.toml"), Secret);
        File.WriteAllText(Path.Combine(outside, "log.jsonl"), Line(77, 7));
    }

    private static string Line(int step, double loss) =>
        string.Create(
            System.Globalization.CultureInfo.InvariantCulture,
            $"{{\"step\":{step},\"epoch\":{step / 20.0},\"train_loss\":{loss},\"seconds\":1,\"images_per_second\":99}}\n");

    private static async Task<JsonElement> GetAsync(SmallStudio studio, string path) =>
        JsonDocument.Parse(await studio.Client.GetStringAsync(new Uri(path, UriKind.Relative))).RootElement;
}
