using Mezzotint.Data;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Evaluation;

/// <summary>The image of a set that is nearest to another image, pixel by pixel.</summary>
/// <param name="Index">Which one.</param>
/// <param name="Distance">The root of the sum of squared differences of pixels from 0 to 1.</param>
public readonly record struct NearestImage(int Index, double Distance)
{
    private const int ImagesAtOnce = 128;

    /// <summary>Products in float32 find so many candidates; which of them is nearest is settled in whole numbers.</summary>
    private const int Candidates = 4;

    /// <summary>Finds for each of <paramref name="images"/> the nearest of <paramref name="among"/>, exactly.</summary>
    /// <param name="images">Images.</param>
    /// <param name="among">Images of the same size, in which they are looked for.</param>
    /// <param name="threads">The work is shared out over these.</param>
    /// <param name="progress">Told how many images are done, from the threads that work.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <exception cref="ArgumentException">The sizes differ, or a set is empty.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static NearestImage[] Of(
        ImageSet images, ImageSet among, WorkerThreads threads, IProgress<int>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(among);
        ArgumentNullException.ThrowIfNull(threads);
        if (images.Count == 0 || among.Count == 0
            || (images.Channels, images.Height, images.Width) != (among.Channels, among.Height, among.Width))
            throw new ArgumentException(
                $"{images.Name} and {among.Name} cannot be compared: one is empty, or their images differ in size.",
                nameof(among));
        int length = images.Channels * images.Height * images.Width, candidates = Math.Min(Candidates, among.Count);
        var nearest = new NearestImage[images.Count];
        using var outer = NewDisposeScope();
        var theirs = tensor(among.Pixels, [among.Count, length]).to(float32).Over(255);  // [M, D]
        var halfNorms = theirs.Squared().sum(1).Times(0.5).unsqueeze(0);                 // [1, M]
        var columns = theirs.t();
        int blocks = (images.Count + ImagesAtOnce - 1) / ImagesAtOnce, next = -1, done = 0;
        threads.Run(_ =>
        {
            using var noGrad = no_grad();
            while (Interlocked.Increment(ref next) is var block && block < blocks && !cancellation.IsCancellationRequested)
            {
                using var scope = NewDisposeScope();
                int start = block * ImagesAtOnce, count = Math.Min(ImagesAtOnce, images.Count - start);
                var ours =
                    tensor(images.Pixels.AsSpan(start * length, count * length).ToArray(), [count, length]).to(float32).Over(255);
                // |x - y|^2 = |x|^2 - 2 (x y - |y|^2 / 2): the nearest has the largest bracket
                var (_, best) = mm(ours, columns).sub_(halfNorms).topk(candidates, dim: 1);
                long[] found = best.data<long>().ToArray();
                for (int i = 0; i < count; i++)
                    nearest[start + i] = Settle(images.Image(start + i), among, found.AsSpan(i * candidates, candidates));
                progress?.Report(Interlocked.Add(ref done, count));
            }
        });
        cancellation.ThrowIfCancellationRequested();
        return nearest;
    }

    /// <summary>Finds the nearest of <paramref name="among"/> to one image, exactly: the nearest first, those alike in their
    /// order.</summary>
    /// <param name="image">Values 0 to 255, [C, H, W].</param>
    /// <param name="among">Images of the same size.</param>
    /// <param name="count">How many, 1 or more; all, where there are fewer.</param>
    /// <exception cref="ArgumentException">The sizes differ.</exception>
    public static NearestImage[] Of(ReadOnlySpan<byte> image, ImageSet among, int count)
    {
        ArgumentNullException.ThrowIfNull(among);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        if (image.Length != among.Channels * among.Height * among.Width)
            throw new ArgumentException(
                $"The image has {image.Length} values, those of {among.Name} another number.", nameof(image));
        var squares = new (long Square, int Index)[among.Count];
        for (int i = 0; i < squares.Length; i++)
            squares[i] = (Square(image, among.Image(i)), i);
        return [.. squares.Order().Take(count).Select(found => new NearestImage(found.Index, Math.Sqrt(found.Square) / 255))];
    }

    private static long Square(ReadOnlySpan<byte> image, ReadOnlySpan<byte> other)
    {
        long square = 0;
        for (int i = 0; i < image.Length; i++)
            square += (image[i] - other[i]) * (image[i] - other[i]);
        return square;
    }

    private static NearestImage Settle(ReadOnlySpan<byte> image, ImageSet among, ReadOnlySpan<long> candidates)
    {
        (long Square, int Index) best = (long.MaxValue, 0);
        foreach (long candidate in candidates)
        {
            long square = Square(image, among.Image((int)candidate));
            if (square < best.Square || square == best.Square && candidate < best.Index)
                best = (square, (int)candidate);
        }
        return new NearestImage(best.Index, Math.Sqrt(best.Square) / 255);
    }
}
