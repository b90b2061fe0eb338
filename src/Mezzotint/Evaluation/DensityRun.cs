using Mezzotint.Data;
using Mezzotint.Runtime;
using Mezzotint.Sampling;

namespace Mezzotint.Evaluation;

/// <summary>Shares out images, block by block, over threads that measure how likely they are.</summary>
internal static class DensityRun
{
    /// <summary>ln p of some images, from a first one on. It reports how often the denoiser was asked about each.</summary>
    public delegate double[] Block(int first, int count, Action<int> asked);

    /// <summary>Measures all of them.</summary>
    /// <param name="images">One or more.</param>
    /// <param name="size">Images of a block.</param>
    /// <param name="total">Evaluations that are expected, for the progress.</param>
    /// <param name="block">Called by several threads at once.</param>
    /// <param name="failure">What to say of an image without a finite density, behind "The density of image i is not
    /// finite: ".</param>
    /// <param name="threads">What shares the work.</param>
    /// <param name="progress">Told whenever a block has asked.</param>
    /// <param name="cancellation">Stops there.</param>
    /// <exception cref="ArgumentException">No images.</exception>
    /// <exception cref="MezzotintException">A density is not finite.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static LikelihoodResult Of(
        ImageSet images, int size, long total, Block block, string failure, WorkerThreads threads,
        IProgress<SamplingProgress>? progress, CancellationToken cancellation)
    {
        var densities = new double[images.Count];
        long evaluations = 0;
        int next = -1;
        threads.Run(_ =>
        {
            while (Interlocked.Increment(ref next) * (long)size is var start && start < images.Count
                && !cancellation.IsCancellationRequested)
            {
                int first = (int)start, count = Math.Min(size, images.Count - first);
                block(first, count, asked =>
                {
                    long all = Interlocked.Add(ref evaluations, (long)asked * count);
                    progress?.Report(new SamplingProgress(all, total));
                    cancellation.ThrowIfCancellationRequested();
                }).CopyTo(densities, first);
            }
        });
        cancellation.ThrowIfCancellationRequested();
        if (Array.FindIndex(densities, density => !double.IsFinite(density)) is var image and >= 0)
            throw new MezzotintException($"The density of image {image} is not finite: {failure}");
        return new LikelihoodResult
            { LogDensities = densities, Dimensions = images.Pixels.Length / images.Count, Evaluations = evaluations };
    }
}
