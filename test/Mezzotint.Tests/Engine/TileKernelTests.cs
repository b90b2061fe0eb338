using Mezzotint.Engine;
using Mezzotint.Runtime;

namespace Mezzotint.Tests.Engine;

public unsafe class TileKernelTests
{
    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 60)];

    [Theory, MemberData(nameof(Seeds))]
    public void A_kernel_of_any_shape_computes_what_its_twin_does(int seed)
    {
        var random = new Random(seed);
        var (bfloat16, wide) = (seed % 3 == 0, seed % 3 < 2);
        Assert.SkipUnless(
            TileKernel.HasCode && (!bfloat16 || TileKernel.HasBfloat16Code) && (!wide || TileKernel.IsWide),
            $"no machine code of {(bfloat16 ? "bfloat16" : wide ? "AVX-512" : "AVX2")} here: the processor has none, or there is "
            + $"no memory for code");
        int vectors = random.Next(1, wide ? 5 : 3), places = random.Next(1, TileShape.MostPlaces(vectors, wide) + 1),
            terms = random.Next(1, 20), tiles = random.Next(1, 4);
        int outputs = vectors * Lanes.Count * sizeof(float);
        var shape = new TileShape(bfloat16, vectors, terms, (TileStart)random.Next(3))
        {
            Inputs = Offsets(places, 4),
            Outputs = [.. Enumerable.Range(0, places).OrderBy(_ => random.Next()).Select(i => i * outputs)],
            Taps = Offsets(random.Next(1, 10), 4),
            TermStep = random.Next(1, 5) * 4,
            WeightStep = outputs + random.Next(3) * 64,
            InputStep = random.Next(5) * 4,
            OutputStep = places * outputs,
        };
        using var input = Numbers(1000);
        using var weights = Numbers((long)shape.Taps.Length * terms * shape.WeightStep / sizeof(float) + 64);
        using var bias = Numbers(64);
        foreach (ref float number in bias.Span)
            number = (float)random.NextDouble();
        using var made = new NativeArray<float>(tiles * places * outputs / sizeof(float));
        using var wanted = new NativeArray<float>(made.Length);
        for (int i = 0; i < made.Length; i++)
            made.Data[i] = wanted.Data[i] = (float)random.NextDouble();

        TileArguments Arguments(NativeArray<float> output) =>
            new()
            {
                Input = (byte*)input.Data, Weights = (byte*)weights.Data, Output = output.Data, Bias = bias.Data, Tiles = tiles,
            };
        TileKernel.Of(shape, wide).Run(Arguments(made));
        TileTwin.Run(shape, Arguments(wanted));
        for (int i = 0; i < made.Length; i++)
            Assert.Equal(wanted.Data[i], made.Data[i], 1e-4 * (1 + Math.Abs(wanted.Data[i])));

        int[] Offsets(int count, int step) => [.. Enumerable.Range(0, count).Select(_ => random.Next(100) * step)];
        NativeArray<float> Numbers(long count)
        {
            var numbers = new NativeArray<float>(count);
            if (bfloat16)
                foreach (ref uint pair in new Span<uint>(numbers.Data, (int)count))
                    pair = Bfloat16.Round((float)random.NextDouble() - 0.5f) | (
                        (uint)Bfloat16.Round((float)random.NextDouble() - 0.5f) << 16);
            else
                foreach (ref float number in numbers.Span)
                    number = (float)random.NextDouble() - 0.5f;
            return numbers;
        }
    }

    [Fact]
    public void The_same_shape_is_made_once()
    {
        using var engine = Engines.Use(nameof(EngineKind.On));
        TileShape Shape() => new(false, 1, 3, TileStart.Zero) { Inputs = [0], Outputs = [0], Taps = [0, 12] };
        Assert.Same(TileKernel.Of(Shape()), TileKernel.Of(Shape()));
        Assert.NotSame(TileKernel.Of(Shape()), TileKernel.Of(Shape() with { Taps = [0, 16] }));
    }
}
