using System.Runtime.InteropServices;

namespace Mezzotint.Engine;

/// <summary>
/// Memory that holds machine code: written first, then made executable and no longer writable. It lasts as long as the process.
/// </summary>
internal static unsafe partial class ExecutableMemory
{
    private const int Read = 1, Write = 2, Execute = 4;     // PROT_*
    private const int PrivateAnonymous = 0x02 | 0x20;       // MAP_PRIVATE | MAP_ANONYMOUS on Linux

    /// <summary>
    /// A copy of the code that can be called; null where the system refuses memory for it, as hardened ones do.
    /// </summary>
    public static void* Copy(ReadOnlySpan<byte> code)
    {
        nint address = Map(0, (nuint)code.Length, Read | Write, PrivateAnonymous, -1, 0);
        if (address == -1)
            return null;
        code.CopyTo(new Span<byte>((void*)address, code.Length));
        return Protect(address, (nuint)code.Length, Read | Execute) == 0 ? (void*)address : null;
    }

    [LibraryImport("libc", EntryPoint = "mmap"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Protect(nint address, nuint length, int protection);
}
