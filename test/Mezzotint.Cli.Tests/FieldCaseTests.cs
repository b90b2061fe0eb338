using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Mezzotint.Models;

namespace Mezzotint.Cli.Tests;

/// <summary>The inputs of bug reports with the commands of their READMEs: what went wrong with each goes right.</summary>
public sealed class FieldCaseTests : IDisposable
{
    private const string Key = "secret-key-1";

    private readonly ScratchFolder _scratch = new();

    private static string Models => Path.Combine(Repository.Root, "models");

    private static string Plain => Path.Combine(Models, "classifiers", "mnist-plain");

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Case_01_cut_outs_are_as_far_from_real_images_in_a_flat_folder_as_by_class()
    {
        string folder = Case("01-transparent-flat-or-labelled");
        TinyMnist.Write(_scratch["real"], train: 200, test: 40);
        Dictionary<string, double> Distances(string images) => Figures(
            Done(folder, "evaluate", images, "--data", _scratch["real"], "--classifier", Plain, "--json")).EnumerateObject()
            .Where(figure => figure.Name.Split('_')[0] is "frechet" or "kernel")
            .ToDictionary(figure => figure.Name, figure => figure.Value.GetProperty("value").GetDouble());
        var (flat, labelled) = (Distances("flat"), Distances("labelled"));
        Assert.True(flat.Count > 3);
        // The images come in another order, and a covariance of 12 images is singular: its eigenvalues are right to some digits.
        Assert.All(flat, distance => Assert.Equal(1, labelled[distance.Key] / distance.Value, 1e-6));
    }

    [Fact]
    public async Task Case_02_the_page_draws_behind_a_proxy_once_the_option_that_the_answer_advises_is_given()
    {
        Case("02-https-proxy");
        string advice;
        using (var refusing = await StartedAsync("mnist", key: true))
        {
            using var refused = await AskAsync(refusing);
            advice = await refused.Content.ReadAsStringAsync();
            Assert.True(refused.StatusCode == HttpStatusCode.Forbidden, advice);
        }
        var option = Regex.Match(advice, "--proxy ([0-9.]+)");
        Assert.True(option.Success, advice);
        using var server = await StartedAsync("mnist", key: true, "--proxy", option.Groups[1].Value);
        using var drawn = await AskAsync(server);
        Assert.True(drawn.StatusCode == HttpStatusCode.OK, await drawn.Content.ReadAsStringAsync());

        static Task<HttpResponseMessage> AskAsync(Served server)
        {
            var request = new HttpRequestMessage(HttpMethod.Post, "/v1/images/generations")
                { Content = new StringContent("""{"prompt":"7"}""", Encoding.UTF8, "application/json") };
            request.Headers.Host = "draw.example";
            foreach (string header in (string[])["X-Forwarded-Proto: https", "X-Forwarded-Host: draw.example",
                "Origin: https://draw.example", $"Authorization: Bearer {Key}"])
                request.Headers.Add(header.Split(": ")[0], header.Split(": ")[1]);
            return server.Client.SendAsync(request);
        }
    }

    [Fact]
    public async Task Case_03_negative_labels_are_refused()
    {
        string folder = Case("03-negative-label");
        using var server = await StartedAsync("seed", key: false);
        foreach (var (file, parameter) in new[] { ("label.json", "label"), ("prompt.json", "prompt") })
        {
            string body = await File.ReadAllTextAsync(Path.Combine(folder, file));
            using var response = await server.Client.PostAsync(
                "/v1/images/generations", new StringContent(body, Encoding.UTF8, "application/json"));
            Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
            var error = (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("error");
            Assert.Equal(parameter, error.GetProperty("param").GetString());
        }
    }

    [Fact]
    public void Case_04_the_classes_of_a_model_are_those_of_its_pictures()
    {
        Train("04-phantom-classes");
        Assert.Equal(["1", "2", "3"], ModelFolder.ReadInfo(_scratch["run", "model"]).ClassNames);
        Done(_scratch.Path, "sample", "run", "--label", "all", "--count", "1", "--steps", "2", "--out", "drawn/");
        Assert.Equal(["1", "2", "3"], Directory.GetDirectories(_scratch["drawn"]).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Case_05_the_setting_that_the_message_advises_brings_pictures_to_one_size()
    {
        const string Folder = "05-size-that-cannot-be-given";
        var refused = Command.RunIn(Case(Folder), Training());
        Assert.Equal(1, refused.ExitCode);
        var setting = Regex.Match(refused.ErrorLine, "(data\\.size) = ([0-9]+)");
        Assert.True(setting.Success, refused.ErrorLine);
        Train(Folder, $"{setting.Groups[1].Value}={setting.Groups[2].Value}");
    }

    [Fact]
    public void Case_06_weights_that_are_not_the_models_are_named()
    {
        string folder = Case("06-model-files");
        using (var python = Start("python3", [Path.Combine(folder, "make.py"), Path.Combine(Models, "seed"), _scratch.Path]))
        {
            Assert.SkipWhen(python is null, "The case is made by a program of Python, and there is no python3 on the path.");
            var made = Command.Finish(python!);
            Assert.True(made.ExitCode == 0, made.Error);
        }
        Outcome Draw(string model) =>
            Command.RunIn(_scratch.Path, "sample", model, "--label", "7", "--steps", "2", "--out", $"{model}.png");
        Assert.Contains("num_batches_tracked", Draw("extra").ErrorLine, StringComparison.Ordinal);
        Assert.Contains("git-lfs", Draw("pointer").ErrorLine, StringComparison.Ordinal);
        var prefixed = Draw("module");
        Assert.True(prefixed.ExitCode == 0 || prefixed.ErrorLine.Contains("module.", StringComparison.Ordinal), prefixed.Error);
    }

    [Fact]
    public void Case_07_files_that_are_left_out_are_named()
    {
        var shown = Done(Case("07-skipped-files"), "data", "show", "data", "--out", _scratch["g.png"]);
        Assert.Contains("left out 1 file of a format that is not read: train/a/x.tif", shown.Error, StringComparison.Ordinal);
        Assert.Contains("3 images of data train", shown.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Case_08_a_picture_that_is_sent_as_text_is_taken()
    {
        byte[] picture = await File.ReadAllBytesAsync(Path.Combine(Case("08-image-as-text"), "one.png"));
        using var server = await StartedAsync("seed", key: false);
        using var form = new MultipartFormDataContent
        {
            { new StringContent("1"), "prompt" },
            { new StringContent("2"), "steps" },
            { new StringContent($"data:image/png;base64,{Convert.ToBase64String(picture)}"), "image" },
        };
        using var response = await server.Client.PostAsync("/v1/images/edits", form);
        Assert.True(response.StatusCode == HttpStatusCode.OK, await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public void Case_09_a_diverged_run_names_the_rate_and_goes_on_with_a_lower_one()
    {
        const string Folder = "09-diverged-run";
        string[] settings = ["model.corpus_length=1", "training.epochs=4", "training.checkpoint_every=1"];
        var failed = Command.RunIn(Case(Folder), Training([.. settings, "training.learning_rate=30"]));
        Assert.Equal(1, failed.ExitCode);
        Assert.Contains("training.learning_rate = 30 is too high", failed.ErrorLine, StringComparison.Ordinal);
        var lower = Regex.Match(failed.ErrorLine, "--resume --set (training\\.learning_rate=[0-9.e-]*[0-9])");
        Assert.True(lower.Success, failed.ErrorLine);
        Done(Case(Folder), "train", "--out", _scratch["run"], "--resume", "--set", "training.learning_rate=1e-3");
    }

    [Theory]
    [InlineData("arr_0.npz", null)]
    [InlineData("bool.npz", null)]
    [InlineData("big-endian.npz", null)]
    [InlineData("uint16.npz", null)]
    public void Case_10_arrays_are_taken_or_refused_by_their_type(string file, string? refused)
    {
        string path = Path.Combine(Case("10-npz-types"), file);
        TinyMnist.Write(_scratch["real"], train: 200, test: 40);
        var outcome = Command.RunIn(_scratch.Path, "evaluate", path, "--data", _scratch["real"],
            "--classifier", Plain, "--json");
        Assert.Equal(refused is null ? 0 : 1, outcome.ExitCode);
        if (refused is null)
            Assert.Equal(12, JsonDocument.Parse(outcome.Out).RootElement.GetProperty("count").GetInt32());
        else
            Assert.Contains(refused, outcome.ErrorLine, StringComparison.Ordinal);
    }

    /// <summary>The folder of a case.</summary>
    private static string Case(string name)
    {
        Assert.SkipWhen(TestData.FieldCases is null, TestData.NoFieldCases);
        return Path.Combine(TestData.FieldCases!, name);
    }

    private string[] Training(params string[] settings) =>
    [
        "train", "../run.toml", "--out", _scratch["run"], "--set", "data.name=data",
        .. settings.SelectMany(setting => new[] { "--set", setting }),
    ];

    private void Train(string folder, params string[] settings) => Done(Case(folder), Training(settings));

    private static Outcome Done(string workingFolder, params string[] args)
    {
        var outcome = Command.RunIn(workingFolder, args);
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        return outcome;
    }

    private static JsonElement Figures(Outcome evaluated) =>
        JsonDocument.Parse(evaluated.Out).RootElement.GetProperty("figures");

    private static Process? Start(string program, string[] args)
    {
        try
        {
            return Process.Start(new ProcessStartInfo(program, args)
                { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true });
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    private static async Task<Served> StartedAsync(string model, bool key, params string[] options)
    {
        var process = Command.Start(
            Repository.Root, ["serve", Path.Combine(Models, model), "--urls", "http://127.0.0.1:0", "--json", .. options],
            prepare: start => start.Environment["MEZZOTINT_API_KEY"] = key ? Key : null);
        string line = await process.StandardOutput.ReadLineAsync()
            ?? throw new InvalidOperationException(await process.StandardError.ReadToEndAsync());
        string address = JsonDocument.Parse(line).RootElement.GetProperty("urls")[0].GetString()!;
        return new Served(process, new HttpClient { BaseAddress = new Uri(address) });
    }

    /// <summary>A server that runs, and a client of it.</summary>
    private sealed record Served(Process Process, HttpClient Client) : IDisposable
    {
        public void Dispose()
        {
            Client.Dispose();
            Process.Kill();
            Process.Dispose();
        }
    }
}
