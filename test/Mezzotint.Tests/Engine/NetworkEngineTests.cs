using System.Runtime.InteropServices;
using Mezzotint.Engine;
using Mezzotint.Networks;
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
        (new UNetConfig { ChannelMultipliers = [1, 2, 2], AttentionLevels = [1, 2], NumResBlocks = 1, Transformer = new TransformerConfig { NumHeads = 2, NumLayers = 2, ContextDim = 24 } }, 16, 16),
        (new UNetConfig { ChannelMultipliers = [2], NumResBlocks = 3, Transformer = new TransformerConfig { NumHeads = 4 } }, 6, 10),
        (new ResidualUNetConfig { PatchSize = 2, ModelChannels = 48, ResidualBlocks = [1, 2], Unconditional = true, Anchors = [-0.2, 1.4] }, 28, 28),
        (new ResidualUNetConfig { ModelChannels = 32, ChannelMultipliers = [1, 2, 3], ResidualBlocks = [1, 2, 1], AttentionLevels = [1], HeadChannels = 16, InChannels = 3, OutChannels = 3 }, 8, 12),
        (new ResidualUNetConfig { PatchSize = 4, ModelChannels = 16, ChannelMultipliers = [2], ResidualBlocks = [2], InChannels = 2, OutChannels = 2 }, 16, 16),
    ];

    public static TheoryData<int> All => [.. Enumerable.Range(0, Networks.Length)];

    [Theory, MemberData(nameof(All))]
    public void In_float32_output_and_every_gradient_are_those_of_libtorch(int index)
    {
        Assert.SkipUnless(TileKernel.IsSupported, "no engine here: neither AVX-512 nor AVX2, or no memory for code");
        using var scope = NewDisposeScope();
        var (ours, theirs) = Both(index, bfloat16: false);
        TensorAssert.Close(theirs.Output, ours.Output, 1e-5, "output");
        foreach (var (name, wanted, made) in theirs.Gradients.Zip(ours.Gradients, (a, b) => (a.Name, a.Gradient, b.Gradient)))
            Assert.True((wanted - made).abs().max().item<float>() <= 1e-4 * wanted.abs().max().item<float>() + 1e-4,
                $"{name}: off by {(wanted - made).abs().max().item<float>():E1} of {wanted.abs().max().item<float>():E1}");
    }

    [Theory, MemberData(nameof(All))]
    public void In_bfloat16_they_are_so_to_a_few_hundredths(int index)
    {
        Assert.SkipUnless(TileKernel.IsBfloat16Supported, "no bfloat16 here, or no memory for code");
        using var scope = NewDisposeScope();
        var (ours, theirs) = Both(index, bfloat16: true);
        Assert.InRange(((ours.Output - theirs.Output).norm() / theirs.Output.norm()).item<float>(), 1e-5f, 0.03f);
        var (wanted, made) = (Flat(theirs.Gradients), Flat(ours.Gradients));
        Assert.InRange(((wanted - made).norm() / wanted.norm()).item<float>(), 1e-5f, 0.1f);

        Tensor Flat((string, Tensor Gradient)[] gradients) => cat([.. gradients.Select(named => named.Gradient.flatten())]);
    }

    [Fact]
    public void An_image_takes_no_memory_of_the_garbage_collectors()
    {
        Assert.SkipUnless(TileKernel.IsSupported, "no engine here: neither AVX-512 nor AVX2, or no memory for code");
        foreach (var (config, height, width) in Networks)
        {
            using var network = config.Build(1);
            using var engine = NetworkEngine.For(network, height, width, TileKernel.IsBfloat16Supported, training: false)!;
            using var x = new NativeArray<float>(config.InChannels * height * width);
            using var f = new NativeArray<float>(x.Length);
            engine.Forward(x.Data, 0.5f, 1, f.Data);
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 10; i++)
                engine.Forward(x.Data, 0.5f, 1, f.Data);
            long taken = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(taken < 1000, $"{config}: {taken} bytes in 10 images");
        }
    }

    [Fact]
    public void There_is_none_for_shapes_that_are_no_whole_vectors()
    {
        using var narrow = new ResidualUNetConfig { ModelChannels = 24, HeadChannels = 24 }.Build();
        using var heads = new UNetConfig { ChannelMultipliers = [1] }.Build();
        Assert.Null(NetworkEngine.For(narrow, 28, 28, false, false));
        Assert.Null(NetworkEngine.For(heads, 28, 28, false, false));
    }

    [Fact]
    public void New_weights_count_once_they_are_packed()
    {
        Assert.SkipUnless(TileKernel.IsSupported, "no engine here: neither AVX-512 nor AVX2, or no memory for code");
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var network = new UNetConfig().Build(1);
        using var engine = NetworkEngine.For(network, 28, 28, false, false)!;
        var (x, t, labels) = (randn(2, 1, 28, 28), rand(2), zeros(2, 1, dtype: int64));
        var before = NetworkEvaluator.Evaluate(engine, x, t, labels);
        foreach (var parameter in network.parameters())
            parameter.mul_(1.5);
        engine.Pack();
        TensorAssert.Close(network.call(x, t, labels), NetworkEvaluator.Evaluate(engine, x, t, labels), 1e-5);
        Assert.False(before.allclose(NetworkEvaluator.Evaluate(engine, x, t, labels), 1e-2, 1e-2));
    }

    private static ((Tensor Output, (string Name, Tensor Gradient)[] Gradients) Ours, (Tensor Output, (string Name, Tensor Gradient)[] Gradients) Theirs) Both(int index, bool bfloat16)
    {
        const int batch = 3;
        var (config, height, width) = Networks[index];
        using var network = config.Build(7);
        var parameters = network.named_parameters().Where(named => named.parameter.requires_grad).ToArray();
        using (no_grad())
            foreach (var (_, parameter) in parameters)
                if (parameter.abs().max().item<float>() == 0 || parameter.std().item<float>() == 0)
                    parameter.add_(randn_like(parameter), alpha: 0.2); // what starts at 0 or 1 would hide what it is multiplied with
        using var flat = FlatParameters.Of(network);
        var (x, t, labels) = (randn(batch, config.InChannels, height, width), rand(batch), randint(10, [batch, 1], dtype: int64));
        var f = network.call(x, t, labels);
        var gradient = randn_like(f);
        f.backward([gradient]);
        var theirs = (f.detach(), Gradients());

        flat.Gradients.zero_();
        using var engine = NetworkEngine.For(network, height, width, bfloat16, training: true) ?? throw new InvalidOperationException("no engine");
        var made = zeros_like(theirs.Item1);
        long size = made.numel() / batch;
        fixed (float* from = Numbers(x), to = Numbers(made), given = Numbers(gradient))
            for (int i = 0; i < batch; i++)
            {
                engine.Forward(from + i * size, t[i].item<float>(), labels[i, 0].item<long>(), to + i * size);
                engine.Backward(given + i * size);
            }
        engine.TakeGradients();
        return ((made, Gradients()), theirs);

        (string, Tensor)[] Gradients() => [.. parameters.Select(named => (named.name, named.parameter.grad!.clone()))];
        Span<float> Numbers(Tensor tensor) => MemoryMarshal.Cast<byte, float>(tensor.bytes);
    }
}
