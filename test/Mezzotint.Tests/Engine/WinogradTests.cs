using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Mezzotint.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Engine;

/// <summary>Winograd's convolution is conv2d, to so much rounding, whatever the map's sides, channels, threads and stored
/// weights.</summary>
public unsafe class WinogradTests
{
    // of the largest number: 272 channels have 2e-5, the direct sum of them 1e-6
    private const double Rounding = 4e-5;

    [Theory]
    [InlineData(8, 8, 16, 32)]     // four tiles
    [InlineData(9, 13, 32, 16)]    // tiles that stand over on both sides; blocks of one vector
    [InlineData(64, 1, 16, 32)]    // a column
    [InlineData(3, 30, 48, 48)]    // lower than a tile; blocks of three vectors
    [InlineData(61, 66, 16, 64)]   // several parts of tiles, the last one smaller
    [InlineData(24, 24, 656, 32)]  // weights of several parts of the inputs
    [InlineData(100, 101, 272, 32)] // several groups
    public void It_is_conv2d(int height, int width, int inputs, int outputs)
    {
        foreach (string kind in Engines.Both)
        {
            using var engine = Engines.Use(kind);
            using var scope = NewDisposeScope();
            var (x, weight, bias) = (randn(1, inputs, height, width), randn(outputs, inputs, 3, 3), randn(outputs));
            TensorAssert.Close(nn.functional.conv2d(x, weight, bias, padding: [1, 1]), Run(x, weight, bias, threads: 2),
                Rounding, kind);
        }
    }

    [Theory]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.BFloat16)]
    public void Weights_of_half_the_size_give_what_the_same_numbers_in_float32_give(ScalarType type)
    {
        using var engine = Engines.UseAny();
        using var scope = NewDisposeScope();
        var (x, weight, bias) = (randn(1, 32, 12, 12), randn(32, 32, 3, 3).to(type), randn(32));
        Assert.True(Run(x, weight.to(float32), bias, 1).equal(Run(x, weight, bias, 1)).all().item<bool>());
    }

    [Fact]
    public void Threads_do_not_change_a_bit_of_it()
    {
        using var engine = Engines.UseAny();
        using var scope = NewDisposeScope();
        var (x, weight, bias) = (randn(1, 64, 50, 40), randn(96, 64, 3, 3), randn(96));
        Assert.True(Run(x, weight, bias, 1).equal(Run(x, weight, bias, 3)).all().item<bool>());
    }

    [Fact]
    public void A_map_with_a_wider_border_and_no_bias_is_read_alike()
    {
        using var engine = Engines.UseAny();
        using var scope = NewDisposeScope();
        var (x, weight) = (randn(1, 16, 10, 11), randn(16, 16, 3, 3));
        TensorAssert.Close(nn.functional.conv2d(x, weight, null, padding: [1, 1]), Run(x, weight, null, 2, border: 3), Rounding);
    }

    private static Tensor Run(Tensor x, Tensor weight, Tensor? bias, int threads, int border = 1)
    {
        var (height, width, inputs, outputs) = ((int)x.shape[2], (int)x.shape[3], (int)x.shape[1], (int)weight.shape[0]);
        using var crew = new Crew(threads);
        using var input = new Map(height, width, inputs, border, bfloat16: false);
        using var output = new Map(height, width, outputs, 0, bfloat16: false);
        var scratch = new Scratch();
        using var gather = Convolution.Gather(new(3, 1, 1), input, output, bias is null ? TileStart.Zero : TileStart.Bias,
            new Streaming(crew, count =>
            {
                scratch.Count = count;
                return scratch;
            }));
        Assert.True(gather.IsStreamed);
        Assert.True(scratch.Count > 0, "not by Winograd");
        using var memory = new NativeArray<float>(scratch.Count);
        scratch.Data = memory.Data;
        var places = x.permute(0, 2, 3, 1).contiguous(); // [1, H, W, C]
        Elementwise.Copy((float*)Numbers(places), inputs, input);
        gather.Stream(new(Numbers(weight), weight.dtype), bias is null ? null : (float*)Numbers(bias));
        gather.Run(input, output.Floats);
        return tensor(new Span<float>(output.Floats, height * width * outputs).ToArray(), [1, height, width, outputs])
            .permute(0, 3, 1, 2);
    }

    private static nint Numbers(Tensor tensor) => (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(tensor.bytes));
}
