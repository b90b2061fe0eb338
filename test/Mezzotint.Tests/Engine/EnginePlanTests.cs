using System.Runtime.InteropServices;
using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Networks.Classifiers;
using Mezzotint.Tests.Networks;
using Mezzotint.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Engine;

/// <summary>
/// Each layer of the vocabulary, each way in which layers become one step, and random networks of them, beside libtorch in
/// float64.
/// </summary>
public unsafe class EnginePlanTests
{
    public static TheoryData<string, string> All =>
        [.. from kind in Engines.Both from layer in PlannedLayers.All.Keys select (kind, layer)];

    public static TheoryData<string, int> Random =>
        [.. from kind in Engines.Both from seed in Enumerable.Range(1, 12) select (kind, seed)];

    [Theory, MemberData(nameof(All))]
    public void Each_layer_and_its_gradients_are_those_of_libtorch(string kind, string layer)
    {
        using var engine = Engines.Use(kind);
        foreach (int seed in Enumerable.Range(1, 4))
            foreach (bool bfloat16 in TileKernel.IsBfloat16Supported ? new[] { false, true } : [false])
            {
                var shape = PlannedShape.Of(seed);
                Compare($"{layer}, seed {seed}, bfloat16 {bfloat16}, {shape}", shape, bfloat16,
                    (net, x, vector, context) => PlannedLayers.All[layer](net, x, vector, context));
            }
    }

    [Theory, MemberData(nameof(Random))]
    public void A_random_network_and_its_gradients_are_those_of_libtorch(string kind, int seed)
    {
        using var engine = Engines.Use(kind);
        var shape = PlannedShape.Of(seed);
        var random = new Random(seed);
        string[] all = [.. PlannedLayers.All.Keys], names = [.. Enumerable.Range(0, 5).Select(_ => all[random.Next(all.Length)])];
        foreach (bool bfloat16 in TileKernel.IsBfloat16Supported ? new[] { false, true } : [false])
        {
            string where = $"{string.Join(", then ", names)}; seed {seed}, bfloat16 {bfloat16}, {shape}";
            Compare(where, shape, bfloat16, (net, x, vector, context) =>
            {
                for (int i = 0; i < names.Length; i++)
                {
                    using var module = net.Module($"part{i}", "Part");
                    x = PlannedLayers.All[names[i]](net, x, net.Linear("vector", vector, x.Channels), context);
                }
                return x;
            });
        }
    }

    /// <summary>A network may give several values, vectors among them: they follow each other.</summary>
    [Theory]
    [InlineData(nameof(EngineKind.On), "residual")]
    [InlineData(nameof(EngineKind.On), "plain")]
    [InlineData(nameof(EngineKind.Plain), "residual")]
    [InlineData(nameof(EngineKind.Plain), "plain")]
    public void Embedding_and_scores_of_a_classifier_and_its_gradients_are_those_of_libtorch(string kind, string architecture)
    {
        using var choice = Engines.Use(kind);
        using var scope = NewDisposeScope();
        var config = new ClassifierConfig { Architecture = architecture };
        using var network = Classifier.Create(config, 3);
        using var exact = Classifier.Create(config, 3);
        exact.to(float64);
        using var flat = FlatParameters.Of(network);
        var description = architecture == PlainClassifier.Name
            ? PlainClassifier.Describe(config) : ResidualClassifier.Describe(config);
        random.manual_seed(5);
        var x = rand(1, config.Channels, config.Height, config.Width);
        var embedding = exact.Embed(x.to(float64));
        var wanted = cat([embedding, exact.Scores(embedding)], 1);
        var gradient = randn(wanted.shape);
        wanted.backward([gradient.to(float64)]);

        using var engine = new NetworkEngine(network, description, config.Height, config.Width, 1, bfloat16: false,
            training: true);
        engine.Pack();
        var made = zeros(wanted.shape);
        fixed (float* from = Numbers(x), to = Numbers(made), given = Numbers(gradient))
        {
            engine.Forward(from, 0, default(EngineCondition), to);
            engine.Backward(given);
        }
        engine.TakeGradients();
        TensorAssert.Close(wanted, made, 1e-5, architecture);
        CompareGradients(architecture, GradientsOf(exact), GradientsOf(network), 1e-4);
    }

    [Fact]
    public void Memory_of_a_plan_that_is_not_trained_serves_again()
    {
        using var any = Engines.UseAny();
        var description = new UNetConfig().Describe();
        var plan = new EnginePlan(description, ValueSizes.Of(description, 28, 28, tokens: 1));
        using var network = new UNetConfig().Build();
        using var engine = new NetworkEngine(network, description, 28, 28, tokens: 1, bfloat16: false, training: false);
        Assert.True(engine.FloatsTaken < plan.Values.Where(value => !value.IsVector).Sum(value => value.Count),
            $"{engine.FloatsTaken} numbers");
    }

    private static void Compare(string where, PlannedShape shape, bool bfloat16, PlannedLayers.Layer layer)
    {
        using var scope = NewDisposeScope();
        using var network = PlannedLayers.Network(shape, layer);
        using var exact = PlannedLayers.Network(shape, layer);
        exact.to(float64);
        using var flat = FlatParameters.Of(network);
        int tokens = shape.Tokens, width = PlannedLayers.ContextWidth;
        var (images, times, classes, context, vectors) = PlannedLayers.Inputs(shape, 2);
        bool[] seen = PlannedLayers.Seen(shape, 2);
        var f = exact.Run(images.to(float64), times.to(float64), classes, context.to(float64), tensor(seen, [2, tokens]),
            vectors.to(float64));
        var gradient = randn(f.shape);
        f.backward([gradient.to(float64)]);

        using var engine = new NetworkEngine(network, network.Description, shape.Height, shape.Width, tokens, bfloat16,
            training: true);
        engine.Pack();
        var made = zeros(f.shape);
        int size = 2 * shape.Height * shape.Width;
        fixed (float* from = Numbers(images), to = Numbers(made), given = Numbers(gradient))
        fixed (float* rows = Numbers(context), row = Numbers(vectors))
            for (int i = 0; i < 2; i++)
            {
                var condition = new EngineCondition
                {
                    Labels = classes[i].data<long>().ToArray(),
                    Context = rows + i * tokens * width,
                    Mask = seen.AsSpan(i * tokens, tokens),
                    Vector = row + i * 6,
                };
                engine.Forward(from + i * size, times[i].item<float>(), condition, to + i * size);
                engine.Backward(given + i * size);
            }
        engine.TakeGradients();
        TensorAssert.Close(f.detach(), made, bfloat16 ? 5e-2 : 2e-5, where);
        CompareGradients(where, GradientsOf(exact), GradientsOf(network), bfloat16 ? 0.2 : 2e-4);
    }

    private static (string Name, Tensor Gradient)[] GradientsOf(nn.Module network) =>
        [.. network.named_parameters().Where(named => named.parameter.requires_grad && named.parameter.grad is not null).Select(
            named => (named.name, named.parameter.grad!.clone()))];

    /// <summary>
    /// The difference's norm as a share of the tensor's own. Gradients that are 0 by the network's structure are so in float64
    /// but
    /// for its rounding; there the engine's rounding is measured by the largest.
    /// </summary>
    private static void CompareGradients(
        string where, (string Name, Tensor Gradient)[] wanted, (string Name, Tensor Gradient)[] made, double tolerance)
    {
        static double Rms(Tensor x) => x.to(float64).pow(2).mean().sqrt().item<double>();
        var ours = made.ToDictionary(named => named.Name, named => named.Gradient);
        double largest = wanted.Max(named => Rms(named.Gradient));
        foreach (var (name, gradient) in wanted)
        {
            double size = Rms(gradient), off = Rms(ours[name] - gradient);
            double limit = size < 1e-12 * largest ? tolerance * largest / 100 : tolerance * size;
            Assert.True(off <= limit,
                $"{where}: {name} is off by {off:E1}, allowed are {limit:E1}, of {size:E1}; the largest is {largest:E1}");
        }
    }

    private static Span<float> Numbers(Tensor tensor) => MemoryMarshal.Cast<byte, float>(tensor.bytes);
}
