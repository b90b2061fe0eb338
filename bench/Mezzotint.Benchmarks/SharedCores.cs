using System.Diagnostics;
using System.Globalization;
using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using Mezzotint.Serving;
using Mezzotint.Training;

namespace Mezzotint.Benchmarks;

/// <summary>
/// <c>shared</c>: training and sampling while another process keeps one of the cores busy, beside this program alone on one core.
/// Threads that wait for each other by spinning
/// collapse there; this program's should lose the core and nothing else.
/// </summary>
internal static class SharedCores
{
    public const string WorkerCommand = "shared-worker", SpinCommand = "shared-spin";

    private const int Batch = 64, Side = 28, RequestSteps = 10;

    public static double? Measure(Action<Figure> add, int rounds, double seconds)
    {
        int cores = Environment.ProcessorCount;
        using var alone = Start(WorkerCommand, 1); // confined to the first core, with one thread
        using var shared = Start(WorkerCommand, (1L << cores) - 1);
        foreach (string what in new[] { "train", "sample" })
        {
            List<double> single = [], beside = [], ratios = [], free = [];
            Ask(alone, what, 1);
            Ask(shared, what, 1);
            for (int round = 0; round < rounds; round++)
            {
                single.Add(Ask(alone, what, seconds));
                free.Add(Ask(shared, what, seconds));
                using (var spinner = Start(SpinCommand, 1L << (cores - 1)))
                {
                    beside.Add(Ask(shared, what, seconds));
                    spinner.Kill();
                    spinner.WaitForExit();
                }
                ratios.Add(beside[^1] / single[^1]);
            }
            string unit = what == "train" ? "images/s" : "evaluations/s";
            add(Figure.Of($"{what}, alone on one core", unit, single));
            add(Figure.Of($"{what}, on all {cores} cores", unit, free));
            add(Figure.Of($"{what}, on all {cores} cores, one taken by another process", unit, beside));
            add(Figure.Of($"{what}, one core taken against alone on one", "x", ratios));
        }
        foreach (var worker in new[] { alone, shared })
        {
            worker.StandardInput.Close();
            worker.WaitForExit();
        }
        return null; // there was another process, by intention
    }

    /// <summary>The measured process: reads <c>train SECONDS</c> or <c>sample SECONDS</c>, and tells the rate.</summary>
    public static void Work(long cores)
    {
        Confine(cores);
        int threads = System.Numerics.BitOperations.PopCount((ulong)cores);
        var config = new ExperimentConfig { Training = new TrainingConfig { BatchSize = Batch, Replicas = threads } };
        using var trainer = new Trainer(config, RandomImages.Make("random train", 4096), RandomImages.Make("random test", 1));
        using var pipeline = Pipelines.Of((DenoisingNetwork)trainer.Network, Side, threads);
        while (Console.ReadLine()?.Split(' ') is [var what, var seconds])
        {
            double units = 0;
            var clock = Stopwatch.StartNew();
            do
                units += what == "train" ? Train() : Sample();
            while (clock.Elapsed.TotalSeconds < double.Parse(seconds, CultureInfo.InvariantCulture));
            Console.WriteLine((units / clock.Elapsed.TotalSeconds).ToString(CultureInfo.InvariantCulture));
        }

        double Train()
        {
            trainer.TrainStep();
            if (trainer.LossesAreDue)
                trainer.ReadLosses();
            return Batch;
        }

        double Sample()
        {
            pipeline.Draw(Batch, RequestSteps);
            return Batch * RequestSteps;
        }
    }

    /// <summary>The other process.</summary>
    public static void Spin(long cores)
    {
        Confine(cores);
        while (true)
            Thread.SpinWait(1000);
    }

    private static void Confine(long cores)
    {
        using var process = Process.GetCurrentProcess();
        if (OperatingSystem.IsLinux() || OperatingSystem.IsWindows())
            process.ProcessorAffinity = (nint)cores;
        else
            throw new PlatformNotSupportedException("Processes are confined to cores on Linux and Windows alone.");
    }

    private static Process Start(string command, long cores) =>
        PeakMemory.StartChild(command, cores.ToString(CultureInfo.InvariantCulture));

    private static double Ask(Process worker, string what, double seconds)
    {
        worker.StandardInput.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what} {seconds}"));
        return double.Parse(
            worker.StandardOutput.ReadLine() ?? throw new InvalidOperationException("The measured process has ended."),
            CultureInfo.InvariantCulture);
    }
}
