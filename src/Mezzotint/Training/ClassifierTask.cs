using Mezzotint.Data;
using Mezzotint.Networks.Classifiers;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>A classifier learns the classes of bent images: cross-entropy, with a part of the target spread over all
/// classes.</summary>
/// <param name="network">The shape of the classifier.</param>
/// <param name="labelSmoothing">The part of the target that is spread, at least 0 and below 1. Szegedy et al. 2016, arXiv
/// 1512.00567, section 7.</param>
/// <param name="bending">How far images are bent, as a multiple of what handwriting varies by.</param>
/// <param name="noise">Whether images have noise on them, of every level from none to nothing but noise: what classifier guidance
/// asks (Dhariwal, Nichol 2021, arXiv 2105.05233, section 4.2).</param>
public sealed class ClassifierTask(ClassifierConfig network, double labelSmoothing, double bending = 1, bool noise = false)
    : TrainingTask
{
    private readonly Bending _bending = Bending.Strokes.Times(bending);

    /// <inheritdoc/>
    public override nn.Module Build(long seed = 0) => Classifier.Create(network, seed);

    /// <inheritdoc/>
    public override BatchDraw Draw(
        Generator generator, ResidentImages data, Tensor indices, double progress)
    {
        var bent = Augmentation.From(generator, indices.shape[0], _bending);
        return noise ? Noised(generator, indices, bent) : bent;
    }

    /// <summary>Test images are not bent.</summary>
    public override BatchDraw DrawForTest(Generator generator, ResidentImages data, Tensor indices) =>
        noise ? Noised(generator, indices, null) : BatchDraw.Nothing;

    /// <inheritdoc/>
    public override Tensor Losses(nn.Module network, Tensor images, Tensor labels, BatchDraw draw)
    {
        var x = draw switch // [B, C, H, W]
        {
            Augmentation bent => bent.Apply(images),
            NoisyViews noisy => noisy.Apply(images),
            _ => images,
        };
        var scores = ((Classifier)network).call(x); // [B, classes]
        return nn.functional.cross_entropy(
            scores, labels.squeeze(1), reduction: nn.Reduction.None, label_smoothing: labelSmoothing);
    }

    private NoisyViews Noised(Generator generator, Tensor indices, Augmentation? bent) =>
        NoisyViews.From(generator, indices.shape[0], [network.Channels, network.Height, network.Width], bent);

    /// <summary>The accuracy without noise: the part of the test images whose class is recognised, 0 to 1.</summary>
    public override IReadOnlyDictionary<string, double> Figures(
        nn.Module network, ResidentImages test, WorkerThreads threads, CancellationToken cancellation = default)
    {
        long right = 0;
        test.ForEachBatch(ImagesAtOnce, threads, (_, images, labels) => Interlocked.Add(ref right,
            ((Classifier)network).call(images).argmax(1).eq(labels.squeeze(1)).sum().item<long>()), cancellation: cancellation);
        return new Dictionary<string, double> { [Accuracy] = (double)right / test.Count };
    }

    /// <inheritdoc/>
    public override void Check(ImageSet images)
    {
        base.Check(images);
        if ((images.Channels, images.Height, images.Width, images.ClassNames.Count)
            != (network.Channels, network.Height, network.Width, network.Classes))
            throw new MezzotintException(
                $"{images.Name} has images of {images.Channels} x {images.Height} x {images.Width} in {images.ClassNames.Count} "
                + $"classes, the classifier takes {network.Channels} x {network.Height} x {network.Width} in {network.Classes}: "
                + "choose other data.");
    }

    /// <summary>How many of some images have their class recognised.</summary>
    private const int ImagesAtOnce = 64;

    /// <summary>The name of the figure.</summary>
    internal const string Accuracy = "accuracy";

    internal override RandomPurpose Randomness => RandomPurpose.Augmentation;

    internal override string LossSettings => "[training]";
}
