using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Mezzotint.Cli.Tests;

/// <summary>The chapter for newcomers, command by command, on a small folder.</summary>
public sealed partial class YourPicturesTests : IDisposable
{
    private const string Chapter = "docs/12-your-pictures.md";

    /// <summary>Makes the commands short: a small network, one epoch. All else is as it is written.</summary>
    private static readonly string[] SmallTraining =
    [
        "--set", "training.epochs=1", "--set", "training.repeats=1", "--set", "training.sample_steps=2",
        "--set", "training.samples_per_label=1", "--set", "training.replicas=1",
    ];

    private static readonly string[] SmallNetwork =
    [
        "--set", "data.size=16", "--set", "data.split=0.3", "--set", "model.model_channels=32", "--set", "model.patch_size=2",
        "--set", "sampling.steps=2",
    ];

    private readonly ScratchFolder _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Every_command_of_the_chapter_works_in_its_order()
    {
        foreach (string folder in (string[])["flowers", "more-flowers"])
        {
            MixedPictures.Write(_scratch[folder], 40, classes: true);
            foreach (string shape in (string[])["disk", "square"])
                File.Delete(_scratch[folder, shape, "cut-off.png"]); // the chapter's folder is sound
            Directory.Move(_scratch[folder, "disk"], _scratch[folder, "rose"]);
        }
        string[] lines = [.. Documents.Blocks(Chapter, "bash")
            .SelectMany(block => block.Text.Replace("\\\n", " ", StringComparison.Ordinal).Split('\n'))];
        Assert.Equal(17, lines.Length);
        string[]? served = null;
        foreach (string line in lines)
        {
            string[] words = [.. Word().Matches(line).Select(word => word.Value.Trim('\''))];
            if (words[0] == "curl")
                await Ask(served!, words);
            else if (words[1] == "serve")
                served = words[1..];
            else
                Run(line, words[1..]);
        }
        foreach (string file in (string[])["sheet.png", "mine.toml", "rate.png", "drawn.png", "roses.png", "report/index.html",
            "drawn.npz", "judge/model.safetensors", "runs/flowers/model/README.md", "runs/style/adapter.safetensors",
            "flowers.onnx"])
            Assert.True(File.Exists(_scratch[file.Split('/')]), file);
    }

    private void Run(string line, string[] words)
    {
        bool configured = words.Contains("--from") || words.Contains("mine.toml") && words[0] == "train";
        string[] more = words switch
        {
            ["train", ..] when words.Contains("--resume") || words.Contains("--find-rate") => [],
            ["train", ..] => configured ? SmallTraining : [.. SmallTraining, .. SmallNetwork],
            ["new", ..] => [.. SmallTraining, .. SmallNetwork],
            ["sample", ..] => ["--steps", "2"],
            ["evaluate", ..] => ["--steps", "2", "--count", "20", "--likelihood", "0"],
            ["train-classifier", ..] => ["--epochs", "1", "--size", "16"],
            _ => [],
        };
        var outcome = Command.RunIn(_scratch.Path, [.. words, .. more]);
        Assert.True(outcome.ExitCode == 0, $"{line}: {outcome.Error}");
    }

    /// <summary>The request of the chapter, of the server that it has started.</summary>
    private async Task Ask(string[] served, string[] words)
    {
        using var process = Command.Start(_scratch.Path, [.. served, "--urls", "http://127.0.0.1:0", "--json"]);
        try
        {
            var started = JsonDocument.Parse((await process.StandardOutput.ReadLineAsync())!).RootElement;
            using var client = new HttpClient { BaseAddress = new Uri(started.GetProperty("urls")[0].GetString()!) };
            using var body = new StringContent(words[Array.IndexOf(words, "-d") + 1], Encoding.UTF8, "application/json");
            using var response = await client.PostAsync(new Uri(words[1]).AbsolutePath, body);
            Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
            var answer = await response.Content.ReadFromJsonAsync<JsonElement>();
            Assert.Equal(2, answer.GetProperty("data").GetArrayLength());
        }
        finally
        {
            process.Kill();
        }
    }

    [GeneratedRegex("""(?:'[^']*'|[^\s'])+""")]
    private static partial Regex Word();
}
