using Mezzotint.Runtime;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Training;

public class WeightComparisonTests
{
    [Fact]
    public void Equal_weights_pass_and_a_flipped_bit_is_told_with_the_process_and_the_step()
    {
        using var scope = NewDisposeScope();
        var weights = arange(5, dtype: float32);
        WeightComparison.Check(new Two(flips: false), weights, 7);
        var found = Assert.Throws<MezzotintException>(() => WeightComparison.Check(new Two(flips: true), weights, 7));
        Assert.Contains("After step 7 process 1 has other weights", found.Message, StringComparison.Ordinal);
        Assert.Contains("--resume", found.Message, StringComparison.Ordinal);
    }

    /// <summary>Process 0 of two, the other of which has the same, or not.</summary>
    private sealed class Two(bool flips) : Exchange
    {
        public override int Rank => 0;

        public override int Size => 2;

        public override void Order(int order) { }

        public override int Await() => 0;

        public override void Barrier() { }

        public override void Broadcast(Span<byte> bytes) { }

        public override IReadOnlyList<byte[]> Gather(ReadOnlySpan<byte> own)
        {
            byte[] other = own.ToArray();
            other[0] ^= flips ? (byte)1 : (byte)0;
            return [own.ToArray(), other];
        }

        public override RunningSum BeginSum(ReadOnlySpan<nint> vectors, long count, bool bfloat16 = false) =>
            Alone.BeginSum(vectors, count, bfloat16);

        public override void Abort(int code) { }
    }
}
