using Mezzotint.Runtime;
using TorchSharp;

namespace Mezzotint.Tests.Runtime;

public class WorkerThreadsTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Each_index_runs_once_on_a_thread_of_its_own_and_0_on_the_callers(int count)
    {
        using var threads = new WorkerThreads(count);
        Assert.Equal(count, threads.Count);
        for (int round = 0; round < 50; round++)
        {
            var ran = new int[count];
            var on = new int[count];
            threads.Run(index =>
            {
                Interlocked.Increment(ref ran[index]);
                on[index] = Environment.CurrentManagedThreadId;
            });
            Assert.All(ran, times => Assert.Equal(1, times));
            Assert.Equal(count, on.Distinct().Count());
            Assert.Equal(Environment.CurrentManagedThreadId, on[0]);
        }
    }

    [Fact]
    public void Run_returns_when_the_last_is_done()
    {
        using var threads = new WorkerThreads(3);
        int done = 0;
        threads.Run(index =>
        {
            if (index == 2)
                Thread.Sleep(50);
            Interlocked.Increment(ref done);
        });
        Assert.Equal(3, done);
    }

    [Fact]
    public void Run_never_returns_early_however_fast_the_rounds_follow_each_other()
    {
        using var threads = new WorkerThreads(3);
        var rounds = new int[3];
        for (int round = 1; round <= 10_000; round++)
        {
            threads.Run(index => rounds[index]++);
            Assert.True(
                rounds[0] == round && rounds[1] == round && rounds[2] == round, $"round {round}: {string.Join(", ", rounds)}");
        }
    }

    [Fact]
    public void The_first_exception_by_index_comes_through_after_all_are_done_and_the_threads_stay_usable()
    {
        using var threads = new WorkerThreads(4);
        for (int round = 0; round < 20; round++)
        {
            int done = 0;
            var error = Assert.Throws<InvalidDataException>(() => threads.Run(index =>
            {
                Interlocked.Increment(ref done);
                Fail(index);
            }));
            Assert.Equal(4, done);
            Assert.Equal("number 1", error.Message);
            // where it happened, not where it was raised again
            Assert.Contains(nameof(Fail), error.StackTrace!, StringComparison.Ordinal);
        }
        int after = 0;
        threads.Run(_ => Interlocked.Increment(ref after));
        Assert.Equal(4, after);
    }

    [Fact]
    public void An_exception_on_the_callers_own_thread_comes_through_too()
    {
        using var threads = new WorkerThreads(1);
        Assert.Throws<InvalidDataException>(() => threads.Run(_ => throw new InvalidDataException()));
        threads.Run(_ => { });
    }

    [Fact]
    public void Libtorch_has_one_thread_an_operator_meanwhile_and_its_own_number_afterwards()
    {
        int before = torch.get_num_threads();
        try
        {
            torch.set_num_threads(2);
            using (var threads = new WorkerThreads(2))
            {
                var inside = new int[2];
                threads.Run(index => inside[index] = torch.get_num_threads());
                Assert.Equal([1, 1], inside);
            }
            Assert.Equal(2, torch.get_num_threads());
        }
        finally
        {
            torch.set_num_threads(before);
        }
    }

    [Fact]
    public void Zero_means_one_a_core_and_fewer_are_refused()
    {
        using var threads = new WorkerThreads(0);
        Assert.Equal(Environment.ProcessorCount, threads.Count);
        Assert.Throws<ArgumentOutOfRangeException>("count", () => new WorkerThreads(-1));
    }

    private static void Fail(int index)
    {
        if (index is 1 or 3)
            throw new InvalidDataException($"number {index}");
    }
}
