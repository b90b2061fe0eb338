using Mezzotint.Networks;
using static TorchSharp.torch;

namespace Mezzotint.Engine;

/// <summary>Evaluates a network so that what it says of an image does not depend on the images beside it, to the bit.</summary>
/// <remarks>
/// libtorch chooses its kernels by the size of the batch, and each adds in its own order. On x86-64 with one thread an operator,
/// matrix products of 1, of 2 or 3, and of 4 rows and more differ. The first convolution of 1 image differs from that of more.
/// Convolutions of 1 x 1 differ from 16 images on. Between 4 and 15 images every row is computed alike, wherever it stands
/// (measured, and tested). So a smaller batch is filled up with copies, and a larger one is taken in parts. On a CPU that costs
/// nothing: activations that fit its caches are faster than those that do not. On other devices the batch is taken as it is.
/// </remarks>
internal static class SteadyBatch
{
    /// <summary>The smallest batch and the largest that are evaluated.</summary>
    public const int Fewest = 4, Most = 15;

    /// <summary>F(x, t, condition): [B, C, H, W].</summary>
    public static Tensor Evaluate(DenoisingNetwork network, Tensor x, Tensor t, Condition condition)
    {
        int count = (int)x.shape[0];
        if (count is >= Fewest and <= Most || x.device.type != TorchSharp.DeviceType.CPU)
            return network.call(x, t, condition);
        using var scope = NewDisposeScope();
        if (count < Fewest)
            return network.call(Filled(x), Filled(t), condition.Map(Filled)).narrow(0, 0, count).MoveToOuterDisposeScope();

        int parts = (count + Most - 1) / Most;
        var results = new List<Tensor>();
        for (int part = 0; part < parts; part++)
        {
            long start = (long)count * part / parts, length = (long)count * (part + 1) / parts - start;
            results.Add(network.call(x.narrow(0, start, length), t.narrow(0, start, length), condition.Rows(start, length)));
        }
        return cat(results).MoveToOuterDisposeScope();
    }

    private static Tensor Filled(Tensor rows) =>
        cat([rows, .. Enumerable.Repeat(rows.narrow(0, 0, 1), Fewest - (int)rows.shape[0])]);
}
