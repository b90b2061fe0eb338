using Mezzotint.Data;
using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Evaluation.Prompts;

/// <summary>The pictures of a set that are nearest to each of some others.</summary>
/// <param name="Nearest">Of each picture the places of the nearest: several where they are equally near.</param>
/// <param name="TrainSquares">Of each picture the squared distance to the nearest training picture.</param>
internal sealed record NearestPictures(int[][] Nearest, double[] TrainSquares)
{
    private const double PointRounding = 1e-9; // of unit vectors in float64
    private const double PixelRounding = 1e-6; // of a squared length in float32

    /// <summary>By the Euclidean distance of embeddings.</summary>
    /// <param name="pictures">[N, D], of length 1.</param>
    /// <param name="all">The set: [M, D], of length 1.</param>
    /// <param name="train">Which of the set were learned from; at least one.</param>
    /// <param name="threads">What shares the work.</param>
    public static NearestPictures ByEmbedding(Points pictures, Points all, IReadOnlyList<int> train, WorkerThreads threads)
    {
        var found = Empty(pictures.Count);
        using var scope = NewDisposeScope();
        var learned = tensor([.. train.Select(place => (long)place)]);
        PairwiseDistances.Squares(pictures, all, threads, (start, squares) => found.Take(start, squares, learned, PointRounding));
        return found;
    }

    /// <summary>By the distance of pixels after the best shift: see <see cref="ShiftedPixels"/>.</summary>
    /// <param name="pictures">N pictures.</param>
    /// <param name="all">The set: M pictures of their size.</param>
    /// <param name="train">Which of the set were learned from; at least one.</param>
    /// <param name="threads">What shares the work.</param>
    /// <param name="progress">Told how many pictures are done.</param>
    /// <param name="cancellation">Stops it.</param>
    public static NearestPictures ByPixels(
        ImageSet pictures, ShiftedPixels all, IReadOnlyList<int> train, WorkerThreads threads, IProgress<int>? progress = null,
        CancellationToken cancellation = default)
    {
        var found = Empty(pictures.Count);
        using var scope = NewDisposeScope();
        var learned = tensor([.. train.Select(place => (long)place)]);
        double rounding = PixelRounding * pictures.ImageLength;
        int done = 0;
        all.Squares(pictures, train, rounding, threads, (start, squares) =>
        {
            found.Take(start, squares, learned, rounding);
            progress?.Report(Interlocked.Add(ref done, (int)squares.shape[0]));
        }, cancellation);
        return found;
    }

    /// <summary>The nearest among rows of squared distances, [rows, M]; what differs by no more than rounding is equally
    /// near.</summary>
    private void Take(int start, Tensor squares, Tensor train, double rounding)
    {
        var near = squares.le(squares.amin([1], keepdim: true).Plus(rounding)).nonzero().data<long>().ToArray();
        foreach (var row in near.Chunk(2).GroupBy(pair => pair[0], pair => (int)pair[1]))
            Nearest[start + row.Key] = [.. row];
        double[] learned = squares.index_select(1, train).amin([1]).to(float64).data<double>().ToArray();
        learned.CopyTo(TrainSquares.AsSpan(start));
    }

    private static NearestPictures Empty(int count) => new(new int[count][], new double[count]);
}
