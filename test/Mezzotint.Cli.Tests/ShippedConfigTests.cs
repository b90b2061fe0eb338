using Mezzotint.Formats;
using Mezzotint.Models;

namespace Mezzotint.Cli.Tests;

/// <summary>Configurations that ship, each a whole command of a few steps on data that the test writes in their layout.</summary>
public sealed class ShippedConfigTests : IDisposable
{
    private const int Side = 32;

    private static readonly string[] Names =
        ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

    private readonly ScratchFolder _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Cifar10_trains_with_its_names_and_changes_draws_and_is_exported_without_them()
    {
        WriteCifar(_scratch["cifar-10-batches-bin"]);
        Train("cifar10", "cifar-10-batches-bin");
        var info = ModelFolder.ReadInfo(_scratch["run", "model"]);
        Assert.Equal(Names, info.ClassNames);
        Assert.Equal((3, Side, Side), (info.Channels, info.Height, info.Width));
        Done("sample", "run", "--label", "frog", "--count", "2", "--steps", "2", "--out", "drawn.png");
        Assert.Equal(3, PngFile.Read(_scratch["drawn.png"]).Channels);
        Done("evaluate", "run", "--loss");
        Done("export", "run", "--out", "run.onnx");
        using var session = new Microsoft.ML.OnnxRuntime.InferenceSession(_scratch["run.onnx"]);
        Assert.Equal(["labels", "t", "x"], session.InputNames.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Fashion_has_names_for_what_the_files_number()
    {
        TinyMnist.Write(_scratch["fashion-mnist"], train: 40, test: 20);
        Train("fashion", "fashion-mnist");
        Assert.Equal("sneaker", ModelFolder.ReadInfo(_scratch["run", "model"]).ClassNames[7]);
        Done("sample", "run", "--label", "ankle boot", "--count", "1", "--steps", "2", "--out", "drawn.png");
        var evaluated = Done("evaluate", "run", "--count", "10", "--steps", "2", "--likelihood", "0");
        Assert.Contains("measured against fashion-mnist test", evaluated.Out, StringComparison.Ordinal);
        Assert.Contains("ankle boot", evaluated.Out, StringComparison.Ordinal);
        Refused("data.class_names has 2 names, but fashion-mnist train has 10 classes", "fashion-mnist",
            "--set", "data.class_names=[\"a\", \"b\"]");
    }

    [Fact]
    public void Emoji_are_drawn_by_category_from_latents()
    {
        PictureFolder.Write(_scratch["drawn"], ["a", "b"], (64, 64), channels: 3);
        Directory.Move(_scratch["drawn", "train"], _scratch["emoji"]);
        static string Row(string name, string part)
        {
            string category = name[0] == 'a' ? "Flags" : "Food & Drink";
            return $$"""{"file_name": "{{name}}.png", "category": "{{category}}", "split": "{{part}}"}""";
        }
        File.WriteAllLines(_scratch["emoji", "metadata.jsonl"],
            [Row("a/0", "train"), Row("a/1", "held-out-tone"), Row("b/0", "train"), Row("b/1", "held-out-style")]);
        Train("emoji-classes", "emoji", "--set", $"pixels.autoencoder={Path.Combine(Repository.Root, "models", "emoji-vae")}");
        Assert.Equal(["Flags", "Food & Drink"], ModelFolder.ReadInfo(_scratch["run", "model"]).ClassNames);
        Done("sample", "run", "--label", "Food & Drink", "--count", "1", "--steps", "2", "--out", "one.png");
        Assert.Equal(3, PngFile.Read(_scratch["one.png"]).Channels);
    }

    /// <summary>Trains by a configuration of the repository, for an epoch.</summary>
    private void Train(string name, string data, params string[] more) => Done([
        "train", Path.Combine(Repository.Root, "configs", $"{name}.toml"), "--out", "run", "--set", $"data.name={data}",
        "--set", "training.epochs=1", "--set", "training.sample_steps=2", "--set", "training.samples_per_label=1", .. more]);

    private void Refused(string why, string data, params string[] more)
    {
        var outcome = Command.RunIn(_scratch.Path, ["train", Path.Combine(Repository.Root, "configs", "fashion.toml"), "--out",
            "other", "--set", $"data.name={data}", .. more]);
        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains(why, outcome.ErrorLine, StringComparison.Ordinal);
    }

    /// <summary>The published layout: a byte for the class, then 1024 of red, green and blue each; 4 images a file.</summary>
    private static void WriteCifar(string folder)
    {
        Directory.CreateDirectory(folder);
        string[] files = [.. Enumerable.Range(1, 5).Select(batch => $"data_batch_{batch}.bin"), "test_batch.bin"];
        for (int file = 0; file < files.Length; file++)
            File.WriteAllBytes(Path.Combine(folder, files[file]),
                [.. Enumerable.Range(0, 4).SelectMany(image => Record((4 * file + image) % 10))]);
        File.WriteAllLines(Path.Combine(folder, "batches.meta.txt"), [.. Names, ""]);
    }

    private static IEnumerable<byte> Record(int label) => Enumerable.Range(0, 3 * Side * Side)
        .Select(at => (byte)(at % Side / 4 * 20 + at / (Side * Side) * 30 + label)).Prepend((byte)label);

    private Outcome Done(params string[] args)
    {
        var outcome = Command.RunIn(_scratch.Path, args);
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        return outcome;
    }
}
