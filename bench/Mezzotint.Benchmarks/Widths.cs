using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Benchmarks;

/// <summary>
/// <c>widths</c>: networks whose channels and heads are no whole vectors, and several class tokens, by the engine and by
/// libtorch.
/// </summary>
internal static unsafe class Widths
{
    private const int Batch = 8; // as many as libtorch is fast with on one thread

    private static readonly (string Name, NetworkConfig Config, int Channels, int Side, int Tokens)[] Networks =
    [
        ("the seed's U-Net", new UNetConfig(), 1, 28, 1),
        ("the seed's U-Net, 8 tokens", new UNetConfig(), 1, 28, 8),
        ("residual U-Net, model_channels 96", Residual(96, 1), 1, 28, 1),
        ("residual U-Net, model_channels 104", Residual(104, 1), 1, 28, 1),
        ("residual U-Net, model_channels 24, 4 channels", Residual(24, 4), 4, 28, 1),
    ];

    public static double? Measure(Action<Figure> add, int times)
    {
        var load = new OtherLoad();
        Libtorch.Load();
        set_num_threads(1);
        foreach (var (name, config, channels, side, tokens) in Networks)
            Measure(add, name, config, (channels, side, tokens), times);
        return load.Cores;
    }

    private static ResidualUNetConfig Residual(int width, int channels) =>
        new() { ModelChannels = width, HeadChannels = width, InChannels = channels, OutChannels = channels };

    private static void Measure(Action<Figure> add, string name, NetworkConfig config, (int Channels, int Side, int Tokens) shape,
        int times)
    {
        using var scope = NewDisposeScope();
        using var network = config.Build(1);
        using var flat = FlatParameters.Of(network);
        var (x, t) = (randn(Batch, shape.Channels, shape.Side, shape.Side), rand(Batch));
        var condition = Condition.OfClasses(randint(10, [Batch, shape.Tokens], dtype: int64));
        using var engine = NetworkEngine.For(network, shape.Side, shape.Side, bfloat16: false, training: true, shape.Tokens)!;
        var f = zeros_like(x);
        add(
            Figure.Milliseconds(
                $"{name}: forward, engine", times, () => In(() => NetworkEvaluator.Evaluate(engine, x, t, condition)),
            $"float32, one thread, {Batch} images"));
        add(Figure.Milliseconds($"{name}: forward, libtorch", times, () => In(() =>
        {
            using var noGrad = no_grad();
            network.call(x, t, condition);
        })));
        add(Figure.Milliseconds($"{name}: forward and backward, engine", times, () => Train(engine, x, t, condition, f)));
        add(Figure.Milliseconds($"{name}: forward and backward, libtorch", times, () => In(() =>
            network.call(x, t, condition).backward([f]))));
    }

    private static void Train(NetworkEngine engine, Tensor x, Tensor t, Condition condition, Tensor f)
    {
        long size = x.numel() / Batch, tokens = condition.Tokens;
        var times = NetworkEvaluator.Numbers<float>(t);
        var labels = NetworkEvaluator.Numbers<long>(condition.Classes!);
        engine.Pack();
        fixed (float* image = NetworkEvaluator.Numbers<float>(x), result = NetworkEvaluator.Numbers<float>(f))
            for (int i = 0; i < Batch; i++)
            {
                engine.Forward(image + i * size, times[i], labels.Slice(i * (int)tokens, (int)tokens), result + i * size);
                engine.Backward(result + i * size);
            }
        engine.TakeGradients();
    }

    private static void In(Action work)
    {
        using var scope = NewDisposeScope();
        work();
    }
}
