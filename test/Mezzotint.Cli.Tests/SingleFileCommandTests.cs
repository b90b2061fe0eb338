using System.Text.Json;
using Mezzotint.Models;

namespace Mezzotint.Cli.Tests;

/// <summary>A single file of Stable Diffusion wherever a model is named.</summary>
public sealed class SingleFileCommandTests : IDisposable
{
    private readonly ScratchFolder _scratch = new();

    public void Dispose() => _scratch.Dispose();

    private static string Tiny(params string[] parts)
    {
        string? folder = TestData.Folder("tiny-stable-diffusion");
        Assert.SkipWhen(folder is null, TestData.Missing("tiny-stable-diffusion"));
        return Path.Combine([folder!, .. parts]);
    }

    private static string File => Tiny("single-file", "model.safetensors");

    private static string Tokenizer => Tiny("pipeline", "tokenizer");

    [Fact]
    public void It_is_drawn_with_and_its_picture_drawn_again()
    {
        var drawn = Run("sample", File, "a red cat", "--tokenizer", Tokenizer, "--steps", "2", "--count", "1", "--out", "a.png");
        Assert.Equal(0, drawn.ExitCode);
        var again = Run("sample", File, "--tokenizer", Tokenizer, "--like", "a.png", "--out", "b.png");
        Assert.Equal((0, ""), (again.ExitCode, again.ExitCode == 0 ? "" : again.Error));
        Assert.Equal(System.IO.File.ReadAllBytes(_scratch["a.png"]), System.IO.File.ReadAllBytes(_scratch["b.png"]));
        var folder = Run("sample", Tiny("pipeline"), "a red cat", "--steps", "2", "--count", "1", "--out", "c.npz");
        var single = Run("sample", File, "a red cat", "--tokenizer", Tokenizer, "--steps", "2", "--count", "1", "--out", "d.npz");
        Assert.Equal((0, 0), (folder.ExitCode, single.ExitCode));
        Assert.Equal(System.IO.File.ReadAllBytes(_scratch["c.npz"]), System.IO.File.ReadAllBytes(_scratch["d.npz"]));
    }

    [Fact]
    public void It_answers_the_demo()
    {
        var outcome = Command.RunIn(
            _scratch.Path, "a red cat\nq\n", ["demo", File, "--tokenizer", Tokenizer, "--steps", "1", "--json"]);
        Assert.Equal(0, outcome.ExitCode);
        Assert.Contains("\"prompt\":\"a red cat\"", outcome.Out.Replace(" ", "", StringComparison.Ordinal)
            .Replace("aredcat", "a red cat", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public void It_becomes_a_folder_and_a_file_again()
    {
        Assert.Equal(0, Run("import", File, "--tokenizer", Tokenizer, "--out", "model", "--to", "float16").ExitCode);
        Assert.All(ModelPath.PartsOf(_scratch["model"]), part => Assert.Equal([Formats.ElementType.Float16], part.Types));
        Assert.Equal(0, Run("export", "model", "--single-file", "one.safetensors").ExitCode);
        Assert.Equal(Formats.ElementType.Float16, ModelPath.PrecisionOf(_scratch["one.safetensors"]));
        Assert.Equal(0, Run("import", "one.safetensors", "--tokenizer", "model", "--out", "again").ExitCode);
        foreach (string weights in new[] { "vae/diffusion_pytorch_model", "text_encoder/model" })
            Assert.Equal(System.IO.File.ReadAllBytes(_scratch[$"model/{weights}.safetensors"]),
                System.IO.File.ReadAllBytes(_scratch[$"again/{weights}.safetensors"]));
    }

    [Fact]
    public void It_becomes_a_folder_of_onnx_files()
    {
        var outcome = Run("export", File, "--tokenizer", Tokenizer, "--onnx", "onnx");
        Assert.Equal((0, ""), (outcome.ExitCode, outcome.ExitCode == 0 ? "" : outcome.Error));
        Assert.Contains("Parts: text_encoder, unet, vae_decoder, vae_encoder.", outcome.Out, StringComparison.Ordinal);
        Assert.True(new FileInfo(_scratch["onnx/unet/model.onnx_data"]).Length > 1_000_000);
        var told = JsonDocument.Parse(Run("export", File, "--tokenizer", Tokenizer, "--onnx", "onnx", "--json").Out).RootElement;
        Assert.Equal(4, told.GetProperty("parts").GetArrayLength());
    }

    [Fact]
    public void It_is_inspected_without_a_tokenizer()
    {
        var outcome = Run("inspect", File);
        Assert.Equal(0, outcome.ExitCode);
        foreach (string said in new[] { "text_encoder", "MB of float32", "64 x 64, latents 4 x 16 x 16", "predicts    epsilon",
            "vp, scaled-linear, 1000 timesteps", "plms, 50 steps over leading-plus-one, guidance 7.5" })
            Assert.Contains(said, outcome.Out, StringComparison.Ordinal);
        var facts = JsonDocument.Parse(Run("inspect", File, "--prediction", "v", "--json").Out).RootElement.GetProperty("facts");
        Assert.Equal("v", facts.GetProperty("predicts").GetString());
    }

    [Fact]
    public void A_size_and_weights_are_drawn_as_asked_and_again()
    {
        Assert.Equal(0, Run("sample", Tiny("pipeline"), "a (red:1.4) cat", "--prompt-weights", "--size", "72x40", "--steps", "2",
            "--count", "1", "--out", "a.png").ExitCode);
        Assert.Equal(0, Run("sample", Tiny("pipeline"), "--like", "a.png", "--out", "b.png").ExitCode);
        Assert.Equal(System.IO.File.ReadAllBytes(_scratch["a.png"]), System.IO.File.ReadAllBytes(_scratch["b.png"]));
        Assert.Contains("--size takes a width and a height", Run("sample", Tiny("pipeline"), "a", "--size", "72").ErrorLine,
            StringComparison.Ordinal);
        Assert.Contains("--size 70x64: must be two multiples of 4",
            Run("sample", Tiny("pipeline"), "a", "--size", "70x64").ErrorLine, StringComparison.Ordinal);
    }

    [Fact]
    public void A_variant_is_drawn_with_drawn_again_inspected_and_imported()
    {
        Assert.Equal(0, Run("sample", Tiny("pipeline"), "a cat", "--variant", "fp16", "--steps", "2", "--count", "1", "--out",
            "a.png").ExitCode);
        Assert.Contains("was drawn with another model",
            Run("sample", Tiny("pipeline"), "--like", "a.png", "--out", "b.png").ErrorLine, StringComparison.Ordinal);
        Assert.Equal(0, Run("sample", Tiny("pipeline"), "--variant", "fp16", "--like", "a.png", "--out", "b.png").ExitCode);
        Assert.Equal(System.IO.File.ReadAllBytes(_scratch["a.png"]), System.IO.File.ReadAllBytes(_scratch["b.png"]));
        Assert.Contains("MB of float16", Run("inspect", Tiny("pipeline"), "--variant", "fp16").Out, StringComparison.Ordinal);
        Assert.Equal(0, Run("import", Tiny("pipeline"), "--variant", "fp16", "--out", "half").ExitCode);
        Assert.Equal(Formats.ElementType.Float16, ModelPath.PrecisionOf(_scratch["half"]));
    }

    [Fact]
    public void A_check_prints_norms_and_leaves_a_picture()
    {
        var outcome = Run("check", File, "--tokenizer", Tokenizer, "--steps", "2");
        Assert.Equal((0, ""), (outcome.ExitCode, outcome.ExitCode == 0 ? "" : outcome.Error));
        foreach (string said in new[] { "the prompt's states", "estimates from the most noise", "the picture's latents", " dB",
            "check.png: the picture" })
            Assert.Contains(said, outcome.Out, StringComparison.Ordinal);
        Assert.True(System.IO.File.Exists(_scratch["check.png"]));
        var told = JsonDocument.Parse(Run("check", Tiny("pipeline"), "--steps", "1", "--json").Out).RootElement;
        Assert.Equal(0, told.GetProperty("faults").GetArrayLength());
        Assert.True(told.GetProperty("numbers")[0].GetProperty("norm").GetDouble() > 0);
    }

    [Theory]
    [InlineData("has no tokenizer, as no single file has", "sample", "FILE", "a cat")]
    [InlineData("no single file of Stable Diffusion", "import", "merges.txt", "--out", "x")]
    [InlineData("'merges.txt' is not a model", "sample", "merges.txt", "a cat")]
    [InlineData("--clip-skip 5: must be 0 to 2", "sample", "FILE", "a cat", "--tokenizer", "TOKENIZER", "--clip-skip", "5")]
    [InlineData("leave --prediction out", "sample", "FOLDER", "a cat", "--prediction", "v")]
    [InlineData("has no weights in the variant bf16", "sample", "FOLDER", "a cat", "--variant", "bf16")]
    [InlineData("leave --variant out", "check", "FILE", "--variant", "fp16")]
    [InlineData("--single-file and --onnx are two exports", "export", "FOLDER", "--onnx", "x", "--single-file", "y.safetensors")]
    [InlineData("--to is for --single-file", "export", "FOLDER", "--onnx", "x", "--to", "float16")]
    [InlineData("--prediction takes epsilon, v, not 'x'", "sample", "FILE", "a cat", "--prediction", "x")]
    public void What_is_missing_or_wrong_is_said_in_one_line(string says, params string[] args)
    {
        System.IO.File.WriteAllText(_scratch["merges.txt"], "");
        var outcome = Command.RunIn(_scratch.Path, [.. args.Select(arg => arg switch
        {
            "FILE" => File, "TOKENIZER" => Tokenizer, "FOLDER" => Tiny("pipeline"), _ => arg,
        })]);
        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains(says, outcome.ErrorLine, StringComparison.Ordinal);
    }

    private Outcome Run(params string[] args) => Command.RunIn(_scratch.Path, args);
}
