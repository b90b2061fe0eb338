using System.Runtime.InteropServices;
using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Tests.Networks;
using Mezzotint.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Engine;

/// <summary>The engine beside libtorch, whose networks are themselves tested against PyTorch's numbers.</summary>
public unsafe class NetworkEngineTests
{
    private static readonly (NetworkConfig Config, int Height, int Width)[] Networks =
    [
        (new UNetConfig(), 28, 28),
        (new UNetConfig { Unconditional = true, InChannels = 3, OutChannels = 3, NumResBlocks = 1 }, 16, 8),
        (new UNetConfig
        {
            ChannelMultipliers = [1, 2, 2], AttentionLevels = [1, 2], NumResBlocks = 1,
            Transformer = new TransformerConfig { NumHeads = 2, NumLayers = 2, ContextDim = 24 },
        }, 16, 16),
        (new UNetConfig
        {
            ChannelMultipliers = [2], NumResBlocks = 3,
            Transformer = new TransformerConfig { NumHeads = 4 },
        }, 6, 10),
        (new ResidualUNetConfig
        {
            PatchSize = 2, ModelChannels = 48, ResidualBlocks = [1, 2], Unconditional = true,
            Anchors = [-0.2, 1.4],
        }, 28, 28),
        (new ResidualUNetConfig
        {
            ModelChannels = 32, ChannelMultipliers = [1, 2, 3], ResidualBlocks = [1, 2, 1],
            AttentionLevels = [1], HeadChannels = 16, InChannels = 3, OutChannels = 3,
        }, 8, 12),
        (new ResidualUNetConfig
        {
            PatchSize = 4, ModelChannels = 16, ChannelMultipliers = [2], ResidualBlocks = [2],
            InChannels = 2, OutChannels = 2,
        }, 16, 16),
        // widths, and heads, that are no whole vectors
        (new ResidualUNetConfig
        {
            ModelChannels = 24, ResidualBlocks = [1, 1], HeadChannels = 24, InChannels = 4,
            OutChannels = 4,
        }, 8, 8),
        (new UNetConfig { ChannelMultipliers = [1], NumResBlocks = 1, AttentionLevels = [0] }, 12, 8),
        (ConditionalUNetTests.Small, 6, 8),
        (ConditionalUNetTests.Small with
        {
            InChannels = 9, OutChannels = 4, UseLinearProjection = true, ResnetTimeScaleShift = "scale_shift", FreqShift = 1,
            FlipSinToCos = false, TransformerLayersPerBlock = [1, 2], LayersPerBlock = [2], OnlyCrossAttention = true,
            ConvInKernel = 5, ConvOutKernel = 1,
            AdditionEmbedType = "text_time", AdditionTimeEmbedDim = 2, ProjectionClassEmbeddingsInputDim = 20,
        }, 5, 7),
    ];

    /// <summary>Networks by their place above, each as all engines have it.</summary>
    public static TheoryData<int, string> All => Of(Engines.All);

    /// <summary>Likewise as those have it that have bfloat16.</summary>
    public static TheoryData<int, string> WithBfloat16 => Of(Engines.Both);

    private static TheoryData<int, string> Of(string[] kinds) =>
        [.. from kind in kinds from i in Enumerable.Range(0, Networks.Length) select (i, kind)];

    /// <summary>
    /// Each tensor's own size is the measure: no other layer's gradients make up for those that are missing or wrong.
    /// </summary>
    [Theory, MemberData(nameof(All))]
    public void In_float32_output_and_every_gradient_are_those_of_libtorch(int index, string kind)
    {
        using var engine = Engines.Use(kind);
        using var scope = NewDisposeScope();
        var (ours, theirs) = Both(index, bfloat16: false);
        TensorAssert.Close(theirs.Output, ours.Output, 1e-5, "output");
        CompareGradients(ours.Gradients, theirs.Gradients, 1e-4);
    }

    [Theory, MemberData(nameof(WithBfloat16))]
    public void In_bfloat16_they_are_so_to_a_few_hundredths(int index, string kind)
    {
        using var engine = Engines.Use(kind, bfloat16: true);
        using var scope = NewDisposeScope();
        var (ours, theirs) = Both(index, bfloat16: true);
        Assert.InRange(((ours.Output - theirs.Output).norm() / theirs.Output.norm()).item<float>(), 1e-5f, 0.03f);
        CompareGradients(ours.Gradients, theirs.Gradients, 0.15);
    }

    /// <summary>
    /// The difference's norm as a share of the tensor's own. Some gradients are 0 by the network's structure, as that of a
    /// bias just before
    /// a normalisation of single channels, and those of queries for a single key: float64 tells which, and there both have
    /// rounding errors
    /// alone.
    /// </summary>
    private static void CompareGradients(
        (string Name, Tensor Gradient)[] ours, (string Name, Tensor Gradient)[] theirs, double tolerance)
    {
        static double Rms(Tensor x) => x.to(float64).pow(2).mean().sqrt().item<double>();
        double largest = theirs.Max(tensor => Rms(tensor.Gradient));
        var wrong = new List<string>();
        int zeros = 0;
        foreach (var (name, wanted, made) in theirs.Zip(ours, (a, b) => (a.Name, a.Gradient, b.Gradient)))
        {
            bool zero = Rms(wanted) < 1e-12 * largest;
            zeros += zero ? 1 : 0;
            double off = Rms(made - wanted), limit = zero ? tolerance * largest / 100 : tolerance * Rms(wanted);
            if (!(off <= limit))
                wrong.Add($"{name}: off by {off:E1}, allowed are {limit:E1}, of {Rms(wanted):E1}; the largest is {largest:E1}");
        }
        Assert.True(wrong.Count == 0, string.Join("\n", wrong));
        Assert.InRange(zeros, 0, theirs.Length / 3);
    }

    [Fact]
    public void An_image_takes_no_memory_of_the_garbage_collectors()
    {
        using var any = Engines.UseAny();
        foreach (var (config, height, width) in Networks)
        {
            using var network = config.Build(1);
            using var engine = NetworkEngine.For(network, height, width, TileKernel.IsBfloat16Supported, training: false)!;
            using var x = new NativeArray<float>(config.InChannels * height * width);
            using var f = new NativeArray<float>(x.Length);
            using var context = new NativeArray<float>(64);
            long label = 1;
            void Compute() => engine.Forward(x.Data, 0.5f, new EngineCondition
                { Labels = new(in label), Context = context.Data, Vector = context.Data }, f.Data);
            Compute();
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 10; i++)
                Compute();
            long taken = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(taken < 1000, $"{config}: {taken} bytes in 10 images");
        }
    }

    [Fact]
    public void New_weights_count_once_they_are_packed()
    {
        using var any = Engines.UseAny();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var network = new UNetConfig().Build(1);
        using var engine = NetworkEngine.For(network, 28, 28, false, false)!;
        var (x, t, labels) = (randn(2, 1, 28, 28), rand(2), zeros(2, 1, dtype: int64));
        var before = NetworkEvaluator.Evaluate(engine, x, t, Condition.OfClasses(labels));
        foreach (var parameter in network.parameters())
            parameter.mul_(1.5);
        engine.Pack();
        TensorAssert.Close(network.call(x, t, Condition.OfClasses(labels)),
            NetworkEvaluator.Evaluate(engine, x, t, Condition.OfClasses(labels)), 1e-5);
        Assert.False(before.allclose(NetworkEvaluator.Evaluate(engine, x, t, Condition.OfClasses(labels)), 1e-2, 1e-2));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(8)]
    public void The_seeds_network_with_several_labels_is_that_of_libtorch(int tokens)
    {
        using var engine = Engines.UseAny();
        using var scope = NewDisposeScope();
        var (ours, theirs) = Both(0, bfloat16: false, tokens);
        TensorAssert.Close(theirs.Output, ours.Output, 1e-5, "output");
        CompareGradients(ours.Gradients, theirs.Gradients, 1e-4);
    }

    private static ((Tensor Output, (string Name, Tensor Gradient)[] Gradients) Ours,
        (Tensor Output, (string Name, Tensor Gradient)[] Gradients) Theirs) Both(int index, bool bfloat16, int tokens = 1)
    {
        int batch = EngineChoice.Current == EngineKind.Plain ? 2 : 3; // the twin is slow
        var (config, height, width) = Networks[index];
        using var network = config.Build(7);
        var parameters = network.named_parameters().Where(named => named.parameter.requires_grad).ToArray();
        using (no_grad())
            foreach (var (_, parameter) in parameters)
                if (parameter.abs().max().item<float>() == 0 || parameter.std().item<float>() == 0)
                    // what starts at 0 or 1 would hide what it is multiplied with
                    parameter.add_(randn_like(parameter), alpha: 0.2);
        using var flat = FlatParameters.Of(network);
        var (x, t) = (randn(batch, config.InChannels, height, width), rand(batch));
        var condition = config is ConditionalUNetConfig context
            ? Condition.OfContext(randn(batch, tokens, context.CrossAttentionDim),
                pooled: context.ProjectionClassEmbeddingsInputDim is { } pooled ? randn(batch, pooled) : null)
            : Condition.OfClasses(randint(10, [batch, tokens], dtype: int64));
        // libtorch in float64, so that what is compared with is exact.
        using var exact = config.Build(7);
        exact.to(float64);
        var exactParameters = exact.named_parameters().Where(named => named.parameter.requires_grad).ToArray();
        using (no_grad())
            foreach (var (a, b) in exactParameters.Zip(parameters))
                a.parameter.copy_(b.parameter);
        var f = exact.call(x.to(float64), t.to(float64),
            condition.Map(tensor => tensor.dtype == float32 ? tensor.to(float64) : tensor));
        var gradient = randn_like(f).to(float32);
        f.backward([gradient.to(float64)]);
        var exactGradients = exactParameters.Select(named => (named.name, named.parameter.grad!.clone())).ToArray();
        var theirs = (f.detach().to(float32), exactGradients);

        using var engine = NetworkEngine.For(network, height, width, bfloat16, training: true, tokens)
            ?? throw new InvalidOperationException("no engine");
        var results = new List<Tensor>();
        for (int i = 0; i < batch; i++)
        {
            results.Add(NetworkEvaluator.Evaluate(engine, x.narrow(0, i, 1), t.narrow(0, i, 1), condition.Rows(i, 1)));
            fixed (float* given = Numbers(gradient.narrow(0, i, 1).clone()))
                engine.Backward(given);
        }
        var made = cat(results);
        engine.TakeGradients();
        return ((made, Gradients()), theirs);

        (string, Tensor)[] Gradients() => [.. parameters.Select(named => (named.name, named.parameter.grad!.clone()))];
        Span<float> Numbers(Tensor tensor) => MemoryMarshal.Cast<byte, float>(tensor.bytes);
    }
}
