using System.Diagnostics;
using System.Globalization;
using Mezzotint.Engine;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Serving;
using static TorchSharp.torch;

namespace Mezzotint.Benchmarks;

/// <summary>
/// <c>stable-diffusion</c>: the parts of Stable Diffusion 1.5 with random weights, beside the same layers in libtorch as a
/// straight port to TorchSharp has them (fused attention, its own threads), and the matrix product.
/// </summary>
internal static class StableDiffusion
{
    /// <summary>What can be measured.</summary>
    public static readonly string[] Parts = ["all", "steps", "codec", "text", "whole", "precision", "layers"];

    public const string ChildCommand = "stable-diffusion-child";
    private const string Prompt = "a watercolour of a lighthouse";
    private const int Product = 2048, Tokens = 77, Factor = 8, DrawnSteps = 20;
    private static readonly int Cores = Environment.ProcessorCount;

    /// <summary>Measures.</summary>
    /// <param name="add">Takes a figure.</param>
    /// <param name="size">The widths: <see cref="StableDiffusionShape"/>.</param>
    /// <param name="rounds">How often each has its turn.</param>
    /// <param name="sides">Of the latents.</param>
    /// <param name="part">What of it: <see cref="Parts"/>.</param>
    /// <param name="runsOnnx">Whether ONNX Runtime has its turn.</param>
    public static double? Measure(
        Action<Figure> add, string size, int rounds, IReadOnlyList<int> sides, string part, bool runsOnnx)
    {
        var load = new OtherLoad();
        var shape = StableDiffusionShape.Of(size);
        bool Has(string name) => part == name || part == Parts[0];
        if (Has("steps") || Has("codec") || Has("text"))
            Compared(add, shape, rounds, sides, Has, runsOnnx);
        if (part == "layers")
            foreach (int side in sides)
                Layered(add, shape, side);
        if (Has("whole"))
            Whole(add, shape);
        if (Has("precision"))
            Precisions(add, shape, sides.Min());
        return load.Cores;
    }

    private static void Compared(
        Action<Figure> add, StableDiffusionShape shape, int rounds, IReadOnlyList<int> sides, Func<string, bool> has,
        bool runsOnnx)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (a, b) = (randn(Product, Product), randn(Product, Product));
        var limit = new Work(
            "matrix product 2048 x 2048 x 2048", 2e-9 * Product * Product * Product, () => matmul(a, b).Dispose());
        if (has("steps"))
        {
            using var network = shape.UNet.Build(seed: 1);
            using var file = runsOnnx ? new OnnxPartFile(network, network.Description) : null;
            foreach (int side in sides)
                Guided(add, network, file, shape, side, rounds, limit);
        }
        if (has("codec"))
        {
            using var autoencoder = new Autoencoder(shape.Autoencoder, seed: 2);
            Coded(add, autoencoder, sides.Max(), rounds, limit, runsOnnx);
        }
        if (has("text"))
        {
            using var text = TextEncoder.Create(shape.TextEncoder, seed: 3);
            Read(add, text, rounds, limit);
        }
    }

    private static void Guided(
        Action<Figure> add, DenoisingNetwork network, OnnxPartFile? file, StableDiffusionShape shape, int side, int rounds,
        Work limit)
    {
        using var scope = NewDisposeScope();
        var (x, t) = (randn(2, 4, side, side), full(2, 500f));
        var condition = Condition.OfContext(randn(2, Tokens, shape.TextEncoder.HiddenSize));
        using var evaluator = new NetworkEvaluator(network, side, side, CPU, ComputePrecision.Float32, Cores);
        double gigaflops = 2 * Gigaflops(network.Description, side, side, Tokens);
        using var onnx = file?.Opened(side, ("x", x), ("t", t), ("context", condition.Input("context")!));
        Compare(add, $"guided step at {side} x {side} latents", rounds, limit,
            new("engine", gigaflops, () => evaluator.Evaluate(x, t, condition).Dispose()),
            [new("straight port", gigaflops, () => network.call(x, t, condition).Dispose()), .. OnnxRuntime(onnx, gigaflops)]);
        var port = network.call(x, t, condition);
        using (var from = evaluator.Evaluate(x, t, condition))
            add(new("  largest difference of the engine from the port, of the largest number", "", Difference(from, port), 0, 0));
        if (onnx is not null)
            add(new("  likewise of ONNX Runtime", "", Difference(tensor(onnx.Evaluate(), port.shape), port), 0, 0));
        add(new("  resident, with the weights of all", "GB",
            Math.Round(PeakMemory.Of(Environment.ProcessId).Resident / 1e3, 2), 0, 0));
    }

    /// <summary>Its turn, where it has one.</summary>
    private static Work[] OnnxRuntime(OnnxEvaluation? onnx, double gigaflops) =>
        onnx is null ? [] : [new("ONNX Runtime", gigaflops, () => onnx.Evaluate())];

    /// <summary>Where the time of one image goes, by kind and size of layer.</summary>
    private static unsafe void Layered(Action<Figure> add, StableDiffusionShape shape, int side)
    {
        using var scope = NewDisposeScope();
        using var network = shape.UNet.Build(seed: 1);
        using var crew = new Crew(Cores);
        using var engine = NetworkEngine.For(network, side, side, bfloat16: false, training: false, Tokens, crew: crew)!;
        using var evaluated = NetworkEvaluator.Evaluate(engine, randn(1, 4, side, side), full(1, 500f),
            Condition.OfContext(randn(1, Tokens, shape.TextEncoder.HiddenSize)));
        var rows = engine.Steps.Where(step => step is not (ImageStep or GivenStep or ImageResultStep)).Select(step =>
        {
            long start = Stopwatch.GetTimestamp();
            step.Forward();
            return (Kind: Layers.Kind(step), Seconds: Stopwatch.GetElapsedTime(start).TotalSeconds, step.Products);
        }).ToList();
        double all = rows.Sum(row => row.Seconds);
        add(new($"all layers at {side} x {side}", "s", Math.Round(all, 3), 0, 0));
        foreach (var group in rows.GroupBy(row => row.Kind).OrderByDescending(group => group.Sum(row => row.Seconds)).Take(24))
        {
            double seconds = group.Sum(row => row.Seconds), products = group.Sum(row => row.Products);
            add(new($"{group.Count()} x {group.Key}", "%", Math.Round(100 * seconds / all, 1), 0, 0,
                string.Create(CultureInfo.InvariantCulture, $"{2e-9 * products / seconds:F0} GFLOP/s")));
        }
    }

    private static void Coded(Action<Figure> add, Autoencoder autoencoder, int side, int rounds, Work limit, bool runsOnnx)
    {
        using var scope = NewDisposeScope();
        var (z, pixels) = (randn(1, 4, side, side), rand(1, 3, Factor * side, Factor * side) * 2 - 1);
        using var evaluator = new AutoencoderEvaluator(autoencoder);
        double decode = Gigaflops(autoencoder.DecoderDescription, side, side, 1);
        double encode = Gigaflops(autoencoder.EncoderDescription, Factor * side, Factor * side, 1);
        using (var file = runsOnnx ? new OnnxPartFile(autoencoder, autoencoder.DecoderDescription) : null)
        using (var onnx = file?.Opened(side, ("z", z)))
            Compare(add, $"decode to {Factor * side} x {Factor * side}", rounds, limit,
                new("engine", decode, () => evaluator.Decode(z).Dispose()),
                [new("straight port", decode, () => autoencoder.Decode(z).Dispose()), .. OnnxRuntime(onnx, decode)]);
        using (var made = evaluator.Decode(z))
            add(new("  largest difference from libtorch, of the largest number", "", Difference(made, autoencoder.Decode(z)),
                0, 0));
        Compare(add, $"encode from {Factor * side} x {Factor * side}", rounds, limit,
            new("engine", encode, () => evaluator.Encode(pixels)),
            [new("straight port", encode, () => autoencoder.Encode(pixels))]);
    }

    private static void Read(Action<Figure> add, TextEncoder text, int rounds, Work limit)
    {
        using var scope = NewDisposeScope();
        var tokens = randint(0, text.Config.VocabSize, [1L, Tokens], ScalarType.Int64);
        using var evaluator = new TextEvaluator(text, CPU);
        double gigaflops = Gigaflops(TextEncoder.Describe(text.Config), 1, 1, Tokens);
        Compare(add, "text encoder, 77 tokens", rounds, limit,
            new("engine", gigaflops, () => evaluator.Evaluate(tokens).Dispose()),
            [new("straight port", gigaflops, () => text.call(tokens).Dispose())]);
    }

    /// <summary>A process of its own that opens a folder of float16 weights and draws 512 x 512, guided, in two steps.</summary>
    private static void Whole(Action<Figure> add, StableDiffusionShape shape)
    {
        string folder = Directory.CreateTempSubdirectory("mezzotint-sd-").FullName;
        try
        {
            shape.Write(Path.Combine(folder, "model"), ElementType.Float16);
            double files = new DirectoryInfo(folder).EnumerateFiles("*.safetensors", SearchOption.AllDirectories)
                .Sum(file => file.Length);
            add(new("float16 files", "GB", Math.Round(files / 1e9, 2), 0, 0));
            foreach (bool low in new[] { false, true })
                foreach (string line in ChildLines((low ? "low:" : "") + Path.Combine(folder, "model")))
                {
                    string[] fields = line.Split('\t');
                    double[] numbers = [.. fields.Skip(1).Select(field => double.Parse(field, CultureInfo.InvariantCulture))];
                    string where = low ? ", --memory low" : "";
                    add(new($"cold process: {fields[0]}{where}", "s", numbers[0], numbers[0], numbers[0],
                        $"{numbers[1]:F2} GB resident, peak {numbers[2]:F2}"));
                }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Pictures of numbers and weights that were rounded to 16 bits, beside that of float32.</summary>
    private static void Precisions(Action<Figure> add, StableDiffusionShape shape, int side)
    {
        string folder = Directory.CreateTempSubdirectory("mezzotint-sd-").FullName;
        try
        {
            string model = Path.Combine(folder, "model");
            byte[] Drawn(string precision)
            {
                foreach (string _ in ChildLines($"draw:{precision}:{Factor * side}:{model}"))
                {
                }
                return File.ReadAllBytes($"{model}.pixels");
            }
            shape.Write(model, ElementType.Float32);
            byte[] exact = Drawn(ComputePrecision.Float32);
            double mean = exact.Average(value => value);
            double deviation = Math.Sqrt(exact.Average(value => (value - mean) * (value - mean)));
            void Add(string what, byte[] drawn)
            {
                double error = drawn.Zip(exact).Average(pair => Math.Pow(pair.First - pair.Second, 2));
                add(new($"{Factor * side} x {Factor * side} in {DrawnSteps} steps, {what} beside float32", "dB",
                    Math.Round(10 * Math.Log10(255 * 255 / Math.Max(error, 1e-9)), 1), 0, 0,
                    string.Create(CultureInfo.InvariantCulture, $"PSNR; its pixels have a deviation of {deviation:F1}")));
            }
            if (ComputePrecision.HasBfloat16)
                Add("computed in bfloat16", Drawn(ComputePrecision.Bfloat16));
            foreach (var type in new[] { ElementType.Float16, ElementType.BFloat16 })
            {
                shape.Write(model, type);
                Add($"weights of {type}", Drawn(ComputePrecision.Float32));
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static IEnumerable<string> ChildLines(string argument)
    {
        using var child = PeakMemory.StartChild(ChildCommand, argument);
        while (child.StandardOutput.ReadLine() is { } line)
            yield return line;
        child.WaitForExit();
        if (child.ExitCode != 0)
            throw new InvalidOperationException($"The measuring process ended with {child.ExitCode}.");
    }

    /// <summary>The measured process: a line for each phase, with seconds since its start, gigabytes now and at most.</summary>
    public static void RunChild(string argument)
    {
        if (argument.StartsWith("draw:", StringComparison.Ordinal))
        {
            Draw(argument["draw:".Length..]);
            return;
        }
        bool low = argument.StartsWith("low:", StringComparison.Ordinal);
        string folder = low ? argument["low:".Length..] : argument;
        using var model = ModelPath.Read(folder, new() { Narrow = true }); // as the command opens it
        using var pipeline = new DiffusionPipeline(model);
        Report("opened");
        var prepared = pipeline.Prepare([Prompt], new() { Seed = 1, Steps = 2 });
        if (low)
        {
            model.FreeTextEncoder();
            pipeline.FreesNetwork = true;
        }
        Report("prompt read");
        prepared.RunAsync().GetAwaiter().GetResult();
        Report("drawn in 2 steps, and decoded");
        if (!low)
            GiveUp(pipeline);
    }

    /// <summary>Stops a drawing in the middle of its first step.</summary>
    private static void GiveUp(DiffusionPipeline pipeline)
    {
        using var stop = new CancellationTokenSource();
        long asked = 0;
        stop.Token.Register(() => asked = Stopwatch.GetTimestamp());
        var drawing = pipeline.Prepare([Prompt], new() { Seed = 1, Steps = 2 });
        stop.CancelAfter(TimeSpan.FromSeconds(2));
        try
        {
            drawing.RunAsync(cancellation: stop.Token).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            double waited = Stopwatch.GetElapsedTime(asked).TotalMilliseconds;
            Report(string.Create(CultureInfo.InvariantCulture, $"a drawing given up, {waited:F0} ms after that was asked for"));
        }
    }

    /// <param name="what">Precision, side of the image, folder of the model.</param>
    private static void Draw(string what)
    {
        if (what.Split(':', 3) is not [var precision, var side, var folder])
            throw new ArgumentException("Three parts are expected.", nameof(what));
        int pixels = int.Parse(side, CultureInfo.InvariantCulture);
        using var pipeline = DiffusionPipeline.Load(folder, precision: precision);
        var drawn = pipeline.Generate(Prompt, new() { Seed = 1, Steps = DrawnSteps, Size = (pixels, pixels) });
        File.WriteAllBytes($"{folder}.pixels", drawn.Images.Pixels);
    }

    private static void Report(string phase)
    {
        var (resident, peak) = PeakMemory.Of(Environment.ProcessId);
        double seconds = (DateTime.Now - Process.GetCurrentProcess().StartTime).TotalSeconds;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{phase}\t{seconds:F1}\t{resident / 1e3:F2}\t{peak / 1e3:F2}"));
    }

    /// <summary>Some work.</summary>
    private sealed record Work(string Name, double Gigaflops, Action Run)
    {
        public double Seconds()
        {
            using var scope = NewDisposeScope();
            set_num_threads(Cores);
            long start = Stopwatch.GetTimestamp();
            Run();
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
    }

    /// <summary>The works in turns; ratios are of the same round.</summary>
    private static void Compare(Action<Figure> add, string title, int rounds, Work limit, Work engine, Work[] others)
    {
        Work[] works = [engine, .. others];
        var seconds = works.Select(_ => new List<double>()).ToList();
        var limits = new List<double>();
        for (int round = -1; round < rounds; round++) // the first does not count
        {
            double own = Enumerable.Range(0, 8).Select(_ => limit.Seconds()).Order().ElementAt(4);
            for (int i = 0; i < works.Length; i++)
                if (works[i].Seconds() is var taken && round >= 0)
                    seconds[i].Add(taken);
            if (round >= 0)
                limits.Add(limit.Gigaflops / own);
        }
        add(Figure.Of($"{limit.Name}, beside the next", "GFLOP/s", limits));
        for (int i = 0; i < works.Length; i++)
        {
            var work = works[i];
            double share = Median([.. seconds[i].Select((taken, round) => work.Gigaflops / taken / limits[round])]);
            string ratio = i == 0 ? "" : string.Create(CultureInfo.InvariantCulture,
                $", {Median([.. seconds[i].Select((taken, round) => taken / seconds[0][round])]):F2} x the engine's time");
            add(Figure.Of($"{title}: {work.Name}", "s", seconds[i],
                string.Create(CultureInfo.InvariantCulture, $"{share:F2} of the matrix product{ratio}")));
        }
    }

    private static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);

    private static double Gigaflops(NetworkDescription description, int height, int width, int tokens) =>
        2e-9 * new EnginePlan(description, ValueSizes.Of(description, height, width, tokens)).Steps.Sum(step => step.Products);

    private static double Difference(Tensor a, Tensor b) =>
        double.Parse(((a - b).abs().max() / b.abs().max()).item<float>().ToString("G2", CultureInfo.InvariantCulture),
            CultureInfo.InvariantCulture);
}
