using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;

namespace Mezzotint.Runtime;

/// <summary>
/// Loads the native libtorch so that TorchSharp finds it, on every Linux that .NET runs on.
/// </summary>
/// <remarks>
/// TorchSharp's Linux shim asks libstdc++ for version GLIBCXX_3.4.32, which Debian 12, Ubuntu 22.04 and RHEL 9 lack, though
/// nothing ever calls the one symbol behind it. Where the shim does not load as it is, a copy of it with that need marked weak
/// is kept in <see cref="CacheFolder"/> and loaded instead. libtorch's own libraries are loaded before it by full path, so that
/// no other libtorch on the machine can be picked. TorchSharp, which consults the output folder first and fails, then finds the
/// loaded copy by its name. The files of the package are never changed.
/// <para>
/// This happens by itself as soon as TorchSharp's assembly is loaded in a program that has touched anything of Mezzotint.
/// A program that calls TorchSharp before that calls <see cref="Load"/> first.
/// </para>
/// </remarks>
public static class Libtorch
{
    private const string Shim = "libLibTorchSharp.so";
    private const string MissingVersion = "GLIBCXX_3.4.32";

    /// <summary>In the order in which they need each other; those of CUDA are there in a CUDA build only.</summary>
    private static readonly string[] Libraries =
        ["libc10.so", "libc10_cuda.so", "libtorch_cpu.so", "libtorch_cuda.so", "libtorch.so"];

    private static readonly Lazy<string> Loaded = new(LoadAndRemember);

    /// <summary>
    /// Loads libtorch if it is not loaded yet; safe to call from any thread, any number of times.
    /// </summary>
    /// <returns>The folder or file that was loaded, for people to read.</returns>
    /// <exception cref="MezzotintException">No libtorch is to be found, or it does not load; the message says what to
    /// do.</exception>
    public static string Load() => Loaded.Value;

    /// <summary>Why it does not load; null where it has loaded, or nobody has needed it yet.</summary>
    public static string? Problem { get; private set; }

    /// <summary>Where the native libraries are, or null where none are found (or the system is not Linux).</summary>
    public static string? Folder => SearchFolders().FirstOrDefault(folder => File.Exists(Path.Combine(folder, Shim)));

    [ModuleInitializer]
    [System.Diagnostics.CodeAnalysis.SuppressMessage(
        "Usage", "CA2255", Justification = "Loading must happen unasked, before TorchSharp's first call.")]
    internal static void LoadWithTorchSharp()
    {
        if (OperatingSystem.IsWindows())
            LeaveControlCAlone();
        if (!OperatingSystem.IsLinux())
            return;
        AppDomain.CurrentDomain.AssemblyLoad += (_, loaded) => LoadFor(loaded.LoadedAssembly);
        foreach (var assembly in AppDomain.CurrentDomain.GetAssemblies())
            LoadFor(assembly);
    }

    private static void LoadFor(Assembly assembly)
    {
        if (assembly.GetName().Name != "TorchSharp")
            return;
        try
        {
            Load();
        }
        catch (MezzotintException)
        {
            // Whoever needs a tensor calls Load and gets this again, where it can be caught. Who does not gets TorchSharp's own
            // error, which takes every failure for a missing package: Problem says better.
        }
    }

    private static string LoadAndRemember()
    {
        try
        {
            return LoadOnce();
        }
        catch (MezzotintException problem)
        {
            Problem = problem.Message;
            throw;
        }
    }

    private static string LoadOnce()
    {
        if (!OperatingSystem.IsLinux())
            return InitializeTorch();

        string folder = Folder ?? throw new MezzotintException(
            $"No libtorch for {RuntimeInformation.RuntimeIdentifier} beside the program: add the package libtorch-cpu-linux-x64 "
            + $"2.10.0 (or TorchSharp-cuda-linux) to the project that runs.");
        foreach (string name in Libraries)
            if (Path.Combine(folder, name) is var library && File.Exists(library))
                LoadLibrary(library);
        TellErrorsAlone();

        string shim = Path.Combine(folder, Shim);
        string? copy = NativeLibrary.TryLoad(shim, out _) ? null : WeakCopyOf(shim);
        if (copy is not null)
            LoadLibrary(copy);
        if (AddressSpace.IsUsedUp)
            throw new MezzotintException($"libtorch has loaded, but nothing can be computed: {AddressSpace.Problem}");
        return copy is null ? folder : $"{folder} (with {copy})";
    }

    /// <summary>
    /// libtorch would tell on stderr, at each convolution of some kinds, that a processor is none of those of NNPACK, which it
    /// does not need. A level that the user has set stays.
    /// </summary>
    private static void TellErrorsAlone()
    {
        NativeEnvironment.Set("TORCH_CPP_LOG_LEVEL", "ERROR");
        if (NativeLibrary.TryLoad(Libraries[0], out nint c10)
            && NativeLibrary.TryGetExport(c10, "_ZN3c1011initLoggingEv", out nint readLevel))
            Marshal.GetDelegateForFunctionPointer<Action>(readLevel)(); // c10::initLogging()
    }

    /// <summary>
    /// On Windows libtorch brings Intel's Fortran runtime, which at Ctrl-C, and when the window closes, ends the process before
    /// the program's own handler is asked. This variable keeps it from that; a value that the user has set stays.
    /// </summary>
    private static void LeaveControlCAlone()
    {
        const string variable = "FOR_DISABLE_CONSOLE_CTRL_HANDLER";
        if (Environment.GetEnvironmentVariable(variable) is not null)
            return;
        try
        {
            _ = SetNativeVariable(variable, "1"); // what .NET sets, a native library's getenv does not see
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            // Then Ctrl-C ends the process at once, as a kill does: nothing is lost but the steps since the last checkpoint.
        }
    }

    [DllImport("ucrtbase", EntryPoint = "_putenv_s"), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern int SetNativeVariable(
        [MarshalAs(UnmanagedType.LPUTF8Str)] string name, [MarshalAs(UnmanagedType.LPUTF8Str)] string value);

    private static string InitializeTorch()
    {
        try
        {
            torch.InitializeDeviceType(DeviceType.CPU);
            return AppContext.BaseDirectory;
        }
        catch (Exception cause) when (cause is NotSupportedException or DllNotFoundException or TypeInitializationException)
        {
            throw new MezzotintException($"libtorch does not load: {Reason(cause)}", cause);
        }
    }

    private static void LoadLibrary(string path)
    {
        try
        {
            NativeLibrary.Load(path);
        }
        catch (DllNotFoundException cause)
        {
            throw new MezzotintException($"{path} does not load: {Reason(cause)}", cause);
        }
    }

    private static string WeakCopyOf(string shim)
    {
        byte[] bytes = File.ReadAllBytes(shim);
        if (ElfVersionNeeds.MarkWeak(bytes, MissingVersion) == 0)
            LoadLibrary(shim); // it failed for another reason, which the loader tells best
        string version = typeof(torch).Assembly.GetName().Version?.ToString(3) ?? "0";
        Exception? cause = null;
        foreach (string root in new[] { CacheFolder.Path, Path.Combine(Path.GetTempPath(), $"mezzotint-{Environment.UserName}") })
        {
            try
            {
                string folder = Path.Combine(root, "native", version);
                string copy = Path.Combine(folder, Shim);
                if (File.Exists(copy) && File.ReadAllBytes(copy).AsSpan().SequenceEqual(bytes))
                    return copy;
                Directory.CreateDirectory(folder);
                string temporary = Path.Combine(folder, $".{Shim}.{Guid.NewGuid():N}");
                File.WriteAllBytes(temporary, bytes);
                File.Move(temporary, copy, overwrite: true); // another process may do the same: both write the same bytes
                return copy;
            }
            catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
            {
                cause = refused;
            }
        }
        throw new MezzotintException(
            $"libtorch's shim must be copied to {CacheFolder.Path}, which cannot be written: set MEZZOTINT_CACHE to a folder "
            + $"that can.",
            cause!);
    }

    private static IEnumerable<string> SearchFolders()
    {
        yield return AppContext.BaseDirectory;
        if (AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") is string listed)
            foreach (string folder in listed.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
                yield return folder;
        yield return Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native");
    }

    /// <summary>Why a library that is there does not load. .NET's message begins with advice on how to search for that, and has
    /// what the loader says last.</summary>
    private static string Reason(Exception cause) => AddressSpace.Problem ?? cause.Message.Trim().Split('\n')[^1].Trim();
}
