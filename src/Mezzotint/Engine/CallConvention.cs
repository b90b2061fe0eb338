namespace Mezzotint.Engine;

/// <summary>
/// What those who call machine code of x86-64 rely on: where they give a function's first argument, and what they find
/// unchanged when it returns.
/// </summary>
/// <param name="Argument">The register of the first argument.</param>
/// <param name="Kept">General registers that a function leaves as they were, of those that the assembler knows.</param>
/// <param name="FirstKeptVector">
/// The first of the vector registers, up to xmm15, whose lower 128 bits are left as they were; 16 for none.
/// </param>
internal sealed record CallConvention(Register Argument, Register[] Kept, int FirstKeptVector)
{
    /// <summary>Linux and macOS: "System V Application Binary Interface, AMD64 Architecture Processor Supplement", 3.2.</summary>
    public static CallConvention SystemV { get; } = new(Register.Rdi, [Register.Rbx], 16);

    /// <summary>Windows: Microsoft, "x64 calling convention".</summary>
    public static CallConvention Windows { get; } = new(Register.Rcx, [Register.Rbx, Register.Rsi, Register.Rdi], 6);

    /// <summary>That of the system that this process runs on.</summary>
    public static CallConvention Current { get; } = OperatingSystem.IsWindows() ? Windows : SystemV;
}
