using Mezzotint.Data;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Evaluation.Prompts;

/// <summary>
/// Squared distances of pixels from 0 to 1 to the pictures of a set, each the least over shifts of up to
/// <see cref="Reach"/> pixels each way. What a shift uncovers continues the edge.
/// </summary>
internal sealed class ShiftedPixels : IDisposable
{
    /// <summary>The longest shift, each way.</summary>
    public const int Reach = 2;

    private const int PicturesAtOnce = 16, Shifts = 2 * Reach + 1;

    private readonly ImageSet _all;
    private readonly Tensor _columns, _halfNorms; // [D, M], [1, M]

    /// <summary>Takes the pictures of the set.</summary>
    public ShiftedPixels(ImageSet all)
    {
        using var scope = NewDisposeScope();
        _all = all;
        var rows = Centred(tensor(all.Pixels, [all.Count, all.ImageLength]));
        _halfNorms = HalfNorms(rows).unsqueeze(0).DetachFromDisposeScope();
        _columns = rows.t().DetachFromDisposeScope();
    }

    /// <summary>Gives the squared distances of blocks of pictures to <paramref name="use"/>.</summary>
    /// <param name="pictures">Pictures of the size of the set's.</param>
    /// <param name="threads">Blocks are dealt out to these.</param>
    /// <param name="use">Takes the number of the first picture and float32 [pictures, M]; in a scope, on any thread.</param>
    /// <param name="cancellation">Stops between blocks.</param>
    public void Squares(
        ImageSet pictures, WorkerThreads threads, Action<int, Tensor> use, CancellationToken cancellation = default)
    {
        if ((pictures.Channels, pictures.Height, pictures.Width) != (_all.Channels, _all.Height, _all.Width))
            throw new ArgumentException($"{pictures.Name} and {_all.Name} have pictures of other sizes.", nameof(pictures));
        int blocks = (pictures.Count + PicturesAtOnce - 1) / PicturesAtOnce, next = -1;
        threads.Run(_ =>
        {
            using var noGrad = no_grad();
            while (Interlocked.Increment(ref next) is var block && block < blocks && !cancellation.IsCancellationRequested)
            {
                using var scope = NewDisposeScope();
                int start = block * PicturesAtOnce, count = Math.Min(PicturesAtOnce, pictures.Count - start);
                use(start, Squares(pictures, start, count));
            }
        });
        cancellation.ThrowIfCancellationRequested();
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        _columns.Dispose();
        _halfNorms.Dispose();
    }

    private Tensor Squares(ImageSet pictures, int start, int count)
    {
        byte[] bytes = new byte[count * pictures.ImageLength];
        for (int i = 0; i < count; i++)
            pictures.Read(start + i, bytes.AsSpan(i * pictures.ImageLength, pictures.ImageLength));
        var x = Centred(tensor(bytes, [count, pictures.Channels, pictures.Height, pictures.Width]));
        var wide = nn.functional.pad(x, [Reach, Reach, Reach, Reach], PaddingModes.Replicate);
        Tensor? least = null;
        for (int shift = 0; shift < Shifts * Shifts; shift++)
        {
            using var inner = NewDisposeScope();
            var shifted = wide.narrow(2, shift / Shifts, pictures.Height).narrow(3, shift % Shifts, pictures.Width)
                .reshape(count, pictures.ImageLength);
            // |x - y|^2 / 2 = |x|^2 / 2 + |y|^2 / 2 - x y
            var halves = mm(shifted, _columns).neg_().AddInPlace(_halfNorms)
                .AddInPlace(HalfNorms(shifted).unsqueeze(1));
            least = (least is null ? halves : least.minimum(halves)).MoveToOuterDisposeScope();
        }
        return least!.relu_().Times(2); // rounding may go below 0
    }

    /// <summary>Around 0, so that less is lost to rounding.</summary>
    private static Tensor Centred(Tensor bytes) => bytes.to(float32).Over(255).Plus(-0.5);

    private static Tensor HalfNorms(Tensor rows) => rows.Squared().sum(1).Times(0.5);
}
