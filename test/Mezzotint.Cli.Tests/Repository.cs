namespace Mezzotint.Cli.Tests;

/// <summary>The repository that the tests were built in.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    /// <summary>The seed system's published checkpoint, on machines that have it beside the repository; else null.</summary>
    public static string? SeedCheckpoint =>
        Path.GetFullPath(Path.Combine(Root, "..", "shared", "data", "seed-checkpoint")) is var folder && Directory.Exists(folder) ? folder : null;

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Mezzotint.slnx")))
                return folder.FullName;
        throw new InvalidOperationException("The tests do not lie in the repository.");
    }
}
