using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Mezzotint.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Engine;

/// <summary>Winograd's convolution is conv2d, to so much rounding, whatever the map's sides, channels, threads and stored
/// weights; its gradients are autograd's.</summary>
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

    /// <summary>The map is never whole: a step makes each of its rows once, when it is read.</summary>
    [Theory]
    [InlineData(150, 90, 272, 16, 1)]
    [InlineData(101, 133, 272, 32, 2)] // groups that begin in the midst of a row of tiles, and end in the other image
    [InlineData(300, 301, 64, 16, 2)]
    [InlineData(65, 200, 512, 16, 2)]
    public void Rows_that_are_made_as_they_are_read_change_no_bit_of_it(
        int height, int width, int inputs, int outputs, int images)
    {
        using var engine = Engines.UseAny();
        using var scope = NewDisposeScope();
        var (weight, bias) = (randn(outputs, inputs, 3, 3), randn(outputs));
        Tensor[] x = [.. Enumerable.Range(0, images).Select(_ => randn(1, inputs, height, width))];
        var whole = x.Select(image => Run(image, weight, bias, 2)).ToArray();
        var made = RunByRows(x, weight, bias);
        foreach (var (wanted, got) in whole.Zip(made))
            TensorAssert.Same(wanted, got);
    }

    /// <summary>Copies rows of a plain map, and counts them.</summary>
    private sealed class Rows(EngineValue x, EngineValue y) : EngineStep(y, x)
    {
        public int Made;

        public override void Forward() => Made = 0;

        public override void Backward() => throw new NotSupportedException();

        public override void MakeRows(Map rows, long first)
        {
            Interlocked.Add(ref Made, rows.Height);
            Elementwise.Copy(From(0, first), Output.Channels, rows);
        }
    }

    private static Tensor[] RunByRows(Tensor[] images, Tensor weight, Tensor bias)
    {
        var (height, width) = ((int)images[0].shape[2], (int)images[0].shape[3]);
        int inputs = (int)weight.shape[1], outputs = (int)weight.shape[0];
        var shape = new ConvolutionShape(3, 1, 1);
        var (layout, made) = (ChannelLayout.Padded(inputs), new EngineValue(height, width, ChannelLayout.Padded(outputs)));
        int rows = StreamedWinograd.RowsAtOnce(shape, new(height, width, layout), made);
        Assert.InRange(rows, 6, height - 1);
        using var crew = new Crew(2);
        using var memory = new NativeArray<float>(images.Length * (long)height * width * (inputs + outputs)
            + images.Length * (long)rows * width * inputs);
        float* free = memory.Data;
        float* Taken(long count) => (free += count) - count;
        var (inputMaps, outputMaps, steps) = (new List<Map>(), new List<Map>(), new List<Rows>());
        foreach (var image in images)
        {
            float* numbers = Taken((long)height * width * inputs);
            var x = new EngineValue(height, width, layout) { Plain = new Map(numbers, height, width, layout) };
            image.permute(0, 2, 3, 1).contiguous().data<float>().ToArray().CopyTo(new Span<float>(numbers, x.Places * inputs));
            steps.Add(new Rows(x, new EngineValue(height, width, layout)));
            var ring = new RowRing(steps[^1], width, layout, rows) { Data = Taken((long)rows * width * inputs) };
            inputMaps.Add(new Map(ring, height, width, layout, border: 1));
            outputMaps.Add(new Map(Taken((long)height * width * outputs), height, width, made.Layout));
        }
        var scratch = new Scratch();
        using var gather = Convolution.Gather(shape, inputMaps[0], outputMaps[0], TileStart.Bias, new ConvolutionMemory(count =>
        {
            scratch.Count = count;
            return scratch;
        }, crew));
        using var shared = new NativeArray<float>(scratch.Count);
        scratch.Data = shared.Data;
        Assert.IsType<StreamedConvolution>(gather).Stream(new(Numbers(weight), weight.dtype), (float*)Numbers(bias));
        for (int times = 0; times < 2; times++) // the second image in the same memory
        {
            steps.ForEach(step => step.Forward());
            if (images.Length == 1)
                gather.Run(inputMaps[0], outputMaps[0].Floats);
            else
                gather.Run(inputMaps[0], outputMaps[0].Floats, inputMaps[1], outputMaps[1].Floats);
            Assert.All(steps, step => Assert.Equal(height, step.Made));
        }
        return [.. outputMaps.Select(map => tensor(
            new Span<float>(map.Floats, height * width * outputs).ToArray(), [1, height, width, outputs]).permute(0, 3, 1, 2))];
    }

    [Fact]
    public void A_map_with_a_wider_border_and_no_bias_is_read_alike()
    {
        using var engine = Engines.UseAny();
        using var scope = NewDisposeScope();
        var (x, weight) = (randn(1, 16, 10, 11), randn(16, 16, 3, 3));
        TensorAssert.Close(nn.functional.conv2d(x, weight, null, padding: [1, 1]), Run(x, weight, null, 2, border: 3), Rounding);
    }

    [Theory]
    [InlineData(12, 12, 16, 32)]
    [InlineData(13, 18, 48, 16)] // tiles that stand over on both sides
    [InlineData(41, 37, 32, 96)] // several parts of tiles, the last one smaller; blocks of three vectors
    public void On_one_thread_it_is_conv2d_and_its_transpose(int height, int width, int bigChannels, int smallChannels)
    {
        foreach (string kind in Engines.All)
        {
            using var engine = Engines.Use(kind);
            using var scope = NewDisposeScope();
            var shape = new ConvolutionShape(3, 1, 1);
            var (big, small) = (randn(1, bigChannels, height, width), randn(1, smallChannels, height, width));
            var (weight, bias) = (randn(smallChannels, bigChannels, 3, 3), randn(smallChannels));
            using Map bigMap = ToMap(big), smallMap = ToMap(small);
            var memory = new Memory();

            using var gather = Convolution.Gather(shape, bigMap, smallMap, TileStart.Bias, memory.Convolutions);
            using var spread = Convolution.Spread(shape, bigMap, smallMap, TileStart.Output, memory.Convolutions);
            using var given = memory.Give();
            gather.Pack((float*)Numbers(weight), (float*)Numbers(bias));
            spread.Pack((float*)Numbers(weight));
            TensorAssert.Close(nn.functional.conv2d(big, weight, bias, padding: [1, 1]),
                Run(gather, bigMap, zeros_like(small)), Rounding, kind);
            TensorAssert.Close(nn.functional.conv_transpose2d(small, weight, padding: [1, 1]) + big,
                Run(spread, smallMap, big), Rounding, $"{kind}, added to what is there");
        }
    }

    [Theory]
    [InlineData(12, 16, 32, 1)]  // nine tiles, of up to seven images together
    [InlineData(13, 32, 16, 10)] // sums of four images, four and two
    [InlineData(33, 16, 48, 2)]
    public void The_gradient_of_its_weights_is_autograds_summed_over_images(
        int side, int bigChannels, int smallChannels, int images)
    {
        foreach (string kind in Engines.All)
        {
            using var engine = Engines.Use(kind);
            using var scope = NewDisposeScope();
            var shape = new ConvolutionShape(3, 1, 1);
            var (big, small) = (randn(images, bigChannels, side, side), randn(images, smallChannels, side, side));
            var weight = randn(smallChannels, bigChannels, 3, 3, requires_grad: true);
            nn.functional.conv2d(big, weight, null, padding: [1, 1]).backward([small]);
            using Map first = ToMap(big.narrow(0, 0, 1)), made = ToMap(small.narrow(0, 0, 1));
            var patches = new WinogradPatches(first);
            var memory = new Memory();
            using var gather = Convolution.Gather(
                shape, first, made, TileStart.Zero, memory.Convolutions with { Patches = patches });
            using var given = memory.Give();
            gather.Pack((float*)Numbers(weight));
            Assert.IsType<PackedWinograd>(gather);
            using var gradient = new WinogradGradient(patches, made);
            for (int round = 0; round < 2; round++)
            {
                for (int i = 0; i < images; i++)
                {
                    using Map bigMap = ToMap(big.narrow(0, i, 1)), smallMap = ToMap(small.narrow(0, i, 1));
                    Run(gather, bigMap, zeros_like(small.narrow(0, 0, 1)));
                    gradient.Add(bigMap, smallMap);
                }
                var sum = ones_like(weight); // it is added to what is there
                gradient.Take((float*)Numbers(sum));
                TensorAssert.Close(weight.grad!, sum - 1, Rounding, $"{kind}, round {round}");
            }
        }
    }

    /// <summary>Memory of convolutions that take turns.</summary>
    private sealed class Memory
    {
        private readonly Scratch _scratch = new();

        public ConvolutionMemory Convolutions => new(count =>
        {
            _scratch.Count = Math.Max(_scratch.Count, count);
            return _scratch;
        });

        public NativeArray<float> Give()
        {
            var memory = new NativeArray<float>(_scratch.Count);
            _scratch.Data = memory.Data;
            return memory;
        }
    }

    private static Map ToMap(Tensor x)
    {
        var map = new Map((int)x.shape[2], (int)x.shape[3], (int)x.shape[1], 1, bfloat16: false);
        Elementwise.Copy((float*)Numbers(x.permute(0, 2, 3, 1).contiguous()), map.Channels, map);
        return map;
    }

    /// <summary>What a convolution makes of a map, where something else is.</summary>
    private static Tensor Run(Convolution convolution, Map input, Tensor there)
    {
        var places = there.permute(0, 2, 3, 1).contiguous().clone();
        convolution.Run(input, (float*)Numbers(places));
        return places.permute(0, 3, 1, 2);
    }

    private static Tensor Run(Tensor x, Tensor weight, Tensor? bias, int threads, int border = 1)
    {
        var (height, width, inputs, outputs) = ((int)x.shape[2], (int)x.shape[3], (int)x.shape[1], (int)weight.shape[0]);
        using var crew = new Crew(threads);
        using var input = new Map(height, width, inputs, border, bfloat16: false);
        using var output = new Map(height, width, outputs, 0, bfloat16: false);
        var scratch = new Scratch();
        using var gather = Convolution.Gather(new(3, 1, 1), input, output, bias is null ? TileStart.Zero : TileStart.Bias,
            new ConvolutionMemory(count =>
            {
                scratch.Count = count;
                return scratch;
            }, crew));
        var streamed = Assert.IsType<StreamedConvolution>(gather);
        Assert.True(scratch.Count > 0, "not by Winograd");
        using var memory = new NativeArray<float>(scratch.Count);
        scratch.Data = memory.Data;
        var places = x.permute(0, 2, 3, 1).contiguous(); // [1, H, W, C]
        Elementwise.Copy((float*)Numbers(places), inputs, input);
        streamed.Stream(new(Numbers(weight), weight.dtype), bias is null ? null : (float*)Numbers(bias));
        gather.Run(input, output.Floats);
        return tensor(new Span<float>(output.Floats, height * width * outputs).ToArray(), [1, height, width, outputs])
            .permute(0, 3, 1, 2);
    }

    private static nint Numbers(Tensor tensor) => (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(tensor.bytes));
}
