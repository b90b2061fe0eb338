using System.Text.Json;
using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models;

namespace Mezzotint.Cli.Tests;

/// <summary>An autoencoder and a model of its latents, from their trainings to their pictures.</summary>
public sealed class LatentTrainingTests : IDisposable
{
    private const string Autoencoder =
        """
        kind = "autoencoder"
        [data]
        name = "strokes"
        train_count = 24
        test_count = 8
        size = 12
        [network]
        block_out_channels = [8, 16]
        norm_num_groups = 4
        latent_channels = 2
        margin = 2
        [training]
        epochs = 2
        batch_size = 8
        replicas = 2
        samples_per_label = 0
        log_every = 1
        """;

    private const string Latent =
        """
        [data]
        name = "strokes"
        train_count = 24
        test_count = 8
        size = 12
        [pixels]
        kind = "latent"
        autoencoder = "runs/vae/model"
        [model]
        num_res_blocks = 1
        channel_multipliers = [1]
        attention_levels = []
        [training]
        epochs = 2
        batch_size = 8
        replicas = 2
        samples_per_label = 1
        sample_steps = 2
        [sampling]
        steps = 2
        """;

    private readonly ScratchFolder _scratch = new();

    public LatentTrainingTests()
    {
        _scratch.Write("vae.toml", Autoencoder);
        _scratch.Write("latent.toml", Latent);
    }

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void An_autoencoder_trains_resumes_to_the_bit_and_reconstructs()
    {
        Done("train", "vae.toml", "--out", "straight");
        Done("train", "vae.toml", "--set", "training.epochs=1");
        var resumed = Done("train", "vae.toml", "--resume", "--set", "training.epochs=2");
        Assert.DoesNotContain("has others", resumed.Error, StringComparison.Ordinal);
        Assert.Equal(
            File.ReadAllBytes(_scratch["straight", "model", AutoencoderFolder.WeightsFile]),
            File.ReadAllBytes(_scratch["runs", "vae", "model", AutoencoderFolder.WeightsFile]));
        using (var read = AutoencoderFolder.Read(_scratch["straight", "model"]))
        {
            Assert.Equal(2, read.Info.Epochs);
            Assert.Equal((1, 12, 3), (read.Network.Config.InChannels, read.Network.Config.SampleSize, read.Info.Preview.Count));
            Assert.NotEqual(0.18215, read.Network.Config.ScalingFactor);
        }
        string epoch = File.ReadAllLines(_scratch["straight", "log.jsonl"])[^1];
        Assert.True(JsonDocument.Parse(epoch).RootElement.GetProperty("figures").GetProperty("psnr").GetDouble() > 5, epoch);

        var told = Done("reconstruct", "straight", "--count", "5", "--out", "sheet.png", "--json");
        var facts = JsonDocument.Parse(told.Out).RootElement;
        Assert.Equal(5, facts.GetProperty("count").GetInt32());
        Assert.True(facts.GetProperty("psnr").GetDouble() > 5, told.Out);
        var sheet = PngFile.Read(_scratch["sheet.png"]);
        Assert.True(sheet.Width >= 5 * 2 * 12 && sheet.Height >= 2 * 2 * 12, $"{sheet.Width} x {sheet.Height}");
    }

    [Fact]
    public void A_model_of_latents_trains_resumes_to_the_bit_draws_and_keeps_its_autoencoder()
    {
        Done("train", "vae.toml", "--set", "training.epochs=1");
        Done("train", "latent.toml", "--out", "straight");
        Done("train", "latent.toml", "--out", "parts", "--set", "training.epochs=1");
        Done("train", "--out", "parts", "--resume", "--set", "training.epochs=2");
        var (straight, parts) = (Weights("straight"), Weights("parts"));
        Assert.All(
            straight, tensor => Assert.True(tensor.Value.Bytes.Span.SequenceEqual(parts[tensor.Key].Bytes.Span), tensor.Key));

        // The model is whole without the autoencoder's own folder.
        Directory.Delete(_scratch["runs"], recursive: true);
        Done("sample", "straight", "--label", "3,5", "--count", "2", "--out", "drawn.npz");
        var images = NpzFile.Read(_scratch["drawn.npz"]).Single(array => array.Key == "images").Value;
        Assert.Equal([4, 12, 12], images.Shape);
        Done("sample", "straight", "--label", "3", "--count", "1", "--out", "one.png");
        Done("sample", "--like", "one.png", "straight", "--out", "again.png");
        Assert.Equal(File.ReadAllBytes(_scratch["one.png"]), File.ReadAllBytes(_scratch["again.png"]));
        Done("sample", "straight", "--label", "3", "--count", "2", "--interpolate", "9", "--out", "strip.png");
        Done("evaluate", "straight", "--loss");
        Done("distill", "straight", "--out", "few", "--set", "training.epochs=1", "--set", "training.batch_size=8");
        Done("sample", "few", "--label", "3", "--count", "1", "--out", "few.png");
        Done("inspect", "straight");
        Done("reconstruct", "straight", "--count", "4");
        var refused = Command.RunIn(_scratch.Path, "likelihood", "straight", "--count", "1");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("latent", refused.ErrorLine, StringComparison.Ordinal);
    }

    [Fact]
    public void Pixels_that_a_mask_keeps_are_the_pictures_own_to_the_bit()
    {
        Done("train", "vae.toml", "--set", "training.epochs=1");
        Done("train", "latent.toml", "--set", "training.epochs=1");
        byte[] picture = [.. Enumerable.Range(0, 144).Select(i => (byte)(i * 7))];
        byte[] mask = [.. Enumerable.Range(0, 144).Select(i => (byte)(i % 12 < 5 ? 255 : 0))]; // white is drawn anew
        PngFile.Write(_scratch["picture.png"], new ImageBatch(1, 1, 12, 12, picture), 1);
        PngFile.Write(_scratch["mask.png"], new ImageBatch(1, 1, 12, 12, mask), 1);
        Done(
            "sample", "runs/latent", "--label", "2,3", "--image", "picture.png", "--invert", "2", "--steps", "3", "--out",
            "inverted.png");
        Done("sample", "runs/latent", "--label", "2", "--count", "1", "--image", "picture.png", "--mask", "mask.png", "--out",
            "drawn/");
        byte[] drawn = PngFile.Read(Directory.GetFiles(_scratch["drawn"], "*.png", SearchOption.AllDirectories).Single()).Pixels;
        Assert.All(Enumerable.Range(0, 144).Where(i => mask[i] == 0), i => Assert.Equal(picture[i], drawn[i]));
        Assert.Contains(Enumerable.Range(0, 144).Where(i => mask[i] != 0), i => picture[i] != drawn[i]);
    }

    [Fact]
    public void An_average_of_a_run_is_a_whole_model()
    {
        Done("train", "vae.toml", "--set", "training.epochs=1");
        _scratch.Write(
            "power.toml", Latent + "\n[training.average]\nkind = \"power\"\nwidths = [0.1, 0.2]\nsnapshot_every = 2\n");
        Done("train", "power.toml");
        Done("average", "runs/power", "--width", "0.15", "--out", "averaged");
        Directory.Delete(_scratch["runs"], recursive: true);
        Done("sample", "averaged", "--label", "3", "--count", "1", "--out", "one.png");
    }

    [Fact]
    public void An_autoencoder_that_is_not_there_is_named_before_anything_is_made()
    {
        var refused = Command.RunIn(_scratch.Path, "train", "latent.toml");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("'runs/vae/model' is not an autoencoder", refused.ErrorLine, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_scratch["runs"]));
    }

    private OrderedDictionary<string, TensorData> Weights(string run) =>
        SafetensorsFile.Read(_scratch[run, "model", ModelFolder.WeightsFile]).Tensors;

    private Outcome Done(params string[] arguments)
    {
        var outcome = Command.RunIn(_scratch.Path, arguments);
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        return outcome;
    }
}
