using Mezzotint.Runtime;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Training;

public class GradientNormTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(31, 2)]
    [InlineData((1 << 14) + 5, 2)]
    [InlineData(100_003, 3)]
    public void It_is_the_length_of_the_sum_and_threads_do_not_change_it(int count, int replicas)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        Tensor[] gradients = [.. Enumerable.Range(0, replicas).Select(_ => randn(count, generator: generator))];
        double expected = stack(gradients).to(float64).sum([0]).norm().item<double>();
        double Of(int threads)
        {
            using var workers = new WorkerThreads(threads);
            return GradientNorm.Of(gradients, workers);
        }
        Assert.InRange(Of(1), expected * (1 - 1e-5), expected * (1 + 1e-5));
        Assert.Equal(Of(1), Of(2));
        Assert.Equal(Of(1), Of(3));
    }
}
