using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Evaluation;

/// <summary>All pairs of two sets of points, by matrix products, a block of rows at a time on each thread.</summary>
internal static class PairwiseDistances
{
    private const int RowsAtOnce = 256;

    /// <summary>The points as a tensor in the caller's scope: float64 [N, D].</summary>
    public static Tensor ToTensor(this Points points) => tensor(points.Values, [points.Count, points.Length]);

    /// <summary>Gives the products x y^T of blocks of rows to <paramref name="use"/>.</summary>
    /// <param name="x">[N, D].</param>
    /// <param name="y">[M, D].</param>
    /// <param name="threads">Blocks are dealt out to these.</param>
    /// <param name="use">Takes the number of the first row and the products of the block, [rows, M]; in a scope, on any
    /// thread.</param>
    public static void Products(Points x, Points y, WorkerThreads threads, Action<int, Tensor> use)
    {
        if (x.Length != y.Length)
            throw new ArgumentException(
                $"Points of {x.Length} and of {y.Length} coordinates do not lie in one space.", nameof(y));
        using var outer = NewDisposeScope();
        var (left, right) = (x.ToTensor(), y.ToTensor().t());
        int blocks = (x.Count + RowsAtOnce - 1) / RowsAtOnce, next = -1;
        threads.Run(_ =>
        {
            using var noGrad = no_grad();
            while (Interlocked.Increment(ref next) is var block && block < blocks)
            {
                using var scope = NewDisposeScope();
                int start = block * RowsAtOnce;
                use(start, mm(left.narrow(0, start, Math.Min(RowsAtOnce, x.Count - start)), right));
            }
        });
    }

    /// <summary>Gives squared distances |x - y|^2 of blocks of rows to <paramref name="use"/>, as <see cref="Products"/>
    /// does.</summary>
    public static void Squares(Points x, Points y, WorkerThreads threads, Action<int, Tensor> use)
    {
        using var outer = NewDisposeScope();
        var (xNorms, yNorms) = (SquaredNorms(x).unsqueeze(1), SquaredNorms(y).unsqueeze(0)); // [N, 1], [1, M]
        Products(x, y, threads, (start, products) =>
            // rounding may go below 0
            use(start, products.Times(-2).AddInPlace(xNorms.narrow(0, start, products.shape[0])).AddInPlace(yNorms).relu_()));
    }

    /// <summary>The product x y of two points.</summary>
    public static double Dot(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        double sum = 0;
        for (int i = 0; i < x.Length; i++)
            sum += x[i] * y[i];
        return sum;
    }

    private static Tensor SquaredNorms(Points points)
    {
        var norms = new double[points.Count];
        for (int i = 0; i < norms.Length; i++)
            norms[i] = Dot(points[i], points[i]);
        return tensor(norms);
    }
}
