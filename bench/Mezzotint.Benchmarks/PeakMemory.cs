using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Mezzotint.Engine;
using Mezzotint.Formats;
using Mezzotint.Networks;
using Mezzotint.Plots;
using Mezzotint.Sampling;
using Mezzotint.Serving;
using Mezzotint.Training;

namespace Mezzotint.Benchmarks;

/// <summary>The memory of a training after one of its parts.</summary>
/// <param name="Phase">What was just done.</param>
/// <param name="ResidentMegabytes">Resident now.</param>
/// <param name="PeakMegabytes">The most that was resident so far.</param>
internal sealed record MemoryPhase(string Phase, double ResidentMegabytes, double PeakMegabytes);

/// <summary>What <c>memory</c> found.</summary>
internal sealed record MemoryResult
{
    public required DateTime Date { get; init; }
    public required Machine Machine { get; init; }
    public required int Steps { get; init; }
    public required double PeakMegabytes { get; init; }
    public required double LimitMegabytes { get; init; }
    public required IReadOnlyList<MemoryPhase> Phases { get; init; }
    public bool IsWithin => PeakMegabytes < LimitMegabytes;
}

/// <summary>
/// The peak of a training's resident memory, from the kernel's own count (<c>VmHWM</c>, the high-water mark), in a process that
/// does nothing else: the seed's preset
/// on 60,000 + 10,000 images, trained, evaluated, sampled and saved, twice, for a heap that evaluation has left in pieces grows
/// again in the training after it.
/// </summary>
internal static class PeakMemory
{
    public const string ChildCommand = "memory-child";

    private const double LimitMegabytes = 1500;

    /// <summary>Runs the training in a process of its own.</summary>
    public static MemoryResult Run(int steps, Action<string> tell)
    {
        using var child = StartChild(ChildCommand, steps.ToString(CultureInfo.InvariantCulture));
        var phases = new List<MemoryPhase>();
        while (child.StandardOutput.ReadLine() is { } line)
        {
            var phase = JsonSerializer.Deserialize<MemoryPhase>(line)!;
            phases.Add(phase);
            tell(string.Create(
                CultureInfo.InvariantCulture,
                $"{phase.Phase,-32} resident {phase.ResidentMegabytes,6:F0} MB, peak {phase.PeakMegabytes,6:F0} MB"));
        }
        child.WaitForExit();
        if (child.ExitCode != 0)
            throw new InvalidOperationException($"The measuring process ended with {child.ExitCode}.");
        return new MemoryResult
        {
            Date = DateTime.UtcNow,
            Machine = Machine.Describe(),
            Steps = steps,
            PeakMegabytes = phases.Max(phase => phase.PeakMegabytes),
            LimitMegabytes = LimitMegabytes,
            Phases = phases,
        };
    }

    /// <summary>The measured process: one line of JSON a phase.</summary>
    public static void RunChild(int steps)
    {
        Report("start");
        string folder = Directory.CreateTempSubdirectory("mezzotint-memory-").FullName;
        try
        {
            var config = new ExperimentConfig { Training = new TrainingConfig { Replicas = Environment.ProcessorCount } };
            using var trainer =
                new Trainer(config, RandomImages.Make("random train", 60_000), RandomImages.Make("random test", 10_000));
            Report("data and network");
            for (int epoch = 1; epoch <= 2; epoch++)
            {
                for (int i = 0; i < steps; i++)
                {
                    trainer.TrainStep();
                    if (trainer.LossesAreDue)
                        trainer.ReadLosses();
                }
                trainer.ReadLosses();
                Report($"{epoch}: {steps} training steps");
                double loss = trainer.Evaluate();
                Report($"{epoch}: evaluation, 10,000 images");
                int columns = config.Training.SamplesPerLabel;
                ImageBatch grid;
                using (var pipeline = Pipelines.Of((DenoisingNetwork)trainer.Network, 28, Environment.ProcessorCount))
                    grid = pipeline.Generate(
                        [.. Enumerable.Range(0, 10)], new() { Count = columns, Seed = 0, Steps = 20 }).Images;
                Report($"{epoch}: sampling, {10 * columns} images");
                Save(trainer, Path.Combine(folder, "step"), loss, grid, columns);
                Report($"{epoch}: checkpoint, plot and grid");
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Save(Trainer trainer, string path, double loss, ImageBatch grid, int columns)
    {
        new Checkpoint { Step = trainer.Step, EpochsReported = 0, EpochLoss = loss, SinceLog = (0, 0), Elapsed = TimeSpan.Zero,
            Tensors = trainer.Tensors() }.Write(path + ".safetensors");
        new LinePlot { Title = "memory", XLabel = "epoch", YLabel = "loss", Series = [new("test", [0, 1], [loss, loss])] }.Write(
            path + "-loss.png");
        PngFile.Write(path + ".png", grid.Grid(columns), scale: 2);
    }

    /// <summary>Starts this program once more, as one of its hidden commands.</summary>
    public static Process StartChild(string command, string argument, string? engine = null) =>
        StartChild(command, [argument], engine);

    /// <summary>Likewise, with several arguments.</summary>
    public static Process StartChild(string command, string[] arguments, string? engine = null)
    {
        string program = Environment.ProcessPath!;
        var start = new ProcessStartInfo(program) { RedirectStandardInput = true, RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(program) == "dotnet")
            start.ArgumentList.Add(typeof(PeakMemory).Assembly.Location);
        start.ArgumentList.Add(command);
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        if (engine is not null)
            start.Environment["MEZZOTINT_ENGINE"] = engine;
        return Process.Start(start) ?? throw new InvalidOperationException("The measuring process did not start.");
    }

    private static void Report(string phase)
    {
        var (resident, peak) = Of(Environment.ProcessId);
        Console.WriteLine(JsonSerializer.Serialize(new MemoryPhase(phase, Math.Round(resident), Math.Round(peak))));
    }

    /// <summary>The resident memory of a process, now and at its highest, in MB.</summary>
    public static (double Resident, double Peak) Of(int id)
    {
        var status = Machine.Table(string.Create(CultureInfo.InvariantCulture, $"/proc/{id}/status"));
        if (status.TryGetValue("VmHWM", out string? peak) && status.TryGetValue("VmRSS", out string? resident))
            return (Megabytes(resident), Megabytes(peak));
        using var process = Process.GetProcessById(id);
        return (process.WorkingSet64 / 1e6, process.PeakWorkingSet64 / 1e6);
    }

    private static double Megabytes(string kibibytes) =>
        double.Parse(
            kibibytes.AsSpan(0, kibibytes.IndexOf(' ', StringComparison.Ordinal)), CultureInfo.InvariantCulture) * 1024 / 1e6;
}
