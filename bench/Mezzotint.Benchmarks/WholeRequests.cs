using System.Diagnostics;
using System.Globalization;
using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using Mezzotint.Serving;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Benchmarks;

/// <summary><c>request</c>: 64 images of one digit in the seed's 500 steps, by this project and by the straight port; and
/// <c>start</c>: the command in cold processes.</summary>
internal static class WholeRequests
{
    private const int Images = 64, Steps = 500, Side = 28;

    public static double? Request(Action<Figure> add, int rounds, string? python)
    {
        using var pytorch = python is null ? null : new PyTorchProgram(python);
        var load = new OtherLoad(pytorch?.Process);
        using var network = new UNet(new UNetConfig(), seed: 1);
        using var port = new StraightPort(RandomImages.Make("random train", 64), Images, network);
        using DiffusionPipeline pipeline = Pipelines.Of(network, Side),
            exact = Pipelines.Of(network, Side, precision: ComputePrecision.Float32);
        List<double> ours = [], single = [], theirs = [], ratios = [];
        foreach (var warm in new Action[] { () => pipeline.Draw(Images, 2), () => exact.Draw(Images, 2), () => Port(port, 2) })
            warm();
        for (int round = 0; round < rounds; round++)
        {
            set_num_threads(1);
            ours.Add(Seconds(() => pipeline.Draw(Images, Steps)));
            single.Add(Seconds(() => exact.Draw(Images, Steps)));
            set_num_threads(Environment.ProcessorCount);
            theirs.Add(Seconds(() => Port(port, Steps)));
            ratios.Add(theirs[^1] / ours[^1]);
        }
        add(Figure.Of("this project", "s", ours, ComputePrecision.Resolve(ComputePrecision.Automatic, CPU)));
        add(Figure.Of("this project, float32", "s", single));
        add(Figure.Of("straight port", "s", theirs, "float32"));
        add(Figure.Of("straight port against this project", "x", ratios));
        if (pytorch is not null)
        {
            double seconds = pytorch.Request(Steps);
            add(Figure.Of($"the seed's program, PyTorch {pytorch.Version}", "s", [seconds], "once"));
            add(Figure.Of("the seed's program against this project", "x", [.. ours.Select(own => seconds / own)]));
        }
        return load.Cores;
    }

    /// <summary>The seed's sampler (Euler-Maruyama) as the port has it, without anything spared.</summary>
    private static void Port(StraightPort port, int steps)
    {
        using var scope = NewDisposeScope();
        var process = new VarianceExploding();
        double dt = (1 - 1e-3) / (steps - 1);
        var labels = full([Images, 1], 5, dtype: ScalarType.Int64);
        var x = randn(Images, 1, Side, Side) * process.Level(1);
        for (int i = 0; i < steps; i++)
        {
            using var inner = NewDisposeScope();
            double t = 1 - i * dt, g = Math.Pow(25, t);
            var h = port.Evaluate(x, full([Images], (float)t), labels);
            x = (x + h / process.Level(t) * (g * g * dt) + randn_like(x) * (g * Math.Sqrt(dt))).MoveToOuterDisposeScope();
        }
    }

    public static double? Start(Action<Figure> add, int times)
    {
        string program =
            Path.Combine(Repository.Folder, "artifacts", "bin", "Mezzotint.Cli", "release_linux-x64", "Mezzotint.Cli");
        if (!File.Exists(program))
            throw new InvalidOperationException(
                $"Build the command first: dotnet build -c Release src/Mezzotint.Cli ({program} is not there).");
        string folder = Directory.CreateTempSubdirectory("mezzotint-start-").FullName;
        try
        {
            foreach (var (title, arguments) in new (string, string[])[]
            {
                ("mezzotint --help", ["--help"]),
                ("mezzotint sample --help", ["sample", "--help"]),
                (
                    "mezzotint sample --label 5 --count 1, models/mnist",
                    ["sample", "mnist", "--label", "5", "--count", "1", "--out", Path.Combine(folder, "one.png")]),
                (
                    "mezzotint sample --label 5 --count 16, models/mnist",
                    ["sample", "mnist", "--label", "5", "--count", "16", "--out", Path.Combine(folder, "some.png")]),
            })
            {
                Run(program, arguments);
                add(Figure.Of(title, "s", [.. Enumerable.Range(0, times).Select(_ => Seconds(() => Run(program, arguments)))]));
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
        return null; // what was measured are other processes
    }

    private static void Run(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program)
            { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Repository.Folder };
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException(string.Create(
                CultureInfo.InvariantCulture,
                $"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {errors.Result}"));
    }

    private static double Seconds(Action work)
    {
        var clock = Stopwatch.StartNew();
        work();
        return clock.Elapsed.TotalSeconds;
    }
}
