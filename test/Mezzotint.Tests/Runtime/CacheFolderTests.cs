using Mezzotint.Runtime;

namespace Mezzotint.Tests.Runtime;

public sealed class CacheFolderTests : IDisposable
{
    private static readonly string[] Variables = ["MEZZOTINT_CACHE", "XDG_CACHE_HOME", "HOME"];
    private readonly string?[] _before = [.. Variables.Select(Environment.GetEnvironmentVariable)];

    [Fact]
    public void Mezzotint_cache_comes_first_and_is_made_absolute()
    {
        Set("/chosen", "/xdg", "/home/someone");
        Assert.Equal(Path.GetFullPath("/chosen"), CacheFolder.Path);
        Set("beside", null, null);
        Assert.Equal(Path.Combine(Environment.CurrentDirectory, "beside"), CacheFolder.Path);
    }

    [Fact]
    public void Then_comes_the_users_cache()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has its local application data instead.");
        Set("", "/xdg", "/home/someone");
        Assert.Equal("/xdg/mezzotint", CacheFolder.Path);
        Set(null, "relative", "/home/someone"); // XDG: a relative path is to be ignored
        Assert.Equal("/home/someone/.cache/mezzotint", CacheFolder.Path);
        Set(null, null, "/home/someone");
        Assert.Equal("/home/someone/.cache/mezzotint", CacheFolder.Path);
    }

    [Fact]
    public void A_user_without_a_home_gets_the_temporary_folder()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has its local application data instead.");
        Set(null, null, null);
        Assert.Equal(Path.Combine(Path.GetTempPath(), "mezzotint"), CacheFolder.Path);
    }

    public void Dispose() => Set(_before);

    private static void Set(params string?[] values)
    {
        foreach (var (name, value) in Variables.Zip(values))
            Environment.SetEnvironmentVariable(name, value);
    }
}
