using Mezzotint.Data;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Evaluation;

/// <summary>
/// A space that nobody trained: three convolutions with random weights and rectifiers, averaged over the quarters of the image.
/// Their edges and textures have no regard for what classes differ by, so that nothing which a classifier learned to overlook is
/// overlooked here. After Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models", arXiv 2002.09797,
/// section 4.1. It needs neither classes nor training, and takes images of any size.
/// </summary>
public static class RandomConvolutions
{
    private const int ImagesAtOnce = 64, Quarters = 2;

    /// <summary>The space of a seed: 128 numbers an image.</summary>
    /// <param name="seed">Of the weights, which are the same on every machine.</param>
    /// <param name="threads">Batches are dealt out to these; the result does not depend on how many they are.</param>
    public static FeatureSpace Of(long seed, WorkerThreads threads) => new(
        "random", $"random convolutions, seed {seed}",
        (images, progress, cancellation) => Embed(images, seed, threads, progress, cancellation));

    private static Points Embed(
        ImageSet images, long seed, WorkerThreads threads, IProgress<int>? progress, CancellationToken cancellation)
    {
        int length = RandomFilters.Channels * Quarters * Quarters;
        double[] embedded = new double[(long)images.Count * length];
        using var scope = NewDisposeScope();
        var weights = RandomFilters.Weights(images.Channels, seed);
        using var resident = new ResidentImages(images, CPU);
        resident.ForEachBatch(ImagesAtOnce, threads, (start, x, _) => // [B, C, H, W], 0 to 1
        {
            var last = RandomFilters.Maps(x, weights)[^1];
            var points = nn.functional.adaptive_avg_pool2d(last, [Quarters, Quarters]).flatten(1).to(float64).contiguous();
            points.data<double>().CopyTo(embedded.AsSpan(start * length, (int)points.NumberOfElements));
        }, progress, cancellation);
        return new Points(embedded, images.Count, length);
    }
}
