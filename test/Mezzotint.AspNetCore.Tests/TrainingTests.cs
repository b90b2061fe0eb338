using System.Net.Http.Json;
using System.Text.Json;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>Trainings that are begun from the page: processes with a command, one at a time, stopped gently.</summary>
public sealed class TrainingTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("mezzotint-trainings-");

    private string Runs => Path.Combine(_folder.FullName, "runs");

    public void Dispose() => _folder.Delete(recursive: true);

    /// <summary>In place of mezzotint, a program that says what it was told, and ends when it is asked to.</summary>
    internal static string[] Told =>
        ["/bin/sh", "-c", "echo \"$@\"; trap 'echo stopped; exit 0' TERM; while :; do sleep 0.05; done", "x"];

    private StudioOptions Options() => new()
    {
        Runs = Runs, TrainingCommand = Told, Templates = Path.Combine(Repository.Root, "configs"),
    };

    [Fact]
    public async Task A_training_is_a_process_that_is_told_with_its_command_and_stopped_gently()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The program that stands for the training is a shell's.");
        Directory.CreateDirectory(Runs);
        await using var studio = await SmallStudio.StartAsync(Options());
        var list = await studio.Client.GetFromJsonAsync<JsonElement>("/api/trainings");
        Assert.True(list.GetProperty("allowed").GetBoolean());
        Assert.Contains("tiny", list.GetProperty("templates").EnumerateArray().Select(name => name.GetString()));
        var begun = await SendAsync(
            studio, "", new { name = "first", template = "tiny", settings = "training.epochs=2\ndata.size=8" });
        string expected = $"train {Path.Combine(Repository.Root, "configs", "tiny.toml")} "
            + $"--set training.epochs=2 --set data.size=8 --out {Path.Combine(Runs, "first")}";
        Assert.EndsWith(expected, begun.GetProperty("command").GetString(), StringComparison.Ordinal);
        await SmallStudio.UntilAsync(() => OutputAsync(studio).GetAwaiter().GetResult() == expected);
        using (var second = await studio.Client.PostAsJsonAsync("/api/trainings", new { name = "second", template = "tiny" }))
            Assert.Equal((409, "training_goes_on"), await CodeAsync(second));
        // Nor is anything measured beside it.
        using (var beside = await studio.Client.PostAsJsonAsync("/api/trainings/estimate", new { template = "tiny" }))
            Assert.Equal((409, "training_goes_on"), await CodeAsync(beside));
        await SendAsync(studio, "/first/stop", new { });
        await SmallStudio.UntilAsync(() => OutputAsync(studio).GetAwaiter().GetResult() == expected + "\nstopped");
        using var again = await studio.Client.PostAsync(new Uri("/api/trainings/first/stop", UriKind.Relative), null);
        Assert.Equal((409, "not_training"), await CodeAsync(again));
    }

    [Theory]
    [InlineData("""{"name": "../out", "template": "tiny"}""", "name")]
    [InlineData("""{"name": "-x", "template": "tiny"}""", "name")]
    [InlineData("""{"name": "there", "template": "tiny"}""", "name")]
    [InlineData("""{"name": "new", "template": "../../etc"}""", "template")]
    [InlineData("""{"name": "new"}""", "template")]
    [InlineData("""{"name": "new", "data": "/no/such/folder"}""", "data")]
    [InlineData("""{"name": "new", "template": "tiny", "minutes": 5}""", "minutes")]
    [InlineData("""{"name": "new", "template": "tiny", "settings": "--device cuda"}""", "settings")]
    [InlineData("""{"name": "new", "template": "tiny", "resume": true}""", "resume")]
    public async Task What_is_wrong_is_named_and_nothing_begins(string body, string param)
    {
        Directory.CreateDirectory(Path.Combine(Runs, "there"));
        await using var studio = await SmallStudio.StartAsync(Options());
        using var response = await studio.Client.PostAsync(
            "/api/trainings", new StringContent(body, System.Text.Encoding.UTF8, "application/json"));
        var error = await SmallStudio.ErrorAsync(response);
        Assert.Equal((400, param), (error.Status, error.Param));
        var list = await studio.Client.GetFromJsonAsync<JsonElement>("/api/trainings");
        Assert.Equal(0, list.GetProperty("trainings").GetArrayLength());
    }

    /// <summary>In place of mezzotint, a program that answers what it is told to measure, and ends with an error for a
    /// folder.</summary>
    internal static string[] Measuring => ["/bin/sh", "-c",
        """
        case "$*" in
          *--minutes*) echo 'looking' >&2; echo 'mezzotint: There are no pictures in it.' >&2; exit 1;;
          *--estimate*)
            echo '{"out":null,"parameters":1200,"images_per_second":80.5,"memory_gigabytes":1.25,"epochs":3,"seconds":190}';;
          *) echo "$@"; trap 'exit 0' TERM; while :; do sleep 0.05; done;;
        esac
        """, "x"];

    [Fact]
    public async Task An_estimate_is_measured_by_the_program_with_the_same_words_and_begins_nothing()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The program that stands for the training is a shell's.");
        Directory.CreateDirectory(Runs);
        await using var studio = await SmallStudio.StartAsync(Options() with { TrainingCommand = Measuring });
        var told = await SendAsync(studio, "/estimate", new { template = "tiny", settings = "training.epochs=3" });
        Assert.Equal((190, 1.25, 80.5, 3, 1200), (
            told.GetProperty("seconds").GetDouble(), told.GetProperty("memory_gigabytes").GetDouble(),
            told.GetProperty("images_per_second").GetDouble(), told.GetProperty("epochs").GetInt32(),
            told.GetProperty("parameters").GetInt64()));
        using var folder = await studio.Client.PostAsJsonAsync(
            "/api/trainings/estimate", new { data = _folder.FullName, minutes = 5 });
        var error = await SmallStudio.ErrorAsync(folder);
        Assert.Equal((400, "cannot_estimate", "There are no pictures in it."), (error.Status, error.Code, error.Message));
        using var wrong = await studio.Client.PostAsJsonAsync("/api/trainings/estimate", new { template = "none" });
        Assert.Equal("template", (await SmallStudio.ErrorAsync(wrong)).Param);
        var list = await studio.Client.GetFromJsonAsync<JsonElement>("/api/trainings");
        Assert.Equal(0, list.GetProperty("trainings").GetArrayLength());
    }

    [Fact]
    public async Task A_server_that_does_not_allow_it_begins_none()
    {
        await using var studio = await SmallStudio.StartAsync(new() { Runs = Runs });
        using var response = await studio.Client.PostAsJsonAsync("/api/trainings", new { name = "new", template = "tiny" });
        Assert.Equal((403, "trainings_off"), await CodeAsync(response));
        using var estimate = await studio.Client.PostAsJsonAsync("/api/trainings/estimate", new { template = "tiny" });
        Assert.Equal((403, "trainings_off"), await CodeAsync(estimate));
        using var missing = await studio.Client.PostAsJsonAsync("/api/trainings", new { name = "gone", resume = true });
        Assert.Equal((403, "trainings_off"), await CodeAsync(missing));
    }

    [Fact]
    public async Task The_data_are_shown_and_what_augmentation_makes_of_an_image()
    {
        NearestTests.RegisterFlat();
        await using var studio = await SmallStudio.StartAsync(dataset: NearestTests.Flat);
        var told = await studio.Client.GetFromJsonAsync<JsonElement>("/api/data?from=18&n=5");
        Assert.Equal(20, told.GetProperty("images").GetInt32());
        Assert.Equal([18, 19], told.GetProperty("pictures").EnumerateArray().Select(one => one.GetProperty("index").GetInt32()));
        Assert.All(SmallPixels(told, 1), value => Assert.Equal(190, value));
        var same = await studio.Client.GetFromJsonAsync<JsonElement>("/api/data?from=3&n=4&augment=0");
        for (int i = 0; i < 4; i++)
            Assert.All(SmallPixels(same, i), value => Assert.Equal(30, value));
        using var wrong = await studio.Client.GetAsync(new Uri("/api/data?from=20", UriKind.Relative));
        Assert.Equal("from", (await SmallStudio.ErrorAsync(wrong)).Param);
    }

    private static byte[] SmallPixels(JsonElement told, int i) => Formats.PngFile.Decode(
        told.GetProperty("pictures")[i].GetProperty("image").GetBytesFromBase64(), "data").Image.Pixels;

    private static async Task<string> OutputAsync(SmallStudio studio) =>
        (await studio.Client.GetFromJsonAsync<JsonElement>("/api/trainings")).GetProperty("trainings")[0].GetProperty("output")
            .GetString()!;

    private static async Task<(int, string?)> CodeAsync(HttpResponseMessage response) =>
        await SmallStudio.ErrorAsync(response) is var error ? (error.Status, error.Code) : default;

    private static async Task<JsonElement> SendAsync(SmallStudio studio, string to, object body)
    {
        using var response = await studio.Client.PostAsJsonAsync($"/api/trainings{to}", body);
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonDocument.Parse(text).RootElement;
    }
}
