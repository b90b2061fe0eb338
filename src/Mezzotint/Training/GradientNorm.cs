using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Mezzotint.Engine;
using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>The length of a sum of gradients on the CPU, in one pass over memory that threads share.</summary>
internal static unsafe class GradientNorm
{
    /// <summary>Numbers that are summed in float32; the sums of such blocks are added in float64, in their order. So the threads
    /// do not change the result.</summary>
    private const long Block = 1 << 14;

    /// <summary>|g_1 + g_2 + ...|.</summary>
    /// <param name="gradients">One or more of [P].</param>
    /// <param name="threads">What shares the work.</param>
    public static double Of(IReadOnlyList<Tensor> gradients, WorkerThreads threads)
    {
        long count = gradients[0].numel();
        nint[] addresses = [.. gradients.Select(
            tensor => (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(tensor.bytes)))];
        var sums = new double[(count + Block - 1) / Block];
        threads.Run(thread =>
        {
            for (int block = thread; block < sums.Length; block += threads.Count)
                sums[block] = SumOfSquares(addresses, block * Block, Math.Min(count, (block + 1) * Block));
        });
        return Math.Sqrt(sums.Sum());
    }

    private static double SumOfSquares(nint[] gradients, long start, long end)
    {
        var squares = Vector512<float>.Zero;
        long i = start;
        for (; i + Lanes.Count <= end; i += Lanes.Count)
        {
            var sum = Vector512.Load((float*)gradients[0] + i);
            for (int other = 1; other < gradients.Length; other++)
                sum += Vector512.Load((float*)gradients[other] + i);
            squares += sum * sum;
        }
        double rest = 0;
        for (; i < end; i++)
        {
            float sum = 0;
            foreach (nint gradient in gradients)
                sum += ((float*)gradient)[i];
            rest += (double)sum * sum;
        }
        return Vector512.Sum(squares) + rest;
    }
}
