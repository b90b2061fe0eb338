using System.Text.Json;
using Mezzotint.Formats;

namespace Mezzotint.Cli.Tests;

/// <summary><c>mezzotint adapt</c>: an adapter and a word of a published model, and what draws with them.</summary>
public sealed class AdaptTests : IDisposable
{
    private readonly ScratchFolder _scratch = new();

    public AdaptTests()
    {
        Directory.CreateDirectory(_scratch["pictures"]);
        for (int i = 0; i < 3; i++)
        {
            byte[] pixels = new byte[3 * 20 * 24];
            Array.Fill(pixels, (byte)(60 * i), 0, pixels.Length / 2);
            PngFile.Write(_scratch[$"pictures/{i}.png"], new ImageBatch(1, 3, 20, 24, pixels));
            File.WriteAllText(_scratch[$"pictures/{i}.txt"], $"a picture, the {i}th");
        }
    }

    public void Dispose() => _scratch.Dispose();

    private static string Pipeline
    {
        get
        {
            string? folder = TestData.Folder("tiny-stable-diffusion");
            Assert.SkipWhen(folder is null, TestData.Missing("tiny-stable-diffusion"));
            return Path.Combine(folder!, "pipeline");
        }
    }

    [Theory]
    [InlineData("kohya", "lora_unet_")]
    [InlineData("peft", "unet.")]
    public void An_adapter_is_trained_and_drawn_with(string names, string begins)
    {
        var trained = Run("adapt", Pipeline, "pictures", "--out", "style.safetensors", "--steps", "3", "--rank", "2", "--size",
            "16x16", "--names", names, "--json");
        Assert.Equal((0, ""), (trained.ExitCode, trained.ExitCode == 0 ? "" : trained.Error));
        var told = JsonDocument.Parse(trained.Out).RootElement;
        Assert.Equal((3, 3), (told.GetProperty("pictures").GetInt32(), told.GetProperty("steps").GetInt32()));
        Assert.True(told.GetProperty("loss").GetDouble() > 0);
        Assert.All(SafetensorsFile.Read(_scratch["style.safetensors"]).Tensors.Keys,
            name => Assert.StartsWith(begins, name, StringComparison.Ordinal));
        Draws("a cat", "--adapter", "style.safetensors");
    }

    [Fact]
    public void A_word_is_trained_and_drawn_with()
    {
        var trained = Run(
            "adapt", Pipeline, "pictures", "--word", "<mine>", "--vectors", "2", "--like", "red cat", "--steps", "3");
        Assert.Equal((0, ""), (trained.ExitCode, trained.ExitCode == 0 ? "" : trained.Error));
        Assert.Contains("--embedding pictures.safetensors", trained.Out, StringComparison.Ordinal);
        Draws("a <mine>", "--embedding", "pictures.safetensors");
    }

    [Theory]
    [InlineData("--like and --vectors are for a word", "--vectors", "2")]
    [InlineData("--rank, --parts, --text-parts and --names are for an adapter", "--word", "<a>", "--rank", "2")]
    [InlineData("must end in .safetensors", "--out", "a.bin")]
    [InlineData("means no layer", "--parts", "nothing", "--size", "16x16")]
    [InlineData("no run in 'runs/pictures' to go on with", "--resume")]
    public void What_does_not_fit_is_said_in_one_line(string says, params string[] args)
    {
        var outcome = Run(["adapt", Pipeline, "pictures", "--steps", "1", .. args]);
        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains(says, outcome.ErrorLine, StringComparison.Ordinal);
        Assert.False(File.Exists(_scratch["pictures.safetensors"]));
    }

    [Fact]
    public void A_training_that_stopped_goes_on_with_resume_and_is_listed_among_the_runs()
    {
        string[] words = ["adapt", Pipeline, "pictures", "--steps", "6", "--rank", "2", "--size", "16x16", "--text-parts", "*",
            "--samples", "1"];
        Assert.Equal(0, Run([.. words, "--out", "whole.safetensors"]).ExitCode);
        Assert.Equal(0, Run([.. words, "--out", "parts.safetensors"]).ExitCode);
        var again = Run([.. words, "--out", "parts.safetensors"]);
        Assert.Equal(1, again.ExitCode);
        Assert.Contains("There is a run in 'runs/parts' already", again.ErrorLine.Replace('\\', '/'), StringComparison.Ordinal);
        // as if it had been killed after its first checkpoint
        string[] checkpoints = [.. Directory.GetFiles(_scratch["runs/parts/checkpoints"]).Order(StringComparer.Ordinal)];
        foreach (string late in checkpoints.Skip(1))
            File.Delete(late);
        File.Delete(_scratch["parts.safetensors"]);
        var resumed = Run([.. words, "--out", "parts.safetensors", "--resume"]);
        Assert.Equal((0, ""), (resumed.ExitCode, resumed.ExitCode == 0 ? "" : resumed.Error));
        Assert.Equal(Numbers("whole.safetensors"), Numbers("parts.safetensors"));
        Assert.Equal(6, Directory.GetFiles(_scratch["runs/parts/samples"]).Length);
        Assert.Contains("parts", Run("runs", "list").Out, StringComparison.Ordinal);
        Assert.Equal(0, Run("runs", "compare", "whole", "parts").ExitCode);
        Draws("a cat", "--adapter", "parts.safetensors");
    }

    private byte[] Numbers(string file) =>
        [.. SafetensorsFile.Read(_scratch[file]).Tensors.SelectMany(tensor => tensor.Value.Bytes.ToArray())];

    private void Draws(string prompt, params string[] with)
    {
        var drawn = Run(["sample", Pipeline, prompt, "--steps", "1", "--count", "1", "--out", "a.png", .. with]);
        Assert.Equal((0, ""), (drawn.ExitCode, drawn.ExitCode == 0 ? "" : drawn.Error));
    }

    private Outcome Run(params string[] args) => Command.RunIn(_scratch.Path, args);
}
