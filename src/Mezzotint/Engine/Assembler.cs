using System.Buffers.Binary;

namespace Mezzotint.Engine;

/// <summary>The registers of x86-64 that are made use of.</summary>
internal enum Register
{
    Rax = 0, Rcx = 1, Rdx = 2, Rbx = 3, Rsp = 4, Rsi = 6, Rdi = 7, R8 = 8, R9 = 9, R10 = 10, R11 = 11,
}

/// <summary>
/// Writes the few instructions of x86-64, with AVX-512 or with AVX2 and FMA, that <see cref="TileKernel"/> is made of.
/// </summary>
/// <remarks>
/// Encodings after Intel, "64 and IA-32 Architectures Software Developer's Manual", volume 2: REX and ModR/M in section 2.1, VEX
/// in 2.3, EVEX in 2.7. Vector
/// registers are told by number: zmm0 to zmm31, or ymm0 to ymm15. An address is a register and a displacement of 32 bits.
/// </remarks>
/// <param name="wide">Whether vectors have 512 bits, or 256.</param>
internal sealed class Assembler(bool wide)
{
    private const int LowerBytes = 16, VectorsOfVex = 16;

    private const int Map0F = 1, Map0F38 = 2, None = 0, P66 = 1, PF3 = 2; // the fields mmm and pp

    private readonly List<byte> _code = [];

    /// <summary>Where the next instruction goes, in bytes.</summary>
    public int Position => _code.Count;

    public byte[] ToArray() => [.. _code];

    /// <summary>
    /// Begins a function that calls no other and raises no exception: puts away what its caller expects to find again. Its frame
    /// is far smaller than a page, so the stack needs no probe, and nothing ever unwinds it.
    /// </summary>
    /// <param name="convention">How it is called.</param>
    /// <param name="vectors">How many vector registers it uses, from the first on.</param>
    public void Enter(CallConvention convention, int vectors)
    {
        foreach (var register in convention.Kept)
            Push(register);
        int kept = KeptVectors(convention, vectors);
        if (kept > 0)
            Add(Register.Rsp, -kept * LowerBytes);
        for (int i = 0; i < kept; i++)
            LowerOnStack(0x11, convention.FirstKeptVector + i, i * LowerBytes);
    }

    /// <summary>Ends what <see cref="Enter"/> began, of the same parameters.</summary>
    public void Leave(CallConvention convention, int vectors)
    {
        ZeroUpper();
        int kept = KeptVectors(convention, vectors);
        for (int i = 0; i < kept; i++)
            LowerOnStack(0x10, convention.FirstKeptVector + i, i * LowerBytes);
        if (kept > 0)
            Add(Register.Rsp, kept * LowerBytes);
        foreach (var register in convention.Kept.Reverse())
            Pop(register);
        Return();
    }

    /// <summary>vector = the float32 at an address (VMOVUPS).</summary>
    public void Load(int vector, Register at, int offset) => VectorMemory(Map0F, None, 0x10, vector, at, offset);

    /// <summary>The float32 at an address = vector.</summary>
    public void Store(Register at, int offset, int vector) => VectorMemory(Map0F, None, 0x11, vector, at, offset);

    /// <summary>Every 32 bits of a vector = those at an address (VBROADCASTSS).</summary>
    public void Broadcast(int vector, Register at, int offset) => VectorMemory(Map0F38, P66, 0x18, vector, at, offset);

    /// <summary>sum += a b of float32 (VFMADD231PS).</summary>
    public void MultiplyAdd(int sum, int a, int b) => Vectors(Map0F38, P66, 0xB8, sum, a, b);

    /// <summary>sum += a_0 b_0 + a_1 b_1 of each pair of bfloat16 (VDPBF16PS; 512 bits alone).</summary>
    public void DotPairs(int sum, int a, int b) => Vectors(Map0F38, PF3, 0x52, sum, a, b);

    /// <summary>vector = 0 (VPXORD, VPXOR).</summary>
    public void Zero(int vector) => Vectors(Map0F, P66, 0xEF, vector, vector, vector);

    /// <summary>Lets code of the older encodings that comes after run at its speed (VZEROUPPER).</summary>
    public void ZeroUpper() => _code.AddRange([0xC5, 0xF8, 0x77]);

    public void Move(Register to, Register from) => Registers(0x8B, to, from);

    public void Move(Register to, long value)
    {
        _code.AddRange([(byte)(0x48 | High(to)), (byte)(0xB8 | Low(to))]);
        Number(value, 8);
    }

    /// <summary>to = the 64 bits at an address.</summary>
    public void Load(Register to, Register at, int offset) => Memory(0x8B, to, at, offset);

    public void Add(Register to, Register from) => Registers(0x03, to, from);

    /// <summary>to += the 64 bits at an address.</summary>
    public void Add(Register to, Register at, int offset) => Memory(0x03, to, at, offset);

    public void Add(Register to, int value)
    {
        _code.AddRange([(byte)(0x48 | High(to)), 0x81, (byte)(0xC0 | Low(to))]);
        Number(value, 4);
    }

    /// <summary>counter -= 1, and on to <paramref name="target"/> until it is 0.</summary>
    public void Loop(Register counter, int target)
    {
        _code.AddRange([(byte)(0x48 | High(counter)), 0xFF, (byte)(0xC8 | Low(counter)), 0x0F, 0x85]);
        Number(target - (Position + 4), 4);
    }

    public void Push(Register register) => _code.Add((byte)(0x50 | (int)register));

    public void Pop(Register register) => _code.Add((byte)(0x58 | (int)register));

    public void Return() => _code.Add(0xC3);

    private void Registers(byte operation, Register to, Register from) =>
        _code.AddRange([(byte)(0x48 | (High(to) << 2) | High(from)), operation, (byte)(0xC0 | (Low(to) << 3) | Low(from))]);

    private void Memory(byte operation, Register to, Register at, int offset)
    {
        _code.AddRange([(byte)(0x48 | (High(to) << 2) | High(at)), operation]);
        Address((int)to, at, offset);
    }

    private void Vectors(int map, int prefix, byte operation, int to, int first, int second)
    {
        Prefix(map, prefix, to, first, second >> 4, second >> 3);
        _code.AddRange([operation, (byte)(0xC0 | ((to & 7) << 3) | (second & 7))]);
    }

    private void VectorMemory(int map, int prefix, byte operation, int to, Register at, int offset)
    {
        Prefix(map, prefix, to, 0, 0, High(at));
        _code.Add(operation);
        Address(to, at, offset);
    }

    /// <summary>The lower 128 bits of a vector, xmm0 to xmm15, from or to the stack (VMOVUPS).</summary>
    private void LowerOnStack(byte operation, int vector, int offset)
    {
        _code.AddRange([0xC5, (byte)((Not(vector >> 3) << 7) | (15 << 3)), operation]);
        Address(vector, Register.Rsp, offset);
    }

    /// <summary>ModR/M, and the byte SIB that rsp takes; displacements of 32 bits are not scaled, as those of 8 are.</summary>
    private void Address(int register, Register at, int offset)
    {
        _code.Add((byte)(0x80 | ((register & 7) << 3) | Low(at)));
        if (at == Register.Rsp)
            _code.Add(0x24);
        Number(offset, 4);
    }

    private static int KeptVectors(CallConvention convention, int vectors) =>
        Math.Max(0, Math.Min(vectors, VectorsOfVex) - convention.FirstKeptVector);

    /// <summary>EVEX or VEX: the high bits of the registers are inverted, nothing is masked.</summary>
    private void Prefix(int map, int prefix, int to, int first, int x, int b) => _code.AddRange(wide
        ? [0x62,
           (byte)((Not(to >> 3) << 7) | (Not(x) << 6) | (Not(b) << 5) | (Not(to >> 4) << 4) | map),
           (byte)(((~first & 15) << 3) | 4 | prefix),
           (byte)(0x40 | (Not(first >> 4) << 3))]
        : [0xC4,
           (byte)((Not(to >> 3) << 7) | (1 << 6) | (Not(b) << 5) | map),
           (byte)(((~first & 15) << 3) | 4 | prefix)]);

    private static int Not(int bit) => ~bit & 1;

    private static int High(Register register) => (int)register >> 3;

    private static int Low(Register register) => (int)register & 7;

    private void Number(long value, int bytes)
    {
        Span<byte> all = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(all, value);
        _code.AddRange(all[..bytes]);
    }
}
