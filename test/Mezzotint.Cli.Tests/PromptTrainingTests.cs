using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Runtime;
using Mezzotint.Serving;
using Mezzotint.Text;
using static TorchSharp.torch;

namespace Mezzotint.Cli.Tests;

/// <summary>A small Stable Diffusion from captioned pictures: autoencoder, text encoder, U-Net, and pictures of
/// prompts.</summary>
public sealed class PromptTrainingTests : IDisposable
{
    private readonly ScratchFolder _scratch = new();

    public PromptTrainingTests() => TinyPrompts.Write(_scratch);

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void A_model_of_prompts_trains_resumes_to_the_bit_and_draws_as_a_folder_of_diffusers()
    {
        Done("train", "vae.toml");
        Done("train", "worded.toml", "--out", "straight");
        Done("train", "worded.toml", "--out", "parts", "--set", "training.epochs=1");
        Done("train", "--out", "parts", "--resume", "--set", "training.epochs=2");
        var (straight, parts) = (Weights("straight"), Weights("parts"));
        Assert.All(
            straight, tensor => Assert.True(tensor.Value.Bytes.Span.SequenceEqual(parts[tensor.Key].Bytes.Span), tensor.Key));
        foreach (
            string file in (string[])["model_index.json", "vae/config.json", "text_encoder/config.json", "tokenizer/vocab.json",
            "tokenizer/merges.txt", "scheduler/scheduler_config.json", "unet/config.json", "README.md"])
            Assert.True(File.Exists(_scratch["straight", "model", file]), file);
        Assert.Single(Directory.GetFiles(_scratch["straight", "samples"], "epoch-002.png"));
        var examples = JsonDocument.Parse(File.ReadAllText(_scratch["straight", "model", "mezzotint.json"])).RootElement
            .GetProperty("examples");
        Assert.Equal("a red square", examples.GetProperty("learned")[0].GetString());
        Assert.Equal("a red square", examples.GetProperty("unseen")[0].GetString());

        // The model is whole without what it was made of.
        Directory.Delete(_scratch["runs"], recursive: true);
        Directory.Delete(_scratch["words"], recursive: true);
        Done("sample", "straight", "a red square", "--negative", "blue", "--guidance", "3", "--count", "1", "--out", "one.png");
        Assert.Equal("a red square", PngFile.ReadText(_scratch["one.png"])["Prompt"]);
        Done("sample", "straight", "--like", "one.png", "--out", "again.png");
        Assert.Equal(File.ReadAllBytes(_scratch["one.png"]), File.ReadAllBytes(_scratch["again.png"]));
        Done("sample", "straight", "a red square", "--interpolate", "a blue square", "--count", "3", "--out", "row.png");
        Done("sample", "straight", "a red square", "--image", "pictures/0.png", "--strength", "0.5", "--count", "1", "--out",
            "from.png");
        var inverted = Done(
            "sample", "straight", "a red square", "a blue square", "--image", "pictures/0.png", "--invert", "a red square",
            "--steps", "4", "--json", "--out", "inverted.png");
        Assert.Equal("a red square | a blue square", PngFile.ReadText(_scratch["inverted.png"])["Prompt"]);
        Assert.InRange(JsonDocument.Parse(inverted.Out).RootElement.GetProperty("round_trip_error").GetDouble(), 1e-9, 1);
        ComesBackFromItsNoise("straight", "pictures/0.png", "a red square");
        Done("sample", "straight", "a red square", "--image", "pictures/0.png", "--interpolate", "pictures/1.png", "--steps", "4",
            "--count", "3", "--out", "between.png");
        Done("sample", "straight", "a red square", "a blue square", "--out", "drawn/");
        Assert.Equal(2, Directory.GetDirectories(_scratch["drawn"]).Length);
        var told =
            Done("sample", "straight", "a red square and a blue square and a red one", "--count", "1", "--out", "long.png");
        Assert.Contains("it does not see: ", told.Error, StringComparison.Ordinal);
        var asked = Command.RunIn(_scratch.Path, "a red square\nq\n", ["demo", "straight", "--json"]);
        Assert.True(asked.ExitCode == 0, asked.Error);
        Assert.Equal("a red square", JsonDocument.Parse(asked.Out).RootElement.GetProperty("prompt").GetString());
        Done("evaluate", "straight", "--loss", "--data", "pictures");
        Done("inspect", "straight");
        Done("export", "straight", "--out", "straight.onnx");
        DrawsByOnnxRuntimeAlone("straight.onnx", "a red square");

        Refused("is asked in words: write a prompt", "sample", "straight");
        Refused("is asked in words and has no classes", "sample", "straight", "--label", "3");
        Refused("leave --negative and --clip-skip out", "sample", "straight", "a red square", "--image", "pictures/0.png",
            "--invert", "x", "--negative", "blue");
        Refused("what guidance goes away from", "sample", "straight", "a red square", "--guidance", "1", "--negative", "blue");
    }

    [Fact]
    public void A_text_encoder_can_learn_with_the_network_and_is_then_a_part_of_the_model()
    {
        string[] joint = ["--set", "prompts.trained=true"];
        Done("train", "vae.toml");
        Done(["train", "worded.toml", "--out", "straight", .. joint]);
        Done(["train", "worded.toml", "--out", "parts", "--set", "training.epochs=1", .. joint]);
        Done("train", "--out", "parts", "--resume", "--set", "training.epochs=2");
        Done(["train", "worded.toml", "--out", "frozen", "--set", "training.freeze=text_encoder", .. joint]);
        byte[] Encoder(params string[] folder) =>
            File.ReadAllBytes(_scratch[[.. folder, "text_encoder", "model.safetensors"]]);
        Assert.Equal(Encoder("words"), Encoder("frozen", "model"));
        Assert.NotEqual(Encoder("words"), Encoder("straight", "model"));
        Assert.Equal(Encoder("straight", "model"), Encoder("parts", "model"));
        Assert.All(Weights("straight"), tensor =>
            Assert.True(tensor.Value.Bytes.Span.SequenceEqual(Weights("parts")[tensor.Key].Bytes.Span), tensor.Key));

        Directory.Delete(_scratch["words"], recursive: true);
        Done("sample", "straight", "a red square", "--count", "1", "--out", "one.png");
        Done("sample", "straight", "--like", "one.png", "--out", "again.png");
        Assert.Equal(File.ReadAllBytes(_scratch["one.png"]), File.ReadAllBytes(_scratch["again.png"]));
        Refused("false where [training.low_rank]", "train", "worded.toml", "--out", "low", "--set", "training.low_rank.rank=2",
            "--set", "prompts.trained=true");
    }

    [Fact]
    public void An_adapter_that_is_trained_on_a_model_of_prompts_draws_from_it_what_the_run_draws()
    {
        Done("train", "vae.toml");
        Done("train", "worded.toml", "--out", "start", "--set", "training.epochs=1");
        Done("train", "worded.toml", "--from", "start/model", "--out", "changed", "--set", "training.epochs=2", "--set",
            "training.low_rank.rank=2", "--set", "training.learning_rate=0.05");
        var tensors = SafetensorsFile.Read(_scratch["changed", "adapter.safetensors"]).Tensors;
        Assert.All(tensors.Keys, name => // as kohya's scripts call them
            Assert.Matches("^lora_unet_[a-z0-9_]+[.](lora_up[.]weight|lora_down[.]weight|alpha)$", name));
        Assert.Contains(tensors.Keys, name => name.Contains("_attn2_to_k.", StringComparison.Ordinal));
        string[] drawing = ["a red square", "--seed", "3", "--count", "1"];
        Done(["sample", "start", .. drawing, "--out", "before.png"]);
        Done(["sample", "start", .. drawing, "--adapter", "changed/adapter.safetensors", "--out", "adapted.png"]);
        Done(["sample", "changed", .. drawing, "--out", "changed.png"]);
        byte[] Pixels(string file) => PngFile.Read(_scratch[file]).Pixels;
        Assert.All(Pixels("changed.png").Zip(Pixels("adapted.png")), pair => // sums in another order
            Assert.InRange(pair.First - pair.Second, -1, 1));
        Assert.Contains(Pixels("before.png").Zip(Pixels("adapted.png")), pair => Math.Abs(pair.First - pair.Second) > 1);
    }

    [Fact]
    public void A_text_image_model_trains_and_resumes_to_the_bit()
    {
        _scratch.Write("clip.toml", TinyPrompts.TextImage);
        Done("train", "clip.toml", "--out", "straight");
        Done("train", "clip.toml", "--out", "parts", "--set", "training.epochs=1");
        var resumed = Done("train", "clip.toml", "--out", "parts", "--resume", "--set", "training.epochs=2");
        Assert.DoesNotContain("has others", resumed.Error, StringComparison.Ordinal);
        string Weights(string run) => _scratch[run, "model", "model.safetensors"];
        Assert.Equal(File.ReadAllBytes(Weights("straight")), File.ReadAllBytes(Weights("parts")));
        Done("evaluate", "straight", "--data", "pictures");
    }

    [Fact]
    public void A_model_of_prompts_is_fine_tuned_as_a_whole_in_parts_and_by_low_rank_changes()
    {
        Done("train", "vae.toml");
        Done("train", "worded.toml", "--out", "first", "--set", "training.epochs=1");
        void Tune(string run, string setting) => Done(
            "train", "worded.toml", "--from", "first", "--out", run, "--set", "training.epochs=1", "--set", setting);
        Tune("whole", "training.learning_rate=1e-3");
        Tune("parts", "training.freeze=down_blocks");
        Tune("changes", "training.low_rank.rank=2");
        var (first, whole, parts) = (Weights("first"), Weights("whole"), Weights("parts"));
        bool Same(OrderedDictionary<string, TensorData> other, string name) =>
            first[name].Bytes.Span.SequenceEqual(other[name].Bytes.Span);
        string[] down = [.. first.Keys.Where(name => name.StartsWith("down_blocks", StringComparison.Ordinal))];
        Assert.NotEmpty(down);
        Assert.All(down, name => Assert.True(Same(parts, name), name));
        Assert.Contains(down, name => !Same(whole, name));
        Assert.Contains(first.Keys.Except(down), name => !Same(parts, name));

        // The changes beside the model that they were learned for are the model that they are merged into.
        Done("sample", "changes", "a red square", "--count", "1", "--out", "merged.png");
        Done("sample", "first", "a red square", "--adapter", "changes/adapter.safetensors", "--count", "1", "--out",
            "beside.png");
        Done("sample", "first", "a red square", "--count", "1", "--out", "before.png");
        byte[] merged = PngFile.Read(_scratch["merged.png"]).Pixels, beside = PngFile.Read(_scratch["beside.png"]).Pixels;
        Assert.All(merged.Zip(beside), pair => Assert.InRange(pair.First - pair.Second, -1, 1));
        Assert.NotEqual(merged, PngFile.Read(_scratch["before.png"]).Pixels);
    }

    [Fact]
    public void What_is_missing_for_words_is_named_before_anything_is_made()
    {
        Done("train", "vae.toml");
        string[] before = Directory.GetDirectories(_scratch["runs"]);
        Refused("has no text encoder", "train", "worded.toml", "--set", "prompts.encoder=elsewhere");
        Refused("model.cross_attention_dim = 24", "train", "worded.toml", "--set", "model.cross_attention_dim=24");
        Refused("pictures has no column 'nothing'", "train", "worded.toml", "--set", "data.caption=nothing");
        Assert.Equal(before, Directory.GetDirectories(_scratch["runs"]));
    }

    /// <summary>As what it shows, a picture comes back as the autoencoder alone gives it back.</summary>
    private void ComesBackFromItsNoise(string run, string picture, string prompt)
    {
        using var pipeline = DiffusionPipeline.Load(_scratch[run, "model"]);
        using var threads = new WorkerThreads(1);
        using var scope = NewDisposeScope();
        var (image, codec) = (PngFile.Read(_scratch[picture]), pipeline.Model.Pixels);
        byte[] redrawn = pipeline.Invert().Redraw(image, prompt, [prompt], threads).Images.Pixels;
        byte[] coded = PixelTensors.Bytes(codec.Decode(codec.Encode(PixelTensors.Of(image))));
        Assert.All(coded.Zip(redrawn), pair => Assert.InRange(pair.First - pair.Second, -3, 3));
        Assert.Contains(coded.Zip(image.Pixels), pair => Math.Abs(pair.First - pair.Second) > 3);
    }

    /// <summary>The sample program, in a process of its own, with the tokens that the library has.</summary>
    private void DrawsByOnnxRuntimeAlone(string model, string prompt)
    {
        var own = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        string program = Path.Combine(own.Parent!.Parent!.FullName, "OnnxPrompt", own.Name, "OnnxPrompt.dll");
        using var process = Process.Start(new ProcessStartInfo("dotnet", [program, model, prompt, "drawn.ppm"])
        {
            WorkingDirectory = _scratch.Path, RedirectStandardOutput = true, RedirectStandardError = true,
        })!;
        string told = process.StandardOutput.ReadToEnd(), error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, error);
        var tokens = ClipTokenizer.Read(_scratch["straight", "model", "tokenizer"]).Tokenize(prompt).Tokens;
        Assert.EndsWith($"of the tokens {string.Join(" ", tokens)}.", told.Trim(), StringComparison.Ordinal);
        byte[] picture = File.ReadAllBytes(_scratch["drawn.ppm"]);
        byte[] head = Encoding.ASCII.GetBytes($"P6 {TinyPrompts.Side} {TinyPrompts.Side} 255\n");
        Assert.Equal(head, picture[..head.Length]);
        Assert.Equal(head.Length + 3 * TinyPrompts.Side * TinyPrompts.Side, picture.Length);
        Assert.True(picture[head.Length..].Distinct().Count() > 16);
    }

    private OrderedDictionary<string, TensorData> Weights(string run) =>
        SafetensorsFile.Read(_scratch[run, "model", "unet", "diffusion_pytorch_model.safetensors"]).Tensors;

    private void Refused(string message, params string[] arguments)
    {
        var outcome = Command.RunIn(_scratch.Path, arguments);
        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains(message, outcome.ErrorLine, StringComparison.Ordinal);
    }

    private Outcome Done(params string[] arguments)
    {
        var outcome = Command.RunIn(_scratch.Path, arguments);
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        return outcome;
    }
}
