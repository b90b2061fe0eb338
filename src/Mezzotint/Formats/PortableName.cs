using System.Text.RegularExpressions;

namespace Mezzotint.Formats;

/// <summary>Names that a file or folder can have on every system.</summary>
/// <remarks>
/// Windows keeps some names for devices, with any ending, and cuts dots and spaces off the end: Microsoft, "Naming Files, Paths,
/// and Namespaces".
/// </remarks>
public static partial class PortableName
{
    /// <summary>Such a name for something that may be called anything, as a class of a model: what no name may have becomes
    /// <c>_</c>. It leads into no other folder.</summary>
    /// <param name="text">What it is called.</param>
    public static string Of(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string name = string.Concat(text.Select(c => char.IsLetterOrDigit(c) || c is '-' or '_' or ' ' or '.' ? c : '_'))
            .Trim().TrimEnd('.', ' ');
        return name.Length == 0 ? "_" : Device().IsMatch(name) ? $"_{name}" : name;
    }

    /// <summary>Refuses a path for a new file or folder, a part of which Windows would take for something else.</summary>
    /// <param name="path">The path.</param>
    /// <exception cref="IOException">This is Windows, and it has such a part.</exception>
    internal static void Check(string path)
    {
        if (OperatingSystem.IsWindows() && WhyNot(path) is { } reason)
            throw new IOException(reason);
    }

    /// <summary>Why Windows would take a path for another; null where it would not.</summary>
    internal static string? WhyNot(string path)
    {
        foreach (string name in path.Split('/', '\\').Where(name => name is not ("" or "." or "..")))
        {
            if (Device().IsMatch(name))
                return $"on Windows '{name}' is the name of a device.";
            if (name[^1] is '.' or ' ')
                return $"on Windows no name ends in a dot or a space, as '{name}' does.";
        }
        return null;
    }

    [GeneratedRegex(@"^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00B9\u00B2\u00B3]) *(\.|$)",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Device();
}
