using Mezzotint.Data;
using Mezzotint.Models;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Evaluation;

/// <summary>
/// A space that never saw a label: the means of an autoencoder's latents. What an image needs to be drawn again is in them,
/// whatever its class.
/// </summary>
public static class LatentFeatures
{
    private const int ImagesAtOnce = 16;
    private const double WorkOfAnImage = 4;

    /// <summary>The most numbers of an image: a Frechet distance takes the third power of them.</summary>
    public const int MostNumbers = 1024;

    /// <summary>The space of an autoencoder.</summary>
    /// <param name="autoencoder">For the images that will be compared. It is used, and not disposed of.</param>
    /// <param name="threads">Batches are dealt out to these; the result does not depend on how many they are.</param>
    public static FeatureSpace Of(LoadedAutoencoder autoencoder, WorkerThreads threads)
    {
        ArgumentNullException.ThrowIfNull(autoencoder);
        ArgumentNullException.ThrowIfNull(threads);
        return new("autoencoder", "latents of an autoencoder, which saw no label", Embed, WorkOfAnImage);

        Points Embed(ImageSet images, IProgress<int>? progress, CancellationToken cancellation)
        {
            double[]? embedded = null;
            int length = 0;
            var sync = new Lock();
            using var resident = new ResidentImages(images, CPU);
            resident.ForEachBatch(ImagesAtOnce, threads, (start, x, _) => // [B, C, H, W], 0 to 1
            {
                var points = autoencoder.Network.Encode(x.Times(2).Plus(-1)).Mean.flatten(1).to(float64).contiguous();
                lock (sync)
                    embedded ??= new double[images.Count * (long)(length = (int)points.shape[1])];
                points.data<double>().CopyTo(embedded.AsSpan(start * length, (int)points.NumberOfElements));
            }, progress, cancellation);
            return new Points(embedded!, images.Count, length);
        }
    }
}
