using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Evaluation;

/// <summary>What an autoencoder makes of images, by way of the means of their latents, and how alike it is.</summary>
/// <param name="Images">The reconstructions, in bytes, with the classes of the images.</param>
/// <param name="PeakSignalToNoise">Of each, in decibels: <see cref="PixelSimilarity.PeakSignalToNoise"/>.</param>
/// <param name="StructuralSimilarity">Of each: <see cref="PixelSimilarity.StructuralSimilarity"/>; null where the images are
/// smaller than its window.</param>
public sealed record Reconstruction(
    ImageSet Images, IReadOnlyList<double> PeakSignalToNoise, IReadOnlyList<double>? StructuralSimilarity)
{
    private const int ImagesAtOnce = 8, LeastSide = 11;

    /// <summary>Reconstructs images.</summary>
    /// <param name="autoencoder">The network, on the CPU.</param>
    /// <param name="images">Images of its channels, whose sides are multiples of its factor.</param>
    /// <param name="threads">Batches are dealt out to these; the result does not depend on how many they are.</param>
    /// <param name="progress">Told how many images are done, from the threads that work.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    /// <exception cref="ArgumentException">The images are of another shape.</exception>
    public static Reconstruction Of(
        Autoencoder autoencoder, ImageSet images, WorkerThreads threads, IProgress<int>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(autoencoder);
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(threads);
        byte[] pixels = new byte[images.Count * images.ImageLength];
        double[] noise = new double[images.Count];
        double[]? structure = Math.Min(images.Height, images.Width) < LeastSide ? null : new double[images.Count];
        using var resident = new ResidentImages(images, CPU);
        resident.ForEachBatch(ImagesAtOnce, threads, (start, x, _) => // [B, C, H, W]
        {
            var made = autoencoder.call(x.Times(2).Plus(-1)).Times(0.5).Plus(0.5);
            byte[] bytes = PixelTensors.Bytes(made);
            bytes.CopyTo(pixels, start * images.ImageLength);
            var y = PixelTensors.Of(new ImageBatch((int)x.shape[0], images.Channels, images.Height, images.Width, bytes));
            PixelSimilarity.PeakSignalToNoise(x, y).CopyTo(noise, start);
            if (structure is not null)
                PixelSimilarity.StructuralSimilarity(x, y).CopyTo(structure, start);
        }, progress, cancellation);
        return new(new ImageSet($"{images.Name}, reconstructed", pixels, images.Labels, images.Channels, images.Height,
            images.Width, images.ClassNames), noise, structure);
    }
}

/// <summary>What a classifier says of images and of their reconstructions.</summary>
/// <param name="Classifier">Its title.</param>
/// <param name="Accuracy">The share of the reconstructions that it reads as their class, 0 to 1.</param>
/// <param name="RealAccuracy">The same of the images.</param>
/// <param name="Agreement">The share of the images that it reads alike before and after, 0 to 1.</param>
/// <param name="Frechet">The Frechet distance of both in its embedding.</param>
public sealed record ReconstructionReading(
    string Classifier, double Accuracy, double RealAccuracy, double Agreement, double Frechet)
{
    /// <summary>Asks a classifier.</summary>
    /// <param name="classifier">The classifier.</param>
    /// <param name="images">The images.</param>
    /// <param name="reconstruction">What became of them.</param>
    /// <param name="threads">What shares the work.</param>
    /// <param name="cancellation">Stops between batches.</param>
    public static ReconstructionReading Of(
        LoadedClassifier classifier, ImageSet images, Reconstruction reconstruction, WorkerThreads threads,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(classifier);
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(reconstruction);
        var real = ClassifierOutput.Of(classifier.Network, images, threads, cancellation: cancellation);
        var made = ClassifierOutput.Of(classifier.Network, reconstruction.Images, threads, cancellation: cancellation);
        return new(classifier.Info.Name, made.Accuracy(images.Labels), real.Accuracy(images.Labels), made.Accuracy(real.Labels),
            FrechetDistance.Between(real.Embedding, made.Embedding));
    }
}
