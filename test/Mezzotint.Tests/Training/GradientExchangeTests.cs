using Mezzotint.Data;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Training;

/// <summary>Gradients travel while the backward pass goes on.</summary>
public class GradientExchangeTests
{
    [Theory]
    [InlineData(1, 8, 1)]
    [InlineData(1, 8, 3)]
    [InlineData(2, 8, 1)]
    [InlineData(2, 8, 3)]
    [InlineData(2, 1, 1)] // the other process has the one image
    public void What_is_said_to_be_final_is_final_and_some_of_it_before_the_end_of_the_backward_pass(
        int replicas, int batch, int pieces)
    {
        var training = SmallExperiment.Config.Training with { Accumulate = pieces };
        using var network = new UNet(SmallExperiment.Model);
        using var data = new ResidentImages(SmallExperiment.Train, CPU);
        using var threads = new WorkerThreads(replicas);
        var exchange = new Recorded();
        using var scope = NewDisposeScope();
        using var step = new TrainingStep(SmallExperiment.Config.Task, network, training, threads, CPU, exchange);
        using var generator = new Generator(1, CPU);
        step.Run(data, arange(batch), generator, 1e-3, 1, 0, zeros(1));

        var sum = exchange.Sums[0]; // then the losses
        Assert.True(sum.Completed);
        if (replicas == 1) // of several the slowest counts, which may be the one that tells nobody
        {
            Assert.Contains(sum.Said, said => said.From > 0 && said.From < sum.Count);
            Assert.Equal(0, sum.Said[^1].From);
        }
        foreach (var (from, numbers) in sum.Said)
            for (int i = 0; i < numbers.Length; i++)
                Assert.Equal(sum.AtEnd[i][(int)from..], numbers[i]);
        Assert.Equal(batch > 1, sum.AtEnd[0].Any(number => number != 0));
    }

    /// <summary>Process 0 of two, whose other one adds nothing.</summary>
    private sealed class Recorded : Exchange
    {
        public List<RecordedSum> Sums { get; } = [];

        public override int Rank => 0;

        public override int Size => 2;

        public override void Order(int order) { }

        public override int Await() => 0;

        public override void Barrier() { }

        public override void Broadcast(Span<byte> bytes) { }

        public override IReadOnlyList<byte[]> Gather(ReadOnlySpan<byte> own) => [own.ToArray(), own.ToArray()];

        public override RunningSum BeginSum(ReadOnlySpan<nint> vectors, long count, bool bfloat16 = false)
        {
            Sums.Add(new(vectors.ToArray(), (int)count));
            return Sums[^1];
        }

        public override void Abort(int code) { }
    }

    private sealed unsafe class RecordedSum(nint[] vectors, int count) : RunningSum
    {
        public int Count => count;

        /// <summary>From where on numbers were said to be final, and what they were: by vector.</summary>
        public List<(long From, float[][] Numbers)> Said { get; } = [];

        public float[][] AtEnd { get; private set; } = [];

        public bool Completed { get; private set; }

        public override void Advance(long final)
        {
            if (Said.Count == 0 || Said[^1].From != final)
                Said.Add((final, Copy((int)final)));
        }

        public override void Complete()
        {
            AtEnd = Copy(0);
            Completed = true;
            Exchange.Alone.Sum(vectors, count);
        }

        private float[][] Copy(int from) =>
            [.. vectors.Select(vector => new ReadOnlySpan<float>((float*)vector + from, count - from).ToArray())];
    }
}
