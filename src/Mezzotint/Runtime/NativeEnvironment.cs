using System.Runtime.InteropServices;

namespace Mezzotint.Runtime;

/// <summary>Variables of the environment for native libraries, whose <c>getenv</c> does not see what .NET sets.</summary>
internal static class NativeEnvironment
{
    /// <summary>Sets a variable, unless the user has.</summary>
    public static void Set(string name, string value)
    {
        if (!OperatingSystem.IsWindows())
            _ = SetVariable(name, value, overwrite: 0);
    }

    [DllImport("libc", EntryPoint = "setenv"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetVariable(
        [MarshalAs(UnmanagedType.LPUTF8Str)] string name, [MarshalAs(UnmanagedType.LPUTF8Str)] string value, int overwrite);
}
