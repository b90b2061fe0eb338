using System.Runtime.InteropServices;

namespace Mezzotint.Runtime;

/// <summary>
/// Memory that native code has freed. The allocator of glibc keeps blocks of less than 32 MB for the next request: after a large
/// network is gone that may be a gigabyte.
/// </summary>
internal static partial class FreedMemory
{
    /// <summary>Gives it back to the system, where the allocator is glibc's. It takes milliseconds, and what is taken again is
    /// paid for again: for rare moments.</summary>
    public static void GiveBack()
    {
        if (!OperatingSystem.IsLinux())
            return;
        try
        {
            _ = Trim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // another C library, as musl
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Trim(nuint kept);
}
