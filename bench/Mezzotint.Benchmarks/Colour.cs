using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Training;

namespace Mezzotint.Benchmarks;

/// <summary>
/// <c>colour</c>: training on coloured images beside a straight port of the same network, images a second and memory. Each turn
/// is a process of its own, so that its peak of memory is its own; the turns alternate.
/// </summary>
internal static class Colour
{
    public const string ChildCommand = "colour-child";

    private const string Port = "port", Own = "own", OwnBfloat16 = "own-bfloat16";
    private const int BatchSize = 32, Channels = 3, Images = 2048, WarmUpSteps = 2;

    private static readonly int[] Sides = [32, 64];

    /// <summary>What a turn found.</summary>
    private sealed record Turn(double Rate, double PeakMegabytes);

    public static double? Measure(Action<Figure> add, int rounds, double seconds)
    {
        string[] contestants = ComputePrecision.Resolve(ComputePrecision.Automatic, TorchSharp.torch.CPU)
            == ComputePrecision.Bfloat16 ? [Port, Own, OwnBfloat16] : [Port, Own];
        foreach (int side in Sides)
        {
            var turns = contestants.ToDictionary(name => name, _ => new List<Turn>());
            for (int round = 0; round < rounds; round++)
                for (int i = 0; i < contestants.Length; i++)
                {
                    string name = contestants[(round + i) % contestants.Length];
                    turns[name].Add(Run(string.Create(CultureInfo.InvariantCulture, $"{name} {side} {seconds}")));
                }
            foreach (string name in contestants)
            {
                string title = $"{side} x {side} x {Channels}, {TitleOf(name)}";
                double[] ratios = [.. turns[name].Zip(turns[Port], (mine, port) => mine.Rate / port.Rate).Order()];
                add(Figure.Of($"{title}: training", "images/s", [.. turns[name].Select(turn => turn.Rate)],
                    name == Port ? "" : string.Create(
                        CultureInfo.InvariantCulture, $"{ratios[ratios.Length / 2]:F2} x the port, median within a round")));
                add(Figure.Of($"{title}: peak memory", "MB", [.. turns[name].Select(turn => turn.PeakMegabytes)]));
            }
        }
        return null; // the turns are other processes, whose load is not to be told from that of strangers
    }

    /// <summary>The measured process.</summary>
    public static void RunChild(string argument)
    {
        string[] parts = argument.Split(' ');
        int side = int.Parse(parts[1], CultureInfo.InvariantCulture);
        double seconds = double.Parse(parts[2], CultureInfo.InvariantCulture);
        var images = RandomImages.Make("random train", Images, side, Channels);
        var shape = new UNetConfig { InChannels = Channels };
        var clock = new Stopwatch();
        double done = 0;
        void Work(Func<int> step)
        {
            for (int i = 0; i < WarmUpSteps; i++)
                step();
            clock.Start();
            do
                done += step();
            while (clock.Elapsed.TotalSeconds < seconds);
        }
        if (parts[0] == Port)
        {
            using var network = new UNet(shape, seed: 42);
            using var port = new StraightPort(images, BatchSize, network);
            TorchSharp.torch.set_num_threads(Environment.ProcessorCount);
            Work(() =>
            {
                port.TrainStep();
                return BatchSize;
            });
        }
        else
        {
            using var trainer = new Trainer(
                new ExperimentConfig
                {
                    Model = shape,
                    Training = new TrainingConfig
                    {
                        BatchSize = BatchSize, Replicas = Environment.ProcessorCount,
                        Precision = parts[0] == Own ? ComputePrecision.Float32 : ComputePrecision.Bfloat16,
                    },
                }, images, RandomImages.Make("random test", BatchSize, side, Channels));
            Work(() =>
            {
                int batch = trainer.NextBatchSize;
                trainer.TrainStep();
                trainer.ReadLosses();
                return batch;
            });
        }
        var turn = new Turn(done / clock.Elapsed.TotalSeconds, PeakMemory.Of(Environment.ProcessId).Peak);
        Console.WriteLine(JsonSerializer.Serialize(turn));
    }

    private static Turn Run(string argument)
    {
        using var child = PeakMemory.StartChild(ChildCommand, argument);
        string? line = child.StandardOutput.ReadLine();
        child.WaitForExit();
        return line is not null && child.ExitCode == 0 ? JsonSerializer.Deserialize<Turn>(line)!
            : throw new InvalidOperationException($"The measuring process ({argument}) ended with {child.ExitCode}.");
    }

    private static string TitleOf(string name) => name switch
    {
        Port => "straight port, float32",
        Own => "this project, float32",
        _ => "this project, bfloat16",
    };
}
