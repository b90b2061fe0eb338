namespace Mezzotint.Runtime;

/// <summary>Where downloads and prepared native libraries are kept between runs.</summary>
public static class CacheFolder
{
    /// <summary>
    /// <c>MEZZOTINT_CACHE</c> where it is set; else <c>mezzotint</c> under <c>XDG_CACHE_HOME</c> or <c>~/.cache</c>
    /// (on Windows: under the local application data); else, for a user without a home, under the temporary folder.
    /// The folder need not exist.
    /// </summary>
    public static string Path
    {
        get
        {
            if (Environment.GetEnvironmentVariable("MEZZOTINT_CACHE") is { Length: > 0 } chosen)
                return System.IO.Path.GetFullPath(chosen);
            string root = OperatingSystem.IsWindows()
                ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
                : Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } xdg
                    && System.IO.Path.IsPathRooted(xdg) ? xdg
                : Environment.GetEnvironmentVariable("HOME") is { Length: > 0 } home ? System.IO.Path.Combine(home, ".cache")
                : "";
            return System.IO.Path.Combine(root.Length > 0 ? root : System.IO.Path.GetTempPath(), "mezzotint");
        }
    }
}
