namespace Mezzotint.Benchmarks;

/// <summary>The folder that holds the sources.</summary>
internal static class Repository
{
    public static string Folder { get; } = Find();

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Mezzotint.slnx")))
                return folder.FullName;
        throw new InvalidOperationException("The benchmarks run from within the repository.");
    }
}
