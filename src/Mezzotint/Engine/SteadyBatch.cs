using Mezzotint.Networks;
using static TorchSharp.torch;

namespace Mezzotint.Engine;

/// <summary>Evaluates a network so that what it says of an image does not depend on the images beside it, to the bit.</summary>
/// <remarks>
/// libtorch chooses its kernels by the size of the batch, and each adds in its own order. On x86-64 with one thread an operator,
/// matrix products of 1, of 2 or 3, and of 4 rows and more differ. The first convolution of 1 image differs from that of more.
/// Convolutions of 1 x 1 differ from 16 images on; on Intel's processors with AVX-512 some differ between 4 and 15 too. In a
/// batch of 4 every row is computed alike, wherever it stands (measured, and tested). So images are taken by fours, and the last
/// ones are filled up with copies. On a CPU that costs nothing: activations that fit its caches are faster than those that do
/// not. On other devices the batch is taken as it is.
/// </remarks>
internal static class SteadyBatch
{
    /// <summary>Images of a batch, and the most that an evaluator is given at once.</summary>
    public const int Size = 4, Most = 4 * Size;

    /// <summary>F(x, t, condition): [B, C, H, W].</summary>
    public static Tensor Evaluate(DenoisingNetwork network, Tensor x, Tensor t, Condition condition)
    {
        int count = (int)x.shape[0];
        if (count == Size || x.device.type != TorchSharp.DeviceType.CPU)
            return network.call(x, t, condition);
        using var scope = NewDisposeScope();
        var results = new List<Tensor>();
        for (int start = 0; start < count; start += Size)
        {
            int length = Math.Min(Size, count - start);
            var (some, times, asked) = (x.narrow(0, start, length), t.narrow(0, start, length), condition.Rows(start, length));
            results.Add(length == Size ? network.call(some, times, asked)
                : network.call(Filled(some), Filled(times), asked.Map(Filled)).narrow(0, 0, length));
        }
        return cat(results).MoveToOuterDisposeScope();
    }

    private static Tensor Filled(Tensor rows) =>
        cat([rows, .. Enumerable.Repeat(rows.narrow(0, 0, 1), Size - (int)rows.shape[0])]);
}
