using Mezzotint.Data;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Evaluation.Prompts;

/// <summary>
/// Squared distances of pixels from 0 to 1 to the pictures of a set, each the least over shifts of up to
/// <see cref="Reach"/> pixels each way. What a shift uncovers continues the edge.
/// </summary>
/// <remarks>
/// Only the nearest are wanted, and most pictures are far away. With P the means of small squares of pixels and Q the rest,
/// |x - y|^2 is at least |Px - Py|^2 + (|Qx| - |Qy|)^2, which costs a sixteenth. The pictures of the least bound are measured
/// until the next bound is beyond the nearest.
/// </remarks>
internal sealed class ShiftedPixels : IDisposable
{
    /// <summary>The longest shift, each way.</summary>
    public const int Reach = 2;

    private const int PicturesAtOnce = 16, MeasuredAtOnce = 64, Shifts = 2 * Reach + 1;

    private readonly ImageSet _all;
    private readonly int _square;
    private readonly Parts _theirs;

    /// <summary>Takes the pictures of the set.</summary>
    public ShiftedPixels(ImageSet all)
    {
        using var scope = NewDisposeScope();
        _all = all;
        _square = ((int[])[4, 2, 1]).First(side => all.Height % side == 0 && all.Width % side == 0);
        _theirs = PartsOf(Centred(tensor(all.Pixels, [all.Count, all.Channels, all.Height, all.Width])));
        _theirs.Keep();
    }

    /// <summary>Gives squared distances to the set, of blocks of pictures, to <paramref name="use"/>: in each row the least, the
    /// least of <paramref name="some"/>, and what is larger by no more than <paramref name="rounding"/>, are right; in place of
    /// others may stand bounds that are larger.</summary>
    /// <param name="pictures">Pictures of the size of the set's.</param>
    /// <param name="some">Places of some of the set; at least one.</param>
    /// <param name="rounding">What counts as equal.</param>
    /// <param name="threads">Blocks are dealt out to these.</param>
    /// <param name="use">Takes the number of the first picture and float32 [pictures, M]; in a scope, on any thread.</param>
    /// <param name="cancellation">Stops between blocks.</param>
    public void Squares(
        ImageSet pictures, IReadOnlyList<int> some, double rounding, WorkerThreads threads, Action<int, Tensor> use,
        CancellationToken cancellation = default)
    {
        if ((pictures.Channels, pictures.Height, pictures.Width) != (_all.Channels, _all.Height, _all.Width))
            throw new ArgumentException($"{pictures.Name} and {_all.Name} have pictures of other sizes.", nameof(pictures));
        int[][] groups = [[.. Enumerable.Range(0, _all.Count)], [.. some]];
        int blocks = (pictures.Count + PicturesAtOnce - 1) / PicturesAtOnce, next = -1;
        threads.Run(_ =>
        {
            using var noGrad = no_grad();
            while (Interlocked.Increment(ref next) is var block && block < blocks && !cancellation.IsCancellationRequested)
            {
                using var scope = NewDisposeScope();
                int start = block * PicturesAtOnce, count = Math.Min(PicturesAtOnce, pictures.Count - start);
                use(start, Squares(pictures, start, count, groups, rounding));
            }
        });
        cancellation.ThrowIfCancellationRequested();
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose() => _theirs.Dispose();

    private Tensor Squares(ImageSet pictures, int start, int count, int[][] groups, double rounding)
    {
        byte[] bytes = new byte[count * pictures.ImageLength];
        for (int i = 0; i < count; i++)
            pictures.Read(start + i, bytes.AsSpan(i * pictures.ImageLength, pictures.ImageLength));
        var x = Centred(tensor(bytes, [count, pictures.Channels, pictures.Height, pictures.Width]));
        var wide = nn.functional.pad(x, [Reach, Reach, Reach, Reach], PaddingModes.Replicate);
        float[] rows = new float[count * _all.Count];
        for (int i = 0; i < count; i++)
        {
            using var scope = NewDisposeScope();
            var shifted = PartsOf(cat([.. Enumerable.Range(0, Shifts * Shifts).Select(shift => wide.narrow(0, i, 1)
                .narrow(2, shift / Shifts, pictures.Height).narrow(3, shift % Shifts, pictures.Width))]));
            var row = rows.AsSpan(i * _all.Count, _all.Count);
            Bounds(shifted).data<float>().CopyTo(row);
            Measure(shifted, row, groups, rounding);
        }
        return tensor(rows, [count, _all.Count]);
    }

    /// <summary>Puts distances in place of bounds until what is wanted is right.</summary>
    private void Measure(Parts shifted, Span<float> row, int[][] groups, double rounding)
    {
        bool[] known = new bool[row.Length];
        foreach (int[] group in groups)
        {
            int[] places = [.. group];
            float[] bounds = new float[places.Length];
            for (int j = 0; j < places.Length; j++)
                bounds[j] = row[places[j]];
            Array.Sort(bounds, places); // of what is known the bound is the distance
            double least = double.MaxValue;
            for (int from = 0; from < places.Length && bounds[from] <= least + rounding; from += MeasuredAtOnce)
            {
                int[] some = [.. places.Skip(from).Take(MeasuredAtOnce).Where(place => !known[place])];
                if (some.Length > 0)
                {
                    float[] measured = Distances(shifted, some);
                    for (int j = 0; j < some.Length; j++)
                        (row[some[j]], known[some[j]]) = (measured[j], true);
                }
                foreach (int place in places.AsSpan(from, Math.Min(MeasuredAtOnce, places.Length - from)))
                    least = Math.Min(least, row[place]);
            }
        }
    }

    /// <summary>The least bound over the shifts of a picture to each of the set: [M].</summary>
    private Tensor Bounds(Parts shifted)
    {
        using var scope = NewDisposeScope();
        var coarse = Halves(shifted.Coarse, shifted.CoarseHalves, _theirs.Coarse, _theirs.CoarseHalves).relu_().Times(2);
        var fine = shifted.Fine.unsqueeze(1).Plus(-1, _theirs.Fine.unsqueeze(0)).Squared();
        return coarse.AddInPlace(fine).amin([0]).MoveToOuterDisposeScope();
    }

    private float[] Distances(Parts shifted, int[] places)
    {
        using var scope = NewDisposeScope();
        var chosen = tensor([.. places.Select(place => (long)place)]);
        var halves = Halves(shifted.Whole, shifted.WholeHalves, _theirs.Whole.index_select(0, chosen),
            _theirs.WholeHalves.index_select(0, chosen));
        return [.. halves.amin([0]).relu_().Times(2).data<float>()]; // rounding may go below 0
    }

    /// <summary>|x - y|^2 / 2 = |x|^2 / 2 + |y|^2 / 2 - x y.</summary>
    private static Tensor Halves(Tensor x, Tensor xHalves, Tensor y, Tensor yHalves) =>
        mm(x, y.t()).neg_().AddInPlace(xHalves.unsqueeze(1)).AddInPlace(yHalves.unsqueeze(0));

    /// <summary>Around 0, so that less is lost to rounding.</summary>
    private static Tensor Centred(Tensor bytes) => bytes.to(float32).Over(255).Plus(-0.5);

    private Parts PartsOf(Tensor pictures)
    {
        var whole = pictures.flatten(1);
        var coarse = nn.functional.avg_pool2d(pictures, _square).Times(_square).flatten(1); // as long as the means themselves
        Tensor wholeHalves = HalfNorms(whole), coarseHalves = HalfNorms(coarse);
        return new(whole, wholeHalves, coarse, coarseHalves, wholeHalves.Plus(-1, coarseHalves).Times(2).relu_().sqrt());
    }

    private static Tensor HalfNorms(Tensor rows) => rows.Squared().sum(1).Times(0.5);

    /// <summary>Pictures and their parts.</summary>
    /// <param name="Whole">The pictures: [N, D].</param>
    /// <param name="WholeHalves">Half of their squared lengths: [N].</param>
    /// <param name="Coarse">The means of squares of pixels, P: [N, d].</param>
    /// <param name="CoarseHalves">Half of their squared lengths: [N].</param>
    /// <param name="Fine">The lengths of the rest, |Q|: [N].</param>
    private sealed record Parts(Tensor Whole, Tensor WholeHalves, Tensor Coarse, Tensor CoarseHalves, Tensor Fine) : IDisposable
    {
        private Tensor[] All => [Whole, WholeHalves, Coarse, CoarseHalves, Fine];

        public void Keep() => Array.ForEach(All, part => part.DetachFromDisposeScope());

        public void Dispose() => Array.ForEach(All, part => part.Dispose());
    }
}
