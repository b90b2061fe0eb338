using System.Diagnostics;
using System.Globalization;
using Mezzotint.Runtime;
using Mezzotint.Training;

namespace Mezzotint.Benchmarks;

/// <summary>
/// <c>processes</c>: the time of a training step over several processes of this machine under <c>mpirun</c>, what of it is the
/// exchange, and the exchange by itself.
/// </summary>
internal static class SharedProcesses
{
    public const string WorkerCommand = "processes-worker";

    private const int Batch = 64, Warm = 3;
    private static readonly int[] Sizes = [1, 2, 4];
    private static readonly int[] Lengths = [1, 1 << 16, 780_000, 1 << 24];

    public static double? Measure(Action<Figure> add, int steps)
    {
        foreach (int size in Sizes)
        {
            using var job = Start(size, steps);
            while (job.StandardOutput.ReadLine() is { } line)
                if (line.Split('|') is [var title, var unit, .. var values])
                    add(Figure.Of(title, unit, [.. values.Select(value => double.Parse(value, CultureInfo.InvariantCulture))]));
            job.WaitForExit();
            if (job.ExitCode != 0)
                throw new MezzotintException($"mpirun ended with {job.ExitCode}: it needs Open MPI or MPICH on this machine.");
        }
        return null;
    }

    /// <summary>One of the measured processes; the first prints figures.</summary>
    public static void Work(int steps)
    {
        using var exchange = Exchange.OfProcess();
        using var timed = new TimedExchange(exchange);
        string over = $"{exchange.Size} process{(exchange.Size == 1 ? "" : "es")}";
        var config = new ExperimentConfig
        {
            Training = new() { BatchSize = Batch, Replicas = exchange.Size, CompareEvery = 0, Epochs = 1000 },
        };
        using (var trainer = new Trainer(
            config, RandomImages.Make("random train", 4096), RandomImages.Make("random test", 1), exchange: timed))
        {
            if (!exchange.IsFirst)
                trainer.Follow();
            else
            {
                var (whole, sums) = Steps(trainer, timed, steps);
                Tell($"step of {Batch} images, {over}", "ms", whole);
                Tell($"of it sums and the wait for the others, {over}", "ms", sums);
            }
        }
        if (!exchange.IsAlone)
            foreach (int length in Lengths)
                if (Sums(exchange, length) is var times && exchange.IsFirst)
                    Tell($"sum of {length:N0} numbers, {over}", "ms", times);
        if (!exchange.IsFirst)
            exchange.Await(); // the end
    }

    private static (List<double> Whole, List<double> Sums) Steps(Trainer trainer, TimedExchange timed, int steps)
    {
        trainer.Share();
        var (whole, sums) = (new List<double>(), new List<double>());
        for (int i = 0; i < Warm + steps; i++)
        {
            timed.Clock.Reset();
            var clock = Stopwatch.StartNew();
            trainer.TrainStep();
            if (i >= Warm)
            {
                whole.Add(clock.Elapsed.TotalMilliseconds);
                sums.Add(timed.Clock.Elapsed.TotalMilliseconds);
            }
            trainer.ReadLosses();
        }
        return (whole, sums);
    }

    private static List<double> Sums(Exchange exchange, int length)
    {
        float[] numbers = new float[length];
        var times = new List<double>();
        for (int i = 0; i < Warm + 9; i++)
        {
            exchange.Barrier();
            var clock = Stopwatch.StartNew();
            exchange.Sum(numbers);
            if (i >= Warm)
                times.Add(clock.Elapsed.TotalMilliseconds);
        }
        return times;
    }

    private static void Tell(string title, string unit, IEnumerable<double> values) => Console.WriteLine(string.Join(
        '|', [title, unit, .. values.Select(value => value.ToString("R", CultureInfo.InvariantCulture))]));

    private static Process Start(int size, int steps)
    {
        string program = Environment.ProcessPath!;
        List<string> words = size == 1 ? [] : ["-n", size.ToString(CultureInfo.InvariantCulture), program];
        if (Path.GetFileNameWithoutExtension(program) == "dotnet")
            words.Add(typeof(SharedProcesses).Assembly.Location);
        words.AddRange([WorkerCommand, steps.ToString(CultureInfo.InvariantCulture)]);
        var start = new ProcessStartInfo(size == 1 ? program : "mpirun", words) { RedirectStandardOutput = true };
        foreach (var (name, value) in new Dictionary<string, string>
        {
            ["TERM"] = "dumb", // mpirun's terminal is none
            ["OMPI_ALLOW_RUN_AS_ROOT"] = "1", ["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1",
            ["OMPI_MCA_rmaps_base_oversubscribe"] = "1", ["OMPI_MCA_hwloc_base_binding_policy"] = "none",
        })
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    /// <summary>Another exchange, with the time that its sums take.</summary>
    private sealed class TimedExchange(Exchange inner) : Exchange
    {
        public Stopwatch Clock { get; } = new();

        public override int Rank => inner.Rank;

        public override int Size => inner.Size;

        public override void Order(int order) => inner.Order(order);

        public override int Await() => inner.Await();

        public override void Barrier() => inner.Barrier();

        public override void Broadcast(Span<byte> bytes) => inner.Broadcast(bytes);

        public override IReadOnlyList<byte[]> Gather(ReadOnlySpan<byte> own) => inner.Gather(own);

        public override RunningSum BeginSum(ReadOnlySpan<nint> vectors, long count, bool bfloat16 = false)
        {
            Clock.Start();
            var sum = inner.BeginSum(vectors, count, bfloat16);
            Clock.Stop();
            return new TimedSum(sum, Clock);
        }

        public override void Abort(int code) => inner.Abort(code);
    }

    private sealed class TimedSum(RunningSum inner, Stopwatch clock) : RunningSum
    {
        public override void Advance(long final)
        {
            clock.Start();
            inner.Advance(final);
            clock.Stop();
        }

        public override void Complete()
        {
            clock.Start();
            inner.Complete();
            clock.Stop();
        }
    }
}
