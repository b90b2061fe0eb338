using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Serving;
using Mezzotint.Tests.Formats;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Models;

/// <summary>Another autoencoder than a model's own.</summary>
public class AutoencoderSourceTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static string Pipeline => TinyStableDiffusion.PathOf("pipeline");

    [Fact]
    public void It_comes_from_a_folder_a_models_folder_a_models_file_or_a_file_of_its_own()
    {
        using var temporary = new TemporaryFolder();
        string single = TinyStableDiffusion.PathOf("single-file", "model.safetensors"), alone = temporary.File("vae.safetensors");
        const string prefix = "first_stage_model.";
        SafetensorsFile.Write(alone, SafetensorsFile.Read(single).Tensors
            .Where(pair => pair.Key.StartsWith(prefix, StringComparison.Ordinal))
            .Select(pair => KeyValuePair.Create(pair.Key[prefix.Length..], pair.Value)));
        using var scope = NewDisposeScope();
        using var own = ModelPath.Read(Pipeline);
        foreach (string path in new[] { Path.Combine(Pipeline, "vae"), Pipeline, single, alone })
        {
            using var model = ModelPath.Read(Pipeline, new() { Autoencoder = path });
            var adapter = Assert.Single(model.Adapters);
            Assert.Equal($"--autoencoder {Path.GetFileName(path)}", adapter.Option);
            foreach (var (wanted, got) in own.Autoencoder!.Network.parameters().Zip(model.Autoencoder!.Network.parameters()))
                Assert.True(wanted.equal(got).all().item<bool>(), path);
        }
    }

    [Fact]
    public async Task It_changes_the_picture_and_the_receipt_names_it()
    {
        using var temporary = new TemporaryFolder();
        string other = temporary.File("other");
        using (var own = AutoencoderFolder.Read(Path.Combine(Pipeline, "vae")))
        using (var fresh = new Autoencoder(own.Network.Config))
            AutoencoderFolder.Write(other, fresh, new());
        var options = new GenerationOptions { Seed = 3, Steps = 1 };
        using var plain = new DiffusionPipeline(ModelPath.Read(Pipeline), ownsModel: true);
        using var changed = new DiffusionPipeline(ModelPath.Read(Pipeline, new() { Autoencoder = other }), ownsModel: true);
        var drawn = changed.Generate("a cat", options);
        Assert.NotEqual(plain.Generate("a cat", options).Images.Pixels, drawn.Images.Pixels);
        drawn.SavePng(temporary.File("a.png"));
        var receipt = ImageReceipt.Read(temporary.File("a.png"));
        Assert.Equal(drawn.Images.Pixels, (await changed.Prepare(receipt).RunAsync(cancellation: Stop)).Images.Pixels);
        Assert.Contains("--autoencoder other", Assert.Throws<MezzotintException>(() => plain.Prepare(receipt)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void One_of_other_latents_and_what_is_none_are_refused()
    {
        using var temporary = new TemporaryFolder();
        string other = temporary.File("other"), words = temporary.File("words.safetensors");
        using (var smaller = new Autoencoder(new AutoencoderConfig { BlockOutChannels = [32, 32] }))
            AutoencoderFolder.Write(other, smaller, new());
        SafetensorsFile.Write(words, [new("emb_params", new TensorData(ElementType.Float32, [1], new byte[4]))]);
        foreach (var (path, says) in new[]
        {
            (other, "latents of 4 channels at 1/2 of the side"), (words, "is no autoencoder in the layout of the original"),
            (temporary.File("none"), "is no autoencoder: name a folder"),
        })
        {
            var problem = Assert.Throws<MezzotintException>(() =>
                ModelPath.Read(Pipeline, new() { Autoencoder = path }).Dispose());
            Assert.Contains(says, problem.Message, StringComparison.Ordinal);
            Assert.Equal("autoencoder", problem.Key);
        }
    }
}
