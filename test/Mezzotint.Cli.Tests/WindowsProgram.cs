using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Mezzotint.Cli.Tests;

/// <summary>
/// The command as it is published for Windows, and what runs it: Windows itself, or wine. It is published once, into
/// <c>artifacts/windows</c>, where wine has its folder too, and the next run finds most of it done. Its folder for temporary
/// files is not there: nothing may need one.
/// </summary>
/// <remarks>
/// Three variables are for wine 8 alone. libtorch's OpenMP asks for processors by a function that it lacks (KMP_AFFINITY), and
/// .NET ends with an internal error where it frees code that it maps twice (DOTNET_EnableWriteXorExecute). Wine gives away
/// addresses below 2 GB first, which Windows does not. With code there the compiler of .NET gives up optimising any method that
/// calls another, and such a method stays slow for good; so these addresses are kept free (WINEPRELOADRESERVE).
/// </remarks>
public sealed class WindowsProgram : IDisposable
{
    /// <summary>The folder of what is built for it.</summary>
    public static string Artifacts { get; } = Path.Combine(Repository.Root, "artifacts", "windows");

    private readonly string _folder = Path.Combine(Artifacts, "published");
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly TimeSpan _publishing;
    private int _runs;

    /// <summary>What <c>%TEMP%</c> is for the program.</summary>
    private const string NoFolder = @"C:\not there";

    private const string Name = "Mezzotint.Cli.exe";

    /// <summary>Gives a folder of the program's files what runs them: the runtime of .NET, with its starter and its list of
    /// files. What the folder has stays.</summary>
    internal void LendRuntime(string folder)
    {
        string[] lists = [".runtimeconfig.json", ".deps.json"];
        foreach (string file in Directory.GetFiles(_folder))
        {
            string to = Path.Combine(folder, Path.GetFileName(file));
            if (!File.Exists(to) || lists.Any(list => file.EndsWith(list, StringComparison.Ordinal)))
                File.Copy(file, to, overwrite: true);
        }
    }

    public WindowsProgram()
    {
        if (!OperatingSystem.IsWindows() && !Runs("--version"))
            Missing = "There is no wine on this machine, which runs the program for Windows.";
        else
            Missing = Publish();
        _publishing = _clock.Elapsed;
        if (Missing is not null || OperatingSystem.IsWindows())
            return;
        Runs("wineboot", "--init"); // what it leaves running holds no test's output open
        foreach (string name in TemporaryFolders)
            Runs("reg", "add", @"HKCU\Environment", "/v", name, "/d", NoFolder, "/f");
    }

    private static readonly string[] TemporaryFolders = ["TEMP", "TMP"];

    /// <summary>Why there is none; null where all is well.</summary>
    public string? Missing { get; }

    /// <summary>A path of this system as Windows has it.</summary>
    public static string PathOf(string path) => OperatingSystem.IsWindows() ? path : "Z:" + path.Replace('/', '\\');

    /// <summary>The assembly of the tests, as Windows has its path.</summary>
    public static string Tests => PathOf(typeof(WindowsProgram).Assembly.Location);

    /// <summary>Lets a program that is about to be started run <see cref="StartupHook"/> before its own code.</summary>
    /// <param name="start">How it is started.</param>
    /// <param name="variable">The variable that one of the hooks looks for.</param>
    /// <param name="value">What it finds there.</param>
    internal static void Hook(ProcessStartInfo start, string variable, string value)
    {
        start.Environment["DOTNET_STARTUP_HOOKS"] = Tests;
        start.Environment[variable] = value;
    }

    /// <summary>Starts the program, with its output redirected.</summary>
    /// <param name="workingFolder">Where.</param>
    /// <param name="args">Its arguments.</param>
    /// <param name="prepare">Changes how it is started.</param>
    /// <param name="folder">Where the program is; null for where it was published.</param>
    internal Process Start(
        string workingFolder, string[] args, Action<ProcessStartInfo>? prepare = null, string? folder = null)
    {
        Assert.SkipUnless(Missing is null, Missing ?? "");
        string program = Path.Combine(folder ?? _folder, Name);
        var start = OperatingSystem.IsWindows() ? new ProcessStartInfo(program, args) : Wine("wine", [program, .. args]);
        start.WorkingDirectory = workingFolder;
        foreach (string name in TemporaryFolders)
            start.Environment[name] = NoFolder; // which wine does not take from here
        prepare?.Invoke(start);
        _runs++;
        return Command.StartQuietly(start);
    }

    /// <summary>Starts it in a terminal, whose keys are what is written to the process.</summary>
    internal Process StartInTerminal(string workingFolder, string args, Action<ProcessStartInfo>? prepare = null)
    {
        Assert.SkipUnless(Missing is null, Missing ?? "");
        Assert.SkipWhen(OperatingSystem.IsWindows(), "A terminal of Linux.");
        string program = Path.Combine(_folder, Name);
        var start = Wine("script", ["--quiet", "--return", "--command", $"wine '{program}' {args}", "/dev/null"]);
        start.WorkingDirectory = workingFolder;
        prepare?.Invoke(start);
        _runs++;
        return Command.StartQuietly(start);
    }

    internal Outcome Run(string workingFolder, params string[] args)
    {
        using var process = Start(workingFolder, args);
        return Command.Finish(process);
    }

    /// <summary>Runs commands in one process, as <see cref="CommandList"/> does.</summary>
    internal Outcome[] RunAll(string workingFolder, params string[][] commands)
    {
        using var scratch = new ScratchFolder();
        string file = scratch.Write("commands.json", JsonSerializer.Serialize(commands));
        using var process = Start(workingFolder, ["--version"], start => CommandList.Prepare(start, PathOf(file)));
        var outcome = Command.Finish(process);
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        return JsonSerializer.Deserialize<Outcome[]>(File.ReadAllText(file))!;
    }

    /// <summary>Likewise, and fails where one fails.</summary>
    internal Outcome[] SucceedAll(string workingFolder, params string[][] commands)
    {
        var outcomes = RunAll(workingFolder, commands);
        Assert.All(outcomes, (outcome, i) => Assert.True(
            outcome.ExitCode == 0, $"{string.Join(' ', commands[i])}: exit code {outcome.ExitCode}: {outcome.Error}"));
        return outcomes;
    }

    /// <summary>Runs it, and fails where it fails.</summary>
    internal Outcome Succeed(string workingFolder, params string[] args)
    {
        var outcome = Run(workingFolder, args);
        Assert.True(outcome.ExitCode == 0, $"{string.Join(' ', args)}: exit code {outcome.ExitCode}: {outcome.Error}");
        return outcome;
    }

    public void Dispose()
    {
        if (Missing is null && !OperatingSystem.IsWindows())
            Runs("wineboot", "--kill");
        if (_runs > 0)
            File.WriteAllText(Path.Combine(Artifacts, "tests.txt"), string.Create(CultureInfo.InvariantCulture,
                $"The program for Windows: published in {_publishing.TotalSeconds:0} s, then run {_runs} times, in all "
                + $"{_clock.Elapsed.TotalSeconds:0} s\n"));
    }

    private string? Publish()
    {
        var published = PackedLibrary.Dotnet(
            Repository.Root, "publish", "src/Mezzotint.Cli", "--configuration", "Release", "--runtime", "win-x64",
            "--self-contained", "--output", _folder, $"-p:ArtifactsPath={Artifacts}", "-p:RunAnalyzers=false",
            "-p:GenerateDocumentationFile=false", "-p:UseSharedCompilation=false", "-p:NuGetAudit=false");
        if (published.Out.Contains("error NU1301", StringComparison.Ordinal))
            return "The packages for Windows are not on this machine, and their source does not answer.";
        PackedLibrary.Succeed(published);
        return null;
    }

    private static bool Runs(params string[] args)
    {
        try
        {
            using var process = Process.Start(Wine("wine", args))!;
            return Command.Finish(process).ExitCode == 0;
        }
        catch (Win32Exception)
        {
            return false;
        }
    }

    private static ProcessStartInfo Wine(string program, string[] args)
    {
        var start = new ProcessStartInfo(program, args)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        foreach (var (name, value) in new (string, string)[]
        {
            ("WINEPREFIX", Path.Combine(Artifacts, "wine")), ("WINEDEBUG", "-all"), ("KMP_AFFINITY", "disabled"),
            ("DOTNET_EnableWriteXorExecute", "0"), ("WINEPRELOADRESERVE", "110000-68000000"),
        })
            start.Environment[name] = value;
        return start;
    }
}

/// <summary>The tests that share it.</summary>
[CollectionDefinition(Name)]
public sealed class WindowsDefinition : ICollectionFixture<WindowsProgram>
{
    public const string Name = "Windows";
}
