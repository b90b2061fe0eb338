using System.Runtime.InteropServices;
using Mezzotint.Engine;
using Mezzotint.Runtime;
using static Mezzotint.Engine.Register;

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
        Compare(random, bfloat16, wide, (shape, arguments) => TileKernel.Of(shape, wide).Run(arguments),
            half: !wide && random.Next(2) > 0);
    }

    [Theory, MemberData(nameof(Seeds))]
    public void Vectors_of_128_bits_compute_any_shape_as_the_twin_does(int seed)
    {
        Assert.SkipUnless(TileVectors.IsSupported, "no vectors of 128 bits here");
        Compare(new Random(seed), false, seed % 2 == 0, TileVectors.Run);
    }

    /// <summary>
    /// That the code is right is not enough: what the caller keeps in registers must be there afterwards. The code of Windows
    /// can be asked on any system, through a few bytes that call it as Windows would.
    /// </summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_kernel_for_Windows_leaves_the_registers_as_they_were_that_Windows_keeps(bool wide)
    {
        Assert.SkipUnless(TileKernel.HasCode && (!wide || TileKernel.IsWide), "no such machine code here");
        var caller = (delegate* unmanaged<WindowsCall*, long>)ExecutableMemory.Copy(CallerOfWindows(wide));
        Compare(new Random(1), false, wide, (shape, arguments) =>
        {
            using var before = new NativeArray<float>(KeptVectors * Lanes.Count);
            using var after = new NativeArray<float>(KeptVectors * Lanes.Count);
            for (int i = 0; i < before.Length; i++)
                before.Data[i] = i + 1;
            var call = new WindowsCall
            {
                Kernel = ExecutableMemory.Copy(TileKernel.Code(shape, wide, CallConvention.Windows)),
                Arguments = &arguments, Before = before.Data, After = after.Data, Rbx = 1, Rsi = 20, Rdi = 300,
            };
            Assert.Equal(321, caller(&call));
            for (int i = 0; i < before.Length; i++)
                if (i % Lanes.Count < 4) // the lower 128 bits
                    Assert.Equal(before.Data[i], after.Data[i]);
        }, places: TileShape.MostPlaces(1, wide));
    }

    private const int FirstKept = 6, KeptVectors = 10; // xmm6 to xmm15

    [StructLayout(LayoutKind.Sequential)]
    private struct WindowsCall
    {
        public void* Kernel;
        public TileArguments* Arguments;
        public float* Before, After;
        public long Rbx, Rsi, Rdi;
    }

    /// <summary>
    /// A function of <see cref="WindowsCall"/> in the convention of this system: loads the registers that Windows keeps, calls,
    /// stores the vectors and returns the sum of the others.
    /// </summary>
    private static byte[] CallerOfWindows(bool wide)
    {
        const int shadow = 40; // 32 bytes, and 8 that align the stack
        Assembler before = new(wide), after = new(wide);
        var argument = CallConvention.Current.Argument;
        before.Enter(CallConvention.Current, 16);
        before.Push(argument);
        before.Add(Rsp, -shadow);
        before.Move(R10, argument);
        before.Load(Rax, R10, 16);
        for (int i = 0; i < KeptVectors; i++)
            before.Load(FirstKept + i, Rax, i * TileKernel.VectorBytes);
        before.Load(R11, R10, 0);
        before.Load(Rcx, R10, 8);
        before.Load(Rbx, R10, 32);
        before.Load(Rsi, R10, 40);
        before.Load(Rdi, R10, 48);
        after.Add(Rsp, shadow);
        after.Pop(Rcx);
        after.Load(Rax, Rcx, 24);
        for (int i = 0; i < KeptVectors; i++)
            after.Store(Rax, i * TileKernel.VectorBytes, FirstKept + i);
        after.Move(Rax, Rbx);
        after.Add(Rax, Rsi);
        after.Add(Rax, Rdi);
        after.Leave(CallConvention.Current, 16);
        return [.. before.ToArray(), 0x41, 0xFF, 0xD3, .. after.ToArray()]; // call r11
    }

    private static void Compare(
        Random random, bool bfloat16, bool wide, Action<TileShape, TileArguments> run, int places = 0, bool half = false)
    {
        int vectors = places > 0 ? 1 : half ? random.Next(3) : random.Next(1, wide ? 5 : 3);
        places = places > 0 ? places : random.Next(1, TileShape.MostPlaces(vectors, wide, half) + 1);
        int terms = random.Next(1, 20), tiles = random.Next(1, 4);
        int outputs = (2 * vectors + (half ? 1 : 0)) * Lanes.Count / 2 * sizeof(float);
        var shape = new TileShape(bfloat16, vectors, terms, (TileStart)random.Next(3))
        {
            Half = half,
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
        run(shape, Arguments(made));
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
