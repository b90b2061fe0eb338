using System.Runtime.InteropServices;

namespace Mezzotint.Engine;

/// <summary>
/// Memory that holds machine code: written first, then made executable and no longer writable. It lasts as long as the process.
/// </summary>
/// <remarks>
/// The code is for x86-64, whose processors see by themselves that code was written: nothing is flushed.
/// </remarks>
internal static unsafe partial class ExecutableMemory
{
    private const int Read = 1, Write = 2, Execute = 4;                     // PROT_*
    private const int PrivateAnonymous = 0x02 | 0x20;                       // MAP_PRIVATE | MAP_ANONYMOUS on Linux
    private const int ReserveAndCommit = 0x2000 | 0x1000;                   // MEM_RESERVE | MEM_COMMIT
    private const int PageReadWrite = 0x04, PageExecuteRead = 0x20;         // PAGE_*

    /// <summary>
    /// A copy of the code that can be called; null where the system refuses memory for it, as hardened ones do, or is none that
    /// is known here.
    /// </summary>
    public static void* Copy(ReadOnlySpan<byte> code)
    {
        nuint length = (nuint)code.Length;
        void* address = Writable(length);
        if (address == null)
            return null;
        code.CopyTo(new Span<byte>(address, code.Length));
        return MakeExecutable(address, length) ? address : null;
    }

    private static void* Writable(nuint length)
    {
        if (OperatingSystem.IsWindows())
            return VirtualAlloc(null, length, ReserveAndCommit, PageReadWrite);
        if (!OperatingSystem.IsLinux())
            return null;
        nint address = Map(0, length, Read | Write, PrivateAnonymous, -1, 0);
        return address == -1 ? null : (void*)address;
    }

    private static bool MakeExecutable(void* address, nuint length) => OperatingSystem.IsWindows()
        ? VirtualProtect(address, length, PageExecuteRead, out _) != 0
        : Protect((nint)address, length, Read | Execute) == 0;

    [LibraryImport("libc", EntryPoint = "mmap"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Protect(nint address, nuint length, int protection);

    [LibraryImport("kernel32"), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial void* VirtualAlloc(void* address, nuint length, int kind, int protection);

    [LibraryImport("kernel32"), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int VirtualProtect(void* address, nuint length, int protection, out int before);
}
