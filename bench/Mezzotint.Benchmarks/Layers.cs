using System.Diagnostics;
using System.Globalization;
using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Benchmarks;

/// <summary>
/// <c>layers</c>: where the engine's time goes in a training step of a configuration's network, by kind and size of layer.
/// </summary>
internal static unsafe class Layers
{
    /// <summary>Rounds before the first that counts: as many as the compiler takes to reach its best code.</summary>
    private const int WarmUps = 64;

    public static double? Measure(Action<Figure> add, string configuration, int side, int tokens, int times)
    {
        var load = new OtherLoad();
        var config = ((ExperimentConfig)Configuration.ReadExperiment(configuration)).Model;
        using var network = config.Build(1);
        using var flat = FlatParameters.Of(network);
        using var engine = NetworkEngine.For(network, side, side, bfloat16: false, training: true, tokens)
            ?? throw new MezzotintException($"The engine does not run the network of {configuration} here.");
        using var data = new RandomInput(config, side, tokens);
        var clocks = engine.Steps.Select(_ => (Forward: new List<double>(), Backward: new List<double>())).ToArray();
        var takes = new List<double>();
        var packs = new List<double>();
        data.Forward(engine);
        data.Backward(engine);
        for (int round = -WarmUps; round < times; round++)
        {
            double[] forward = [.. engine.Steps.Select(step => Time(step.Forward))];
            double[] backward = [.. engine.Steps.Reverse().Select(step => Time(step.Backward)).Reverse()];
            if (round < 0)
                continue;
            for (int i = 0; i < clocks.Length; i++)
            {
                clocks[i].Forward.Add(forward[i]);
                clocks[i].Backward.Add(backward[i]);
            }
        }
        for (int i = 0; i < 16; i++)
        {
            takes.Add(Time(engine.TakeGradients));
            packs.Add(Time(engine.Pack));
        }
        var rows = engine.Steps.Select((step, i) => (Kind: Kind(step), step.Products, Forward: Mean(clocks[i].Forward),
            Backward: Mean(clocks[i].Backward))).ToList();
        add(new("all layers", "ms", Round(rows.Sum(row => row.Forward + row.Backward)), Round(rows.Sum(row => row.Forward)),
            Round(rows.Sum(row => row.Backward)), Rate(rows)));
        foreach (var group in rows.GroupBy(row => row.Kind).OrderByDescending(group => group.Sum(r => r.Forward + r.Backward)))
            add(new($"{group.Count()} x {group.Key}", "ms", Round(group.Sum(r => r.Forward + r.Backward)),
                Round(group.Sum(r => r.Forward)), Round(group.Sum(r => r.Backward)), Rate([.. group])));
        add(Figure.Of("the sums of the gradients into their order, once a step", "ms", takes));
        add(Figure.Of("packing the weights, once a step", "ms", packs));
        return load.Cores;
    }

    /// <summary>Steps of one kind take about the same time.</summary>
    public static string Kind(EngineStep step) =>
        $"{step.GetType().Name[..^"Step".Length]} {step.Inputs.FirstOrDefault()?.Layout.Count} to "
        + $"{step.Output.Height} x {step.Output.Width} x {step.Output.Layout.Count}";

    private static string Rate(List<(string Kind, long Products, double Forward, double Backward)> rows)
    {
        double products = rows.Sum(row => row.Products);
        return products == 0 ? "" : string.Create(CultureInfo.InvariantCulture,
            $"{2e-6 * products / rows.Sum(row => row.Forward):0} and "
            + $"{4e-6 * products / rows.Sum(row => row.Backward):0} GFLOP/s");
    }

    private static double Time(Action work)
    {
        long start = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private static double Mean(List<double> values) => values.Average(); // gradients of several images are multiplied at once

    private static double Round(double value) => Math.Round(value, 3);

    /// <summary>A random image with a random context.</summary>
    private sealed class RandomInput : IDisposable
    {
        private readonly NativeArray<float> _image, _output, _context, _vector;

        public RandomInput(NetworkConfig config, int side, int tokens)
        {
            var unet = config as ConditionalUNetConfig;
            (_image, _output) = (Random((long)config.InChannels * side * side), Random((long)config.OutChannels * side * side));
            (_context, _vector) = (Random((long)tokens * (unet?.CrossAttentionDim ?? 1)), Random(4096));
        }

        public void Forward(NetworkEngine engine)
        {
            Span<long> labels = stackalloc long[engine.Tokens];
            var condition = new EngineCondition { Context = _context.Data, Vector = _vector.Data, Labels = labels };
            engine.Forward(_image.Data, 0.5f, condition, _output.Data);
        }

        public void Backward(NetworkEngine engine) => engine.Backward(_output.Data);

        public void Dispose()
        {
            foreach (var array in new[] { _image, _output, _context, _vector })
                array.Dispose();
        }

        private static NativeArray<float> Random(long count)
        {
            var random = new Random(1);
            var array = new NativeArray<float>(count);
            for (long i = 0; i < count; i++)
                array.Data[i] = random.NextSingle() - 0.5f;
            return array;
        }
    }
}
