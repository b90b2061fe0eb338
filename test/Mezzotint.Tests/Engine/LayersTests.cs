using System.Runtime.InteropServices;
using Mezzotint.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Engine;

public unsafe class LayersTests
{
    private static readonly (int Kernel, int Stride, int Padding, int Side, int BigChannels, int SmallChannels)[] Convolutions =
    [
        (3, 1, 1, 28, 32, 32), (3, 1, 1, 7, 64, 128), (3, 1, 1, 5, 48, 16), (3, 2, 1, 14, 64, 48), (2, 2, 0, 14, 48, 96),
        (1, 1, 0, 7, 96, 48), (3, 1, 1, 9, 16, 80), (3, 2, 1, 2, 32, 32), (3, 1, 1, 1, 16, 16),
    ];

    private static readonly (int Queries, int Keys, int Heads, int Width, bool Causal)[] Attentions =
    [
        // blocks have 256 keys
        (49, 49, 8, 16, false), (16, 16, 2, 32, false), (70, 70, 1, 48, false), (1, 1, 3, 16, false), (49, 5, 2, 16, false),
        (20, 20, 2, 16, true), (300, 300, 1, 16, false), (300, 300, 2, 16, true), (7, 600, 2, 32, false), (600, 3, 1, 16, false),
    ];

    /// <summary>The engine, then kernel, stride, padding, the big map's side, its channels, the small map's.</summary>
    public static TheoryData<string, int, int, int, int, int, int> Shapes =>
    [
        .. from kind in Engines.All
           from of in Convolutions
           select (kind, of.Kernel, of.Stride, of.Padding, of.Side, of.BigChannels, of.SmallChannels),
    ];

    /// <summary>The engine, then queries, keys, heads, channels of a head, and whether a query sees no later key.</summary>
    public static TheoryData<string, int, int, int, int, bool> Heads =>
    [
        .. from kind in Engines.All
           from of in Attentions
           select (kind, of.Queries, of.Keys, of.Heads, of.Width, of.Causal),
    ];

    [Theory, MemberData(nameof(Shapes))]
    public void A_convolution_gathers_as_conv2d_and_spreads_as_conv_transpose2d(
        string kind, int kernel, int stride, int pad, int side, int bigChannels, int smallChannels)
    {
        using var engine = Engines.Use(kind);
        using var scope = NewDisposeScope();
        var shape = new ConvolutionShape(kernel, stride, pad);
        var (big, small) = (randn(1, bigChannels, side, side), randn(1, smallChannels, side / stride, side / stride));
        var (weight, gatherBias, spreadBias) =
            (randn(smallChannels, bigChannels, kernel, kernel), randn(smallChannels), randn(bigChannels));
        foreach (bool bfloat16 in TileKernel.IsBfloat16Supported ? new[] { false, true } : [false])
        {
            using Map bigMap = ToMap(big, bfloat16), smallMap = ToMap(small, bfloat16);
            double tolerance = bfloat16 ? 1e-2 : 1e-5;
            using var gather = Convolution.Gather(shape, bigMap, smallMap, TileStart.Bias);
            gather.Pack(Floats(weight), Floats(gatherBias));
            TensorAssert.Close(
                nn.functional.conv2d(big, weight, gatherBias, [stride, stride], [pad, pad]), Run(gather, bigMap, smallMap),
                tolerance, $"gathered, bfloat16 {bfloat16}");

            using var spread = Convolution.Spread(shape, bigMap, smallMap, TileStart.Bias);
            spread.Pack(Floats(weight), Floats(spreadBias));
            TensorAssert.Close(
                nn.functional.conv_transpose2d(
                    small, weight, spreadBias, [stride, stride], [pad, pad],
                    output_padding: [stride + 2 * pad - kernel, stride + 2 * pad - kernel]),
                Run(spread, smallMap, bigMap), tolerance, $"spread, bfloat16 {bfloat16}");
        }
    }

    [Theory]
    [InlineData(3, 2, 1, 302, 32)] // of 51, 51 and 49
    [InlineData(1, 1, 0, 280, 48)]
    public void A_map_larger_than_a_cache_is_made_in_strips_as_conv2d_makes_it(
        int kernel, int stride, int pad, int side, int channels)
    {
        using var engine = Engines.UseAny();
        using var scope = NewDisposeScope();
        var (big, small) = (randn(1, 16, side, side), randn(1, channels, side / stride, side / stride));
        var (weight, bias) = (randn(channels, 16, kernel, kernel), randn(channels));
        using Map bigMap = ToMap(big, false), smallMap = ToMap(small, false);
        using var crew = new Crew(2);
        using var gather = Convolution.Gather(new(kernel, stride, pad), bigMap, smallMap, TileStart.Bias,
            new ConvolutionMemory(_ => throw new InvalidOperationException("It needs no memory of others'."), crew));
        var streamed = Assert.IsType<StreamedConvolution>(gather);
        streamed.Stream(new((nint)Floats(weight), ScalarType.Float32), Floats(bias));
        TensorAssert.Close(nn.functional.conv2d(big, weight, bias, [stride, stride], [pad, pad]),
            Run(gather, bigMap, smallMap), 1e-5);
    }

    [Theory, MemberData(nameof(Shapes))]
    public void Its_weights_gradient_is_autograds_summed_over_images(
        string kind, int kernel, int stride, int pad, int side, int bigChannels, int smallChannels)
    {
        using var engine = Engines.Use(kind);
        using var scope = NewDisposeScope();
        var (big, small) = (randn(2, bigChannels, side, side), randn(2, smallChannels, side / stride, side / stride));
        var weight = randn(smallChannels, bigChannels, kernel, kernel, requires_grad: true);
        nn.functional.conv2d(big, weight, null, [stride, stride], [pad, pad]).backward([small]);
        foreach (bool bfloat16 in TileKernel.IsBfloat16Supported ? new[] { false, true } : [false])
        {
            using Map bigMap = ToMap(big.narrow(0, 0, 1), bfloat16), smallMap = ToMap(small.narrow(0, 0, 1), bfloat16),
                bigMap2 = ToMap(big.narrow(0, 1, 1), bfloat16), smallMap2 = ToMap(small.narrow(0, 1, 1), bfloat16);
            using var gradient = new WeightGradient(new(kernel, stride, pad), bigMap, smallMap, bfloat16);
            gradient.Add(bigMap, smallMap);
            gradient.Add(bigMap2, smallMap2);
            var sum = ones_like(weight); // it is added to what is there
            gradient.Take(Floats(sum));
            TensorAssert.Close(weight.grad!, sum - 1, bfloat16 ? 1e-2 : 1e-5, $"bfloat16 {bfloat16}");
            gradient.Take(Floats(sum));
            TensorAssert.Close(weight.grad!, sum - 1, bfloat16 ? 1e-2 : 1e-5, "taken once");
        }
    }

    [Theory, MemberData(nameof(Heads))]
    public void Attention_is_scaled_dot_product_attention_with_its_gradients(
        string kind, int queries, int keys, int heads, int width, bool causal)
    {
        using var engine = Engines.Use(kind);
        using var scope = NewDisposeScope();
        int channels = heads * width;
        var q = (randn(queries, channels) * 2).requires_grad_();
        var kv = (randn(keys, 2 * channels) * 2).requires_grad_(); // keys and values side by side
        Tensor Parts(Tensor x) => x.view(x.shape[0], heads, width).transpose(0, 1);
        var wanted = nn.functional.scaled_dot_product_attention(Parts(q), Parts(kv.narrow(1, 0, channels).contiguous()),
            Parts(kv.narrow(1, channels, channels).contiguous()), is_casual: causal).transpose(0, 1).reshape(queries, channels);
        var given = randn_like(wanted);
        wanted.backward([given]);

        using var attention = new Attention(
            new(queries, keys, heads, width) { Causal = causal, QueryStride = channels, KeyStride = 2 * channels },
            training: true);
        var (made, qSlopes, kvSlopes) = (zeros_like(wanted), zeros_like(q), zeros_like(kv));
        var (qs, kvs) = (q.detach(), kv.detach());
        float* k = Floats(kvs), dk = Floats(kvSlopes);
        for (int again = 0; again < 2; again++) // nothing is left from the first time
        {
            attention.Forward(Floats(qs), k, k + channels, Floats(made));
            attention.Backward(Floats(qs), k, k + channels, Floats(made), Floats(given), Floats(qSlopes), dk, dk + channels);
        }
        TensorAssert.Close(wanted, made, 1e-5);
        // together, as those of a query of one key are 0
        TensorAssert.Close(cat([q.grad!.flatten(), kv.grad!.flatten()]), cat([qSlopes.flatten(), kvSlopes.flatten()]), 1e-5);
    }

    [Theory]
    [InlineData(600, 600, 8, 40, 1)] // Stable Diffusion's: not whole vectors
    [InlineData(600, 600, 8, 40, 2)]
    [InlineData(100, 77, 2, 40, 2)]  // a block of keys alone
    [InlineData(300, 300, 4, 24, 1)]
    [InlineData(300, 300, 4, 8, 1)]
    [InlineData(300, 300, 4, 20, 1)] // not halves of vectors
    [InlineData(97, 513, 2, 80, 2)]
    [InlineData(300, 300, 1, 160, 1)]
    public void Attention_without_gradients_reads_and_writes_heads_of_any_width_where_they_are(
        int queries, int keys, int heads, int width, int threads)
    {
        using var engine = Engines.UseAny();
        using var scope = NewDisposeScope();
        int channels = heads * width;
        var (q, kv) = (randn(queries, channels) * 2, randn(keys, 2 * channels) * 2);
        Tensor Parts(Tensor x) => x.view(x.shape[0], heads, width).transpose(0, 1);
        var wanted = nn.functional.scaled_dot_product_attention(Parts(q), Parts(kv.narrow(1, 0, channels).contiguous()),
            Parts(kv.narrow(1, channels, channels).contiguous())).transpose(0, 1).reshape(queries, channels);
        using var crew = new Crew(threads);
        using var attention = new Attention(
            new(queries, keys, heads, PackedWeights.Padded(width))
            {
                Terms = width, HeadStep = width, Scale = (float)(1 / Math.Sqrt(width)),
                QueryStride = channels, KeyStride = 2 * channels, OutputStride = channels + 1,
            },
            training: false, crew);
        var made = full(queries + 1, channels + 1, 7f); // a number beside each query, which stays
        using var kept = new NativeArray<float>(kv.numel()); // the last head's vectors are read past its end
        kv.data<float>().CopyTo(kept.Span);
        for (int again = 0; again < 2; again++)
            attention.Forward(Floats(q), kept.Data, kept.Data + channels, Floats(made));
        TensorAssert.Close(wanted, made.narrow(0, 0, queries).narrow(1, 0, channels), 1e-5);
        Assert.True((made.narrow(1, channels, 1) == 7).all().item<bool>());
        Assert.True((made.narrow(0, queries, 1) == 7).all().item<bool>());
    }

    [Fact]
    public void A_group_normalisation_far_from_zero_keeps_its_digits()
    {
        using var scope = NewDisposeScope();
        using var norm = new GroupNormalisation(32, 8);
        var x = randn(1, 32, 6, 6) * 0.01 + 1000; // the square of the mean is 10^10 times the variance
        var (gamma, beta) = (randn(32), randn(32));
        using var map = ToMap(x, false, border: 0);
        using var made = new Map(6, 6, 32, 0, false);
        norm.Measure(map.Floats, 36, Floats(gamma), Floats(beta), null, null, Crew.Alone);
        norm.Affine(map.Floats, made);
        // x itself has 3e-5 of its digits left: 6e-5 / 0.01
        TensorAssert.Close(nn.functional.group_norm(x.to(float64), 4, gamma.to(float64), beta.to(float64)), FromMap(made), 2e-2);
    }

    private static Tensor Run(Convolution convolution, Map from, Map to)
    {
        using var output = new Map(to.Height, to.Width, to.Channels, 0, false);
        convolution.Run(from, output.Floats);
        return FromMap(output);
    }

    private static float* Floats(Tensor tensor) =>
        (float*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref MemoryMarshal.GetReference(tensor.bytes));

    /// <summary>[1, C, H, W] as a map.</summary>
    private static Map ToMap(Tensor x, bool bfloat16, int border = 1)
    {
        var map = new Map((int)x.shape[2], (int)x.shape[3], (int)x.shape[1], border, bfloat16);
        var places = x.permute(0, 2, 3, 1).contiguous(); // [1, H, W, C]
        Elementwise.Copy(Floats(places), map.Channels, map);
        return map;
    }

    private static Tensor FromMap(Map map) =>
        tensor(new Span<float>(map.Floats, map.Places * map.Channels).ToArray(), [1, map.Height, map.Width, map.Channels])
            .permute(0, 3, 1, 2);
}
