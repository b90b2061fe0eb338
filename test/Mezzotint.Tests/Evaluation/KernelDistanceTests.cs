using Mezzotint.Evaluation;
using Mezzotint.Runtime;

namespace Mezzotint.Tests.Evaluation;

public sealed class KernelDistanceTests : IDisposable
{
    private readonly WorkerThreads _threads = new(2);

    public void Dispose() => _threads.Dispose();

    [Fact]
    public void Of_sets_of_one_distribution_it_is_0_on_average_whatever_their_size()
    {
        foreach (int count in new[] { 10, 40 })
        {
            double[] values =
            [
                .. Enumerable.Range(0, 200).Select(i =>
                    new KernelDistance(TestPoints.Standard(30, 3, 2 * i), _threads).To(TestPoints.Standard(count, 3, 2 * i + 1))
                        .Value),
            ];
            double mean = values.Average(),
                error = Math.Sqrt(values.Average(value => (value - mean) * (value - mean)) / values.Length);
            Assert.InRange(mean, -3 * error, 3 * error);
        }
    }

    [Fact]
    public void Its_standard_error_is_how_far_it_varies()
    {
        var estimates = Enumerable.Range(0, 200).Select(i =>
            new KernelDistance(TestPoints.Standard(60, 3, 2 * i), _threads)
                .To(TestPoints.Standard(50, 3, 2 * i + 1, shift: 0.7))).ToList();
        double mean = estimates.Average(estimate => estimate.Value);
        double deviation = Math.Sqrt(estimates.Average(estimate => (estimate.Value - mean) * (estimate.Value - mean)));
        Assert.InRange(estimates.Average(estimate => estimate.StandardError) / deviation, 0.8, 1.2);
    }

    [Fact]
    public void It_is_symmetric_and_does_not_depend_on_the_number_of_threads()
    {
        var (a, b) = (TestPoints.Standard(700, 8, 1), TestPoints.Standard(600, 8, 2, shift: 0.3));
        var value = new KernelDistance(b, _threads).To(a);
        Assert.Equal(value.Value, new KernelDistance(a, _threads).To(b).Value, 1e-10);
        using var one = new WorkerThreads(1);
        Assert.Equal(value, new KernelDistance(b, one).To(a));
    }
}
