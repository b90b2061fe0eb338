using System.Globalization;

namespace Mezzotint;

/// <summary>One way to say that a setting is out of its range.</summary>
internal static class Check
{
    /// <summary>Raises an error that names the key as it stands in TOML, its value and what it must be.</summary>
    public static void Range(string key, object value, bool holds, string mustBe)
    {
        if (!holds)
            throw new MezzotintException(string.Create(CultureInfo.InvariantCulture, $"{key} = {value}: must be {mustBe}."))
                { Key = key };
    }
}
