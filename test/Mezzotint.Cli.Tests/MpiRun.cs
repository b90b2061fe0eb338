using System.Diagnostics;
using System.Globalization;

namespace Mezzotint.Cli.Tests;

/// <summary>The command under <c>mpirun</c>.</summary>
internal static class MpiRun
{
    public const string Missing =
        "mpirun is not at hand: install Open MPI (on Debian and Ubuntu the package openmpi-bin).";

    public static bool Exists { get; } = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Any(folder => File.Exists(Path.Combine(folder, "mpirun")));

    /// <summary>Starts so many processes, also as root, and on fewer cores; no process is bound to some of them.</summary>
    /// <param name="processes">How many.</param>
    /// <param name="workingFolder">Where.</param>
    /// <param name="before">Words before the program.</param>
    /// <param name="args">Its arguments.</param>
    public static Process Start(int processes, string workingFolder, string[] before, string[] args) => Command.Start(
        workingFolder, args, prepare: start =>
        {
            string[] words =
                ["-n", processes.ToString(CultureInfo.InvariantCulture), .. before, start.FileName, .. start.ArgumentList];
            start.FileName = "mpirun";
            start.ArgumentList.Clear();
            foreach (string word in words)
                start.ArgumentList.Add(word);
            foreach (var (name, value) in new Dictionary<string, string>
            {
                ["OMPI_ALLOW_RUN_AS_ROOT"] = "1", ["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1",
                ["OMPI_MCA_rmaps_base_oversubscribe"] = "1", ["OMPI_MCA_hwloc_base_binding_policy"] = "none",
            })
                start.Environment[name] = value;
        });

    public static Outcome Run(int processes, string workingFolder, params string[] args)
    {
        using var process = Start(processes, workingFolder, [], args);
        return Command.Finish(process);
    }
}
