using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Mezzotint.Engine;

/// <summary>What a tile begins with.</summary>
internal enum TileStart
{
    Zero,
    Bias,
    Output,
}

/// <summary>Where a <see cref="TileKernel"/> finds and leaves its numbers.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct TileArguments
{
    public byte* Input;
    public byte* Weights;
    public float* Output;

    /// <summary>Where tiles begin with <see cref="TileStart.Bias"/>: 16 float32 a vector.</summary>
    public float* Bias;

    /// <summary>How many tiles, one after the other: 1 or more.</summary>
    public long Tiles;
}

/// <summary>
/// One tile of a matrix product: out[p, o] = start + sum over taps t and terms c of in[at(p) + tap(t) + c] w[t, c, o], for a few
/// places p and 16 to 64 outputs o.
/// Convolutions, linear layers and their gradients are all made of it: they differ in where their places, taps and terms are.
/// </summary>
/// <param name="Bfloat16">
/// Whether a term is two numbers of bfloat16, side by side in inputs and weights, or one of float32: 32 bits either way.
/// </param>
/// <param name="Vectors">Outputs of a tile, in 16.</param>
/// <param name="Terms">Terms of a tap.</param>
/// <param name="Start">What a tile begins with.</param>
internal sealed record TileShape(bool Bfloat16, int Vectors, int Terms, TileStart Start)
{
    /// <summary>From a term's input to the next one's, in bytes.</summary>
    public int TermStep { get; init; } = sizeof(float);

    /// <summary>From a term's weights to the next one's, those of the next tap included, in bytes.</summary>
    public int WeightStep { get; init; } = Vectors * TileKernel.VectorBytes;

    /// <summary>From a tile's input to the next one's, in bytes.</summary>
    public int InputStep { get; init; }

    /// <summary>Likewise of the outputs.</summary>
    public int OutputStep { get; init; }

    /// <summary>Where each place's input is, in bytes.</summary>
    public required int[] Inputs { get; init; }

    /// <summary>Where each place's outputs go, in bytes.</summary>
    public required int[] Outputs { get; init; }

    /// <summary>Where each tap is, in bytes; the weights follow each other in this order.</summary>
    public required int[] Taps { get; init; }

    /// <summary>Whether half a vector of outputs follows, 8 more: code of 256 bits alone has that.</summary>
    public bool Half { get; init; }

    /// <summary>How many outputs a tile has.</summary>
    public int Width => Vectors * Lanes.Count + (Half ? Lanes.Count / 2 : 0);

    /// <summary>
    /// Most places that a tile of so many vectors has registers for: one for each vector of outputs, one for each of weights, one
    /// for the input.
    /// </summary>
    public static int MostPlaces(int vectors) => MostPlaces(vectors, TileKernel.IsWide);

    /// <inheritdoc cref="MostPlaces(int)"/>
    public static int MostPlaces(int vectors, bool wide, bool half = false)
    {
        var (registers, own) = wide ? (32, vectors) : (16, 2 * vectors + (half ? 1 : 0));
        return (registers - 1 - own) / own;
    }

    /// <summary>What makes one shape another.</summary>
    public string Key => $"{Bfloat16} {Vectors} {Half} {Terms} {TermStep} {WeightStep} {InputStep} {OutputStep} {Start} "
        + $"{string.Join(',', Inputs)} {string.Join(',', Outputs)} {string.Join(',', Taps)}";
}

/// <summary>A <see cref="TileShape"/> as machine code, made where it is first asked for.</summary>
/// <remarks>
/// .NET 10 has no intrinsics for the bfloat16 of AVX-512, and a convolution whose offsets are part of its code computes no
/// addresses. So the code is our own, as that of oneDNN and others. Each weight is read once a tile, each input once a tap and
/// channel, all sums stay in registers.
/// Where there can be no such code, <see cref="TileVectors"/> does the same; <see cref="TileTwin"/> does it in plain C#.
/// </remarks>
internal sealed unsafe class TileKernel
{
    /// <summary>16 float32: a vector of AVX-512, or two of AVX2.</summary>
    public const int VectorBytes = 64;

    private const int MostUnrolled = 8, Floats = 8; // of a vector of 256 bits

    private static readonly ConcurrentDictionary<string, TileKernel> Made = new();

    private readonly delegate* unmanaged<TileArguments*, void> _code;

    private readonly TileShape _shape;
    private readonly bool _plain;

    /// <summary>Without code.</summary>
    private TileKernel(TileShape shape, bool plain) => (_shape, _plain) = (shape, plain);

    private TileKernel(TileShape shape, bool wide, CallConvention convention)
        : this(shape, plain: shape.Bfloat16) =>
        _code = (delegate* unmanaged<TileArguments*, void>)ExecutableMemory.Copy(Code(shape, wide, convention));

    /// <summary>Whether vectors have 512 bits here, or 256.</summary>
    public static bool IsWide { get; } = Avx512F.IsSupported;

    /// <summary>
    /// Whether tiles are computed in float32 here: as code, on ARM by vectors, or as <see cref="EngineChoice"/> asks for.
    /// </summary>
    public static bool IsSupported => EngineChoice.Current switch
    {
        EngineKind.Off => false,
        EngineKind.Plain => true,
        EngineKind.Vectors => TileVectors.IsSupported,
        _ => HasCode || TileVectors.IsWorthwhile,
    };

    /// <summary>Whether they are in bfloat16.</summary>
    public static bool IsBfloat16Supported =>
        EngineChoice.Current switch { EngineKind.Plain => true, EngineKind.On => HasBfloat16Code, _ => false };

    /// <summary>Whether they are where nobody says which.</summary>
    public static bool IsBfloat16Preferred => EngineChoice.Current == EngineKind.Plain || IsBfloat16Faster;

    /// <summary>Whether they are computed as code.</summary>
    public static bool IsCode => EngineChoice.Current == EngineKind.On && HasCode;

    /// <summary>Whether this processor and system run such code with float32.</summary>
    public static bool HasCode { get; } = X86Base.X64.IsSupported && (IsWide || (Avx2.IsSupported && Fma.IsSupported))
        && ExecutableMemory.Copy([0xC3]) != null;

    /// <summary>Whether they do with bfloat16.</summary>
    public static bool HasBfloat16Code { get; } =
        HasCode && IsWide && X86Base.CpuId(0, 0).Eax >= 7 && (X86Base.CpuId(7, 1).Eax & (1 << 5)) != 0; // AVX512_BF16

    /// <summary>
    /// Whether the code with bfloat16 is the faster one. It is on AMD's processors, which multiply pairs of bfloat16 as often a
    /// cycle as single numbers. Intel's do that half as often without AMX, and rounding and pairing then cost more than is won:
    /// on a Xeon of family 6, model 207, a training step took 1.6 times as long as with float32 (bench/results, 2026-11-30,
    /// colour). The maker decides and not a measurement, so that a run computes the same wherever it is repeated.
    /// </summary>
    public static bool IsBfloat16Faster { get; } = HasBfloat16Code && IsByAmd();

    private static bool IsByAmd()
    {
        var (_, first, third, second) = X86Base.CpuId(0, 0); // the maker's name: "Auth" "enti" "cAMD"
        return (first, second, third) == (0x68747541, 0x69746E65, 0x444D4163);
    }

    /// <summary>The kernel of a shape.</summary>
    public static TileKernel Of(TileShape shape) =>
        IsCode ? Of(shape, IsWide) : new TileKernel(shape, plain: EngineChoice.Current == EngineKind.Plain);

    /// <summary>Its code with vectors of 512 bits, or of 256, which every processor with the former runs as well.</summary>
    public static TileKernel Of(TileShape shape, bool wide) =>
        Made.GetOrAdd($"{wide} {shape.Key}", _ => new TileKernel(shape, wide, CallConvention.Current));

    /// <summary>Computes.</summary>
    public void Run(TileArguments arguments)
    {
        if (_code is not null)
            _code(&arguments);
        else if (_plain)
            TileTwin.Run(_shape, arguments);
        else
            TileVectors.Run(_shape, arguments);
    }

    /// <summary>A function of the address of <see cref="TileArguments"/>.</summary>
    internal static byte[] Code(TileShape shape, bool wide, CallConvention convention)
    {
        var code = new Assembler(wide);
        var (input, weights, output, bias, tiles) = (Register.R8, Register.R9, Register.Rax, Register.Rsi, Register.Rcx);
        var (at, weight, tap, tapsLeft, termsLeft) = (Register.Rdx, Register.R10, Register.R11, Register.Rbx, Register.Rdi);
        int places = shape.Inputs.Length, vectors = wide ? shape.Vectors : shape.Width / Floats;
        int bytes = wide ? VectorBytes : VectorBytes / 2;
        int unrolled = Enumerable.Range(1, MostUnrolled).Last(n => shape.Terms % n == 0);
        int Sum(int place, int vector) => place * vectors + vector;
        int first = places * vectors, broadcast = first + vectors;

        code.Enter(convention, broadcast + 1);
        code.Load(input, convention.Argument, 0);
        code.Load(weights, convention.Argument, 8);
        code.Load(output, convention.Argument, 16);
        code.Load(bias, convention.Argument, 24);
        code.Load(tiles, convention.Argument, 32); // the last: it may be the argument's register
        int nextTile = code.Position;
        for (int place = 0; place < places; place++)
            for (int vector = 0; vector < vectors; vector++)
                if (shape.Start == TileStart.Zero)
                    code.Zero(Sum(place, vector));
                else if (shape.Start == TileStart.Bias)
                    code.Load(Sum(place, vector), bias, vector * bytes);
                else
                    code.Load(Sum(place, vector), output, shape.Outputs[place] + vector * bytes);

        code.Move(weight, weights);
        code.Move(tap, Table(shape.Taps));
        code.Move(tapsLeft, shape.Taps.Length);
        int nextTap = code.Position;
        code.Move(at, input);
        code.Add(at, tap, 0);
        code.Add(tap, sizeof(long));
        code.Move(termsLeft, shape.Terms / unrolled);
        int nextTerms = code.Position;
        for (int term = 0; term < unrolled; term++)
        {
            for (int vector = 0; vector < vectors; vector++)
                code.Load(first + vector, weight, term * shape.WeightStep + vector * bytes);
            for (int place = 0; place < places; place++)
            {
                code.Broadcast(broadcast, at, shape.Inputs[place] + term * shape.TermStep);
                for (int vector = 0; vector < vectors; vector++)
                    if (shape.Bfloat16)
                        code.DotPairs(Sum(place, vector), first + vector, broadcast);
                    else
                        code.MultiplyAdd(Sum(place, vector), first + vector, broadcast);
            }
        }
        code.Add(at, unrolled * shape.TermStep);
        code.Add(weight, unrolled * shape.WeightStep);
        code.Loop(termsLeft, nextTerms);
        code.Loop(tapsLeft, nextTap);

        for (int place = 0; place < places; place++)
            for (int vector = 0; vector < vectors; vector++)
                code.Store(output, shape.Outputs[place] + vector * bytes, Sum(place, vector));
        code.Add(input, shape.InputStep);
        code.Add(output, shape.OutputStep);
        code.Loop(tiles, nextTile);
        code.Leave(convention, broadcast + 1);
        return code.ToArray();
    }

    private static long Table(int[] offsets)
    {
        long* table = (long*)NativeMemory.Alloc((nuint)offsets.Length, sizeof(long)); // lasts as long as the code
        for (int i = 0; i < offsets.Length; i++)
            table[i] = offsets[i];
        return (long)table;
    }
}
