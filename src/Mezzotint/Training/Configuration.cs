using Mezzotint.Formats;
using Mezzotint.Settings;

namespace Mezzotint.Training;

/// <summary>
/// The configuration of an experiment in TOML: the tables <c>[data]</c>, <c>[process]</c>, <c>[training]</c>, <c>[model]</c> and
/// <c>[model.transformer]</c>, whose keys are the properties of <see cref="ExperimentConfig"/> in snake_case. What is left out
/// keeps its
/// default; what is unknown is refused.
/// </summary>
public static class Configuration
{
    /// <summary>The most bytes that a configuration may have.</summary>
    public const int MaxLength = 1 << 16;

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="overrides">Settings that come before those of the file, each <c>table.key=value</c> as after <c>--set</c>; a
    /// value
    /// that is no TOML value is taken as text. Null for none.</param>
    /// <exception cref="MezzotintException">The file cannot be read, is no TOML, or has a key or a value that is not allowed; the
    /// message
    /// names the file and the line, or the override.</exception>
    public static ExperimentConfig Read(string path, IEnumerable<string>? overrides = null) =>
        Parse(Text(path), path, overrides);

    /// <summary>Reads the file of a classifier's run.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="MezzotintException">As for a model that draws.</exception>
    public static ClassifierExperiment ReadClassifier(string path) => Parse<ClassifierExperiment>(Text(path), path, null);

    /// <summary>Reads a text.</summary>
    /// <param name="toml">The text.</param>
    /// <param name="name">Its name, for messages.</param>
    /// <param name="overrides">As for a file.</param>
    /// <exception cref="MezzotintException">As for a file.</exception>
    public static ExperimentConfig Parse(string toml, string name, IEnumerable<string>? overrides = null) =>
        Parse<ExperimentConfig>(toml, name, overrides);

    private static string Text(string path) => SmallFile.Text(SmallFile.Read(path, MaxLength), path);

    private static T Parse<T>(string toml, string name, IEnumerable<string>? overrides)
        where T : class, IExperiment, new()
    {
        ArgumentNullException.ThrowIfNull(toml);
        ArgumentException.ThrowIfNullOrEmpty(name);
        var settings = TomlSettings.Parse(toml, name);
        foreach (string text in overrides ?? [])
            Override(settings, text);
        var config = SettingsBinder.Read<T>(settings, complete: false);
        settings.Validate(config.Validate);
        return config;
    }

    /// <summary>Writes all settings as TOML, always in the same order; reading them gives an equal configuration. What is open
    /// until the data are known is left out.</summary>
    /// <param name="config">The configuration.</param>
    /// <exception cref="MezzotintException">A setting is out of its range.</exception>
    public static string Write(ExperimentConfig config) => Text(config);

    /// <summary>The same for a classifier.</summary>
    public static string Write(ClassifierExperiment config) => Text(config);

    private static string Text(IExperiment config)
    {
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        return TomlSettings.Write(SettingsBinder.Write(config, complete: false));
    }

    private static void Override(SettingsTable settings, string text)
    {
        var place = new Place($"--set {Printable.Line(text, 80)}");
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        string[] keys = equals < 0 ? [] : text[..equals].Trim().Split('.');
        if (keys.Length < 2 || keys.Any(string.IsNullOrWhiteSpace))
            throw new MezzotintException($"{place}: an override is table.key=value, for instance --set training.epochs=5.");
        string value = text[(equals + 1)..].Trim();
        var setting = TomlSettings.ParseValue(value, place) ?? new Setting(value, place);
        if (setting.Value is SettingsTable)
            throw new MezzotintException($"{place}: an override sets a single key, not a table.");
        foreach (string key in keys[..^1])
            settings = settings.Open(key, place);
        settings.Entries[keys[^1]] = setting;
    }
}
