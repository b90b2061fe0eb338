using Mezzotint.Data;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Serving;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Models;

/// <summary>What a walk is watched by where an autoencoder says no map of its own.</summary>
public class LatentPreviewTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>The map that a training finds is fitted to 1024 of its images; the other one has never seen any.</summary>
    [Theory]
    [InlineData("emoji", "a red heart")]
    [InlineData("emoji", "a green tree")]
    [InlineData("mnist-latent", "3")]
    public void A_map_fitted_to_pictures_of_its_own_is_nearly_as_good_as_that_of_the_training(string name, string prompt)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var model = ModelPath.Read(Path.Combine(Repository.Root, "models", name));
        var codec = (LatentCodec)model.Info.Pixels;
        using var pipeline = new DiffusionPipeline(model);
        var drawn = pipeline.Generate(prompt, new() { Seed = 1, Steps = 8, Count = 4 }).Images;
        var latents = codec.Encode(PixelTensors.Of(drawn));
        var config = model.Autoencoder!.Network.Config;
        var wanted = LatentStatistics.Places(LatentStatistics.Squares(codec.Decode(latents), config));
        var places = LatentStatistics.Places(latents);
        double Psnr(Tensor map)
        {
            var made = cat([places, ones(places.shape[0], 1, dtype: float64)], 1).matmul(map.to(float64).t());
            return -10 * Math.Log10((made - wanted).square().mean().item<double>());
        }
        double trained = Psnr(LatentPreview.Of(model.Autoencoder)), fitted = Psnr(LatentPreview.Fitted(model.Autoencoder));
        double plain = -10 * Math.Log10((wanted - wanted.mean([0], keepdim: true)).square().mean().item<double>()); // one colour
        Assert.True(fitted > trained - 2.5, $"{fitted:F2} dB, the training's {trained:F2} dB");
        Assert.True(fitted > plain, $"{fitted:F2} dB, one colour {plain:F2} dB");
    }

    [Fact]
    public async Task Watching_a_published_model_decodes_its_last_step_alone()
    {
        using var model = ModelPath.Read(TinyStableDiffusion.PathOf("pipeline"));
        var latent = (LatentCodec)model.Info.Pixels;
        int decoded = 0;
        Tensor Counted(Tensor numbers)
        {
            Interlocked.Increment(ref decoded);
            return latent.Coder!.Decode(numbers);
        }
        var info = model.Info with { Pixels = latent with { Coder = latent.Coder! with { Decode = Counted } } };
        using var pipeline = new DiffusionPipeline(model with { Info = info });
        var seen = new List<GenerationStep>();
        var drawn = await pipeline.Prepare(["a cat"], new() { Seed = 1, Steps = 4 }).RunAsync(
            step =>
            {
                lock (seen)
                    seen.Add(step);
            }, cancellation: Stop);
        Assert.Equal(1, decoded);
        Assert.Equal(4, seen.Count);
        Assert.Equal(drawn.Images.Pixels, seen[^1].Estimate.Pixels);
        Assert.All(seen, step => Assert.Equal((3, drawn.Images.Height, drawn.Images.Width),
            (step.Estimate.Channels, step.Estimate.Height, step.Estimate.Width)));
        Assert.True(seen[0].Estimate.Pixels.Distinct().Count() > 2, "The preview is of one colour.");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(37)] // more than a place
    public void A_margin_is_cut_off_and_the_map_is_the_same_each_time(int margin)
    {
        using var scope = NewDisposeScope();
        var shape = new AutoencoderConfig { InChannels = 1, OutChannels = 1, BlockOutChannels = [32, 32, 32], Margin = margin };
        using var network = new Autoencoder(shape, seed: 3);
        using var loaded = new LoadedAutoencoder(network, new());
        var codec = LatentFolder.With(new LatentCodec(), loaded, hash: null);
        long side = 80 - 2 * margin;
        var preview = codec.Preview(rand(2, 4, 20, 20));
        Assert.Equal([2, 1, side, side], preview.shape);
        double[] Fitted() => LatentPreview.Fitted(loaded).data<double>().ToArray();
        Assert.Equal(Fitted(), Fitted());
    }
}
