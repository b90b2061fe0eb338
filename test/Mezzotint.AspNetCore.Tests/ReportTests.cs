using System.Net.Http.Json;
using System.Text.Json;
using Mezzotint.Formats;
using Mezzotint.Models;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>The report of a model's evaluation, as the server hands it on.</summary>
public sealed class ReportTests : IDisposable
{
    private readonly DirectoryInfo _runs = Directory.CreateTempSubdirectory("mezzotint-report-");

    public void Dispose() => _runs.Delete(recursive: true);

    [Fact]
    public async Task A_report_is_told_as_it_was_written_and_whether_it_is_of_these_weights()
    {
        string run = Write(_runs, "judged");
        await using var studio = await SmallStudio.StartAsync(new() { Runs = _runs.FullName });
        var told = await studio.Client.GetFromJsonAsync<JsonElement>("/api/models/judged/report");
        Assert.True(told.GetProperty("same_model").GetBoolean());
        var worst = told.GetProperty("report").GetProperty("figures")[1];
        Assert.Equal(("worst_frechet", 1.94), (
            worst.GetProperty("key").GetString(), worst.GetProperty("ratio").GetProperty("value").GetDouble()));
        byte[] picture = await studio.Client.GetByteArrayAsync("/api/models/judged/report/worst.png");
        Assert.Equal(File.ReadAllBytes(Path.Combine(run, "report", "worst.png")), picture);
        Assert.Equal("worst.png", Assert.Single(
            told.GetProperty("report").GetProperty("pictures").EnumerateArray()).GetProperty("file").GetString());
        // A report without its pictures is told with the figures alone.
        File.Delete(Path.Combine(run, "report", "worst.png"));
        told = await studio.Client.GetFromJsonAsync<JsonElement>("/api/models/judged/report");
        Assert.Empty(told.GetProperty("report").GetProperty("pictures").EnumerateArray());
        // Other weights under the same name.
        Directory.Delete(Path.Combine(run, "model"), recursive: true);
        SmallStudio.WriteModel(Path.Combine(run, "model"), seed: 77);
        File.SetLastWriteTimeUtc(Path.Combine(run, "model", "model.safetensors"), DateTime.UtcNow.AddMinutes(1));
        told = await studio.Client.GetFromJsonAsync<JsonElement>("/api/models/judged/report");
        Assert.False(told.GetProperty("same_model").GetBoolean());
    }

    [Fact]
    public async Task Without_a_report_the_command_that_makes_one_is_told_and_nothing_else_of_the_folder_is_handed_out()
    {
        string run = Write(_runs, "judged"), report = Path.Combine(run, "report");
        await using var studio = await SmallStudio.StartAsync(new() { Runs = _runs.FullName });
        async Task<(int Status, string? Code, string Message)> AskAsync(string address)
        {
            using var response = await studio.Client.GetAsync(new Uri(address, UriKind.Relative));
            var error = await SmallStudio.ErrorAsync(response);
            return (error.Status, error.Code, error.Message);
        }
        foreach (string file in new[] { "report.json", "..%2F..%2Fmodel%2Fmodel.safetensors", "none.png" })
            Assert.Equal((404, "picture_not_found"), Short(await AskAsync($"/api/models/judged/report/{file}")));
        if (!OperatingSystem.IsWindows())
        {
            File.CreateSymbolicLink(Path.Combine(report, "link.png"), Path.Combine(run, "report", "worst.png"));
            Assert.Equal((404, "picture_not_found"), Short(await AskAsync("/api/models/judged/report/link.png")));
        }
        File.WriteAllText(Path.Combine(report, "report.json"), "{\"title\": 3}");
        Assert.Equal((409, "damaged_report"), Short(await AskAsync("/api/models/judged/report")));
        Directory.Delete(report, recursive: true);
        var none = await AskAsync("/api/models/judged/report");
        Assert.Equal((404, "no_report"), Short(none));
        Assert.Contains($"`mezzotint evaluate {run} --report {report}` makes one", none.Message, StringComparison.Ordinal);
        none = await AskAsync("/api/models/small/report"); // it is of no folder
        Assert.Contains("`mezzotint evaluate MODEL --report MODEL/report` makes one", none.Message, StringComparison.Ordinal);
    }

    private static (int, string?) Short((int Status, string? Code, string Message) error) => (error.Status, error.Code);

    /// <summary>A run with a model and the report of an evaluation.</summary>
    internal static string Write(DirectoryInfo runs, string name)
    {
        string run = runs.CreateSubdirectory(name).FullName, report = Path.Combine(run, "report");
        Directory.CreateDirectory(report);
        File.WriteAllText(
            Path.Combine(run, "log.jsonl"),
            "{\"step\":10,\"epoch\":1,\"train_loss\":2,\"seconds\":1,\"images_per_second\":90}\n");
        SmallStudio.WriteModel(Path.Combine(run, "model"), seed: 9);
        PngFile.Write(Path.Combine(report, "worst.png"), new ImageBatch(1, 1, 8, 8, new byte[64]), 2);
        File.WriteAllText(Path.Combine(report, "report.json"), $$"""
            {
              "title": "{{name}}", "model_sha256": "{{ModelFolder.Hash(Path.Combine(run, "model"))}}",
              "facts": [{ "name": "images", "text": "50 images" }],
              "figures": [
                { "key": "precision", "group": "precision", "name": "precision", "value": 0.92, "real": 0.95,
                  "written": "92.00 %", "written_error": "", "written_real": "95.00 %", "better": "as real", "note": "a note" },
                { "key": "worst_frechet", "group": "distance", "name": "worst space", "value": 9.7, "real": 5,
                  "ratio": { "value": 1.94, "low": 1.4, "high": 2.7 }, "written": "9.700", "written_error": "0.3",
                  "written_real": "5.000", "better": "lower" }
              ],
              "pictures": [{ "file": "worst.png", "title": "Taken for another label", "text": "The worst.", "caption": "7 (1)" }]
            }
            """);
        return run;
    }
}
