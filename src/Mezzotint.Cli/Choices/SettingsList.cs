using Mezzotint.Training;

namespace Mezzotint.Cli.Choices;

/// <summary>The settings of a training, one by one.</summary>
internal static class SettingsList
{
    /// <summary>What a list says of a setting that is not there.</summary>
    public const string Unset = "not set";

    /// <summary>The settings by their full keys, as they stand in TOML; what is not set is not there.</summary>
    public static Dictionary<string, string> Of(Experiment config)
    {
        var settings = new Dictionary<string, string>(StringComparer.Ordinal);
        string table = "";
        foreach (string line in Configuration.Write(config).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.StartsWith('['))
                table = line.Trim('[', ']') + ".";
            else if (line.Split(" = ", 2) is [var key, var value])
                settings[table + key] = value;
        }
        return settings;
    }
}
