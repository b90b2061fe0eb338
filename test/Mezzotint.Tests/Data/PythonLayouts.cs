using System.ComponentModel;
using System.Diagnostics;

namespace Mezzotint.Tests.Data;

/// <summary>Small data sets in every layout, written by Pillow, numpy and zipfile.</summary>
public sealed class PythonLayouts : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public PythonLayouts()
    {
        string script = Path.Combine(AppContext.BaseDirectory, "Golden", "data", "make_layouts.py");
        try
        {
            // Debian's, which has the two packages where they are installed; another one in PATH may have neither.
            string python = File.Exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
            using var process = Process.Start(new ProcessStartInfo(python, [script, _folder.Path])
                { RedirectStandardError = true })!;
            string error = process.StandardError.ReadToEnd();
            process.WaitForExit();
            Missing = process.ExitCode == 0 ? null
                : error.Contains("ModuleNotFoundError", StringComparison.Ordinal)
                    ? "Python has no numpy or no Pillow: install both to read what they write." : error;
        }
        catch (Win32Exception)
        {
            Missing = "There is no Python to write data sets with.";
        }
    }

    /// <summary>Why there are none; null where there are.</summary>
    public string? Missing { get; }

    /// <summary>The path of a set.</summary>
    public string this[params string[] names]
    {
        get
        {
            Assert.SkipWhen(Missing?.EndsWith('.') == true, Missing ?? "");
            Assert.Null(Missing);
            return Path.Combine([_folder.Path, .. names]);
        }
    }

    /// <summary>The picture of a number, as the script makes it: [3, 8, 8].</summary>
    public static byte[] Picture(int number)
    {
        var pixels = new byte[3 * 64];
        for (int y = 0; y < 8; y++)
            for (int x = 0; x < 8; x++)
                (pixels[8 * y + x], pixels[64 + 8 * y + x], pixels[128 + 8 * y + x]) =
                    ((byte)(x * 30 + number * 7), (byte)(y * 30 + number * 11), (byte)(x * y + number * 13));
        return pixels;
    }

    public void Dispose() => _folder.Dispose();
}
