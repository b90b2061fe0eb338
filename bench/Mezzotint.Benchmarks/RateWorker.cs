using System.Diagnostics;
using System.Globalization;
using Mezzotint.Networks;
using Mezzotint.Training;

namespace Mezzotint.Benchmarks;

/// <summary>A process that trains or samples for a while whenever it is asked, and tells its rates: those that are measured in
/// turn are warm, and take nothing while they wait.</summary>
internal static class RateWorker
{
    public const string Command = "rate-worker";

    private const int Batch = 64, Side = 28, RequestSteps = 10;

    /// <summary>In the process: reads <c>train SECONDS</c> or <c>sample SECONDS</c>, and tells the rates.</summary>
    /// <param name="cores">A bit for each core that it may use, and as many threads; 0 for all.</param>
    public static void Work(long cores)
    {
        if (cores != 0)
            Confine(cores);
        int threads = cores == 0 ? Environment.ProcessorCount : System.Numerics.BitOperations.PopCount((ulong)cores);
        var config = new ExperimentConfig { Training = new TrainingConfig { BatchSize = Batch, Replicas = threads } };
        using var trainer = new Trainer(config, RandomImages.Make("random train", 4096), RandomImages.Make("random test", 1));
        using var pipeline = Pipelines.Of((DenoisingNetwork)trainer.Network, Side, threads);
        using var process = Process.GetCurrentProcess();
        while (Console.ReadLine()?.Split(' ') is [var what, var seconds])
        {
            double units = 0;
            process.Refresh();
            var before = process.TotalProcessorTime;
            var clock = Stopwatch.StartNew();
            do
                units += what == "train" ? Train() : Sample();
            while (clock.Elapsed.TotalSeconds < double.Parse(seconds, CultureInfo.InvariantCulture));
            double byClock = units / clock.Elapsed.TotalSeconds;
            process.Refresh();
            double busy = Math.Max((process.TotalProcessorTime - before).TotalSeconds, 1e-3);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{byClock} {units / busy}"));
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

    /// <summary>Asks the process.</summary>
    /// <returns>Units a second, and units a second of its processor time.</returns>
    public static (double ByClock, double ByProcessor) Ask(Process worker, string what, double seconds)
    {
        worker.StandardInput.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what} {seconds}"));
        string[] rates = (worker.StandardOutput.ReadLine()
            ?? throw new InvalidOperationException("The measured process has ended.")).Split(' ');
        return (Rate(0), Rate(1));

        double Rate(int which) => double.Parse(rates[which], CultureInfo.InvariantCulture);
    }

    /// <summary>Keeps this process on some cores.</summary>
    public static void Confine(long cores)
    {
        using var process = Process.GetCurrentProcess();
        if (OperatingSystem.IsLinux() || OperatingSystem.IsWindows())
            process.ProcessorAffinity = (nint)cores;
        else
            throw new PlatformNotSupportedException("Processes are confined to cores on Linux and Windows alone.");
    }
}
