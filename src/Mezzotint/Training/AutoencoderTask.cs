using Mezzotint.Data;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// An autoencoder learns to give images back from a draw of their latents: the distance of both, and the divergence of the
/// latents from a normal distribution.
/// </summary>
/// <remarks>Kingma, Welling 2014, arXiv 1312.6114, equation 10; Rombach et al. 2022, arXiv 2112.10752, section 3.1.</remarks>
public sealed class AutoencoderTask : TrainingTask
{
    private const int ImagesAtOnce = 8;

    private readonly AutoencoderConfig _network;
    private readonly AutoencoderLoss _loss;

    /// <summary>Prepares.</summary>
    /// <param name="network">The shape of the autoencoder.</param>
    /// <param name="loss">What is lowered.</param>
    public AutoencoderTask(AutoencoderConfig network, AutoencoderLoss loss)
    {
        (_network, _loss) = (network, loss);
        Codec = new PixelScaling { Mean = 0.5, Scale = 0.5 }; // -1 to 1
    }

    /// <inheritdoc/>
    public override nn.Module Build(long seed = 0)
    {
        var autoencoder = new Autoencoder(_network, seed);
        return _loss.Adversarial == 0 ? autoencoder : new AdversarialAutoencoder(autoencoder, _loss.DiscriminatorChannels);
    }

    /// <inheritdoc/>
    public override BatchDraw Draw(Generator generator, ResidentImages data, Tensor indices, double progress)
    {
        var (_, height, width) = data.Shape;
        var noise = randn(indices.shape[0], _network.LatentChannels, _network.SideOf(height), _network.SideOf(width),
            generator: generator);
        return new LatentNoise(noise, _loss.Adversarial > 0 && progress >= _loss.AdversarialFrom);
    }

    /// <inheritdoc/>
    public override BatchDraw DrawForTest(Generator generator, ResidentImages data, Tensor indices) =>
        (LatentNoise)Draw(generator, data, indices, progress: 1) with { Adversarial = false };

    /// <inheritdoc/>
    public override Tensor Losses(nn.Module network, Tensor images, Tensor labels, BatchDraw draw)
    {
        var (autoencoder, drawn) = (AdversarialAutoencoder.Of(network), (LatentNoise)draw);
        var moments = autoencoder.Encode(images);
        return Losses(network, images, autoencoder.Decode(moments.Sample(drawn.Noise)), moments, drawn);
    }

    /// <summary>The same, encoded and decoded by whatever computes it.</summary>
    internal Tensor Losses(nn.Module network, Tensor images, Tensor decoded, LatentMoments moments, LatentNoise draw)
    {
        var losses = Of(images, decoded, moments);
        return !draw.Adversarial ? losses : losses.Plus(AdversarialLoss.Of(
            ((AdversarialAutoencoder)network).Discriminator, images, decoded, losses, _loss.Adversarial));
    }

    /// <summary>The loss of each image, a pixel: [B].</summary>
    /// <param name="images">x: [B, C, H, W].</param>
    /// <param name="decoded">y: [B, C, H, W].</param>
    /// <param name="moments">Of x.</param>
    internal Tensor Of(Tensor images, Tensor decoded, LatentMoments moments)
    {
        var distance = decoded - images;
        distance = (_loss.Pixels == "l2" ? distance.Squared() : distance.abs()).sum([1, 2, 3]); // [B]
        var losses = distance.Plus(_loss.Divergence, moments.Divergence()).Over(images.numel() / images.shape[0]);
        return _loss.Perceptual == 0 ? losses : losses.Plus(_loss.Perceptual, Maps.Distance(Values(images), Values(decoded)));
    }

    private FeatureMaps Maps => FeatureNetwork.Opened(_loss.Maps, _loss.Features);

    /// <summary>-1 to 1 as 0 to 1.</summary>
    private static Tensor Values(Tensor x) => x.Plus(1).Times(0.5);

    /// <summary>How alike the images and their reconstructions by the means of their latents are: <c>psnr</c>, in
    /// decibels.</summary>
    public override IReadOnlyDictionary<string, double> Figures(
        nn.Module network, ResidentImages test, WorkerThreads threads, CancellationToken cancellation = default)
    {
        var autoencoder = AdversarialAutoencoder.Of(network);
        double[] similarities = new double[test.Count];
        test.ForEachBatch(ImagesAtOnce, threads, (start, images, _) =>
            PixelSimilarity.PeakSignalToNoise(Codec.Decode(images), Codec.Decode(autoencoder.call(images)))
                .CopyTo(similarities, start), cancellation: cancellation);
        return new Dictionary<string, double> { [Psnr] = Math.Round(similarities.Average(), 3) };
    }

    /// <inheritdoc/>
    public override void Check(ImageSet images)
    {
        base.Check(images);
        if (images.Channels != _network.InChannels)
            throw new MezzotintException(
                $"{images.Name} has {images.Channels} channel(s), the autoencoder takes network.in_channels = "
                + $"{_network.InChannels}: choose other data.") { Key = "network.in_channels" };
        if (!_network.Takes(images.Height) || !_network.Takes(images.Width))
            throw new MezzotintException(
                $"{images.Name} is {images.Height} x {images.Width}: this autoencoder needs sides that are multiples of "
                + $"{_network.Factor} with network.margin = {_network.Margin} around them. Pictures in a folder are brought to "
                + "one with data.size.") { Key = "data.size" };
        FeatureNetwork.Check("loss.features", _loss.Maps, _loss.Features, images, "loss.perceptual and loss.features");
    }

    /// <summary>The name of the figure.</summary>
    internal const string Psnr = "psnr";

    internal override string LossSettings => "[loss]";

    internal override Replica NewReplica(
        nn.Module network, int height, int width, Device device, string precision, bool training) =>
        device.type == DeviceType.CPU && AutoencoderReplica.Of(this, network, height, width, training) is { } replica
            ? replica : base.NewReplica(network, height, width, device, precision, training);

    /// <summary>What the latents of a batch are drawn with.</summary>
    /// <param name="Noise">~ N(0, I): [B, c, h, w].</param>
    /// <param name="Adversarial">Whether the discriminator has begun.</param>
    internal sealed record LatentNoise(Tensor Noise, bool Adversarial) : BatchDraw
    {
        public override LatentNoise MoveTo(Device device) => this with { Noise = Noise.to(device) };

        public override LatentNoise Slice(long start, long count) => this with { Noise = Noise.narrow(0, start, count) };
    }
}
