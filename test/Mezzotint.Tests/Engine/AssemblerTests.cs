using Mezzotint.Engine;
using static Mezzotint.Engine.Register;

namespace Mezzotint.Tests.Engine;

public class AssemblerTests
{
    [Fact]
    public void Its_bytes_are_those_of_the_GNU_assembler()
    {
        // GNU as 2.40 (Debian 12), Intel syntax, each displacement told to take 32 bits: `{disp32} vmovups zmm17, [r9+0x40]` and
        // so on, shown by objdump -d.
        Check(code => code.Load(17, R9, 0x40), "62 c1 7c 48 10 89 40 00 00 00");
        Check(code => code.Load(3, Rdx, -4), "62 f1 7c 48 10 9a fc ff ff ff");
        Check(code => code.Store(Rax, 0x1234, 28), "62 61 7c 48 11 a0 34 12 00 00");
        Check(code => code.Broadcast(30, Rdx, 0x80), "62 62 7d 48 18 b2 80 00 00 00");
        Check(code => code.Broadcast(5, R10, 4), "62 d2 7d 48 18 aa 04 00 00 00");
        Check(code => code.MultiplyAdd(1, 17, 30), "62 92 75 40 b8 ce");
        Check(code => code.MultiplyAdd(24, 8, 9), "62 42 3d 48 b8 c1");
        Check(code => code.DotPairs(2, 29, 31), "62 92 16 40 52 d7");
        Check(code => code.DotPairs(23, 4, 12), "62 c2 5e 48 52 fc");
        Check(code => code.Zero(19), "62 a1 65 40 ef db");
        Check(code => code.Zero(6), "62 f1 4d 48 ef f6");
        Check(code => code.ZeroUpper(), "c5 f8 77");
        Check(code => code.Move(R11, 0x123456789abcdef0), "49 bb f0 de bc 9a 78 56 34 12");
        Check(code => code.Move(Rbx, 9), "48 bb 09 00 00 00 00 00 00 00");
        Check(code => code.Load(R8, Rdi, 8), "4c 8b 87 08 00 00 00");
        Check(code => code.Add(Rdx, R11, 16), "49 03 93 10 00 00 00");
        Check(code => code.Add(R11, 0x12345), "49 81 c3 45 23 01 00");
        Check(code => code.Add(R8, -0x12345), "49 81 c0 bb dc fe ff");
        Check(code => code.Push(Rbx), "53");
        Check(code => code.Pop(Rbx), "5b");
        Check(code => code.Return(), "c3");
        // Between registers the assembler takes the mirrored form (89, 01); these are the other one, of the same meaning: `.byte
        // 0x4d,0x8b,0xd1` disassembles to mov r10, r9.
        Check(code => code.Move(R10, R9), "4d 8b d1");
        Check(code => code.Add(Rax, R9), "49 03 c1");
    }

    [Fact]
    public void A_loop_jumps_back_over_its_own_bytes()
    {
        // `1: dec rcx; jnz 1b` with a jump of 32 bits: 48 ff c9, then 0f 85 and the distance from the end of the jump, -9.
        Check(code => code.Loop(Rcx, 0), "48 ff c9 0f 85 f7 ff ff ff");
    }

    [Fact]
    public void With_vectors_of_256_bits_they_are_so_too()
    {
        Narrow(code => code.Load(9, R9, 0x40), "c4 41 7c 10 89 40 00 00 00");
        Narrow(code => code.Load(3, Rdx, -4), "c4 e1 7c 10 9a fc ff ff ff");
        Narrow(code => code.Store(Rax, 0x1234, 12), "c4 61 7c 11 a0 34 12 00 00");
        Narrow(code => code.Broadcast(14, R10, 0x80), "c4 42 7d 18 b2 80 00 00 00");
        Narrow(code => code.MultiplyAdd(1, 15, 14), "c4 c2 05 b8 ce");
        Narrow(code => code.MultiplyAdd(12, 3, 5), "c4 62 65 b8 e5");
        Narrow(code => code.Zero(9), "c4 41 35 ef c9");

        static void Narrow(Action<Assembler> write, string bytes) => Check(write, bytes, wide: false);
    }

    [Fact]
    public void A_function_keeps_what_its_callers_rely_on_and_no_more()
    {
        Check(code => code.Enter(CallConvention.SystemV, 16), "53");
        Check(code => code.Leave(CallConvention.SystemV, 16), "c5 f8 77 5b c3");
        // push rbx, rsi, rdi; add rsp, -32; xmm6 and xmm7 to [rsp], [rsp+16], displacements of 32 bits; and back.
        Check(code => code.Enter(CallConvention.Windows, 8), "53 56 57 48 81 c4 e0 ff ff ff "
            + "c5 f8 11 b4 24 00 00 00 00 c5 f8 11 bc 24 10 00 00 00");
        Check(code => code.Leave(CallConvention.Windows, 8), "c5 f8 77 "
            + "c5 f8 10 b4 24 00 00 00 00 c5 f8 10 bc 24 10 00 00 00 48 81 c4 20 00 00 00 5f 5e 5b c3");
        Check(code => code.Enter(CallConvention.Windows, 6), "53 56 57");
        string sixteen = Written(code => code.Enter(CallConvention.Windows, 16));
        Assert.EndsWith("c5 78 11 bc 24 90 00 00 00", sixteen, StringComparison.Ordinal); // xmm15
        Assert.Equal(sixteen, Written(code => code.Enter(CallConvention.Windows, 32))); // xmm16 to xmm31 are the function's
    }

    private static void Check(Action<Assembler> write, string bytes, bool wide = true) =>
        Assert.Equal(bytes, Written(write, wide));

    private static string Written(Action<Assembler> write, bool wide = true)
    {
        var code = new Assembler(wide);
        write(code);
        return string.Join(' ', code.ToArray().Select(b => $"{b:x2}"));
    }
}
