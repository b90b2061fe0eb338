using Mezzotint.Formats;
using Mezzotint.Settings;

namespace Mezzotint.Training;

/// <summary>
/// The configuration of an experiment in TOML: of a model that draws, the tables <c>[data]</c>, <c>[process]</c>,
/// <c>[training]</c>, <c>[model]</c> and others, whose keys are the properties of <see cref="ExperimentConfig"/> in snake_case.
/// What is left out keeps its default; what is unknown is refused. The key <c>kind</c> names another <see cref="Experiment"/>.
/// </summary>
public static class Configuration
{
    /// <summary>The most bytes that a configuration may have.</summary>
    public const int MaxLength = 1 << 16;

    /// <summary>Reads the file of a model that draws.</summary>
    /// <param name="path">The file.</param>
    /// <param name="overrides">Settings that come before those of the file, each <c>table.key=value</c> as after <c>--set</c>; a
    /// value that is no TOML value is taken as text. Another <c>kind</c> takes the place of the whole table. Null for
    /// none.</param>
    /// <exception cref="MezzotintException">The file cannot be read, is no TOML, has a key or a value that is not allowed, or
    /// trains something else; the message names the file and the line, or the override.</exception>
    public static ExperimentConfig Read(string path, IEnumerable<string>? overrides = null) =>
        Drawing(ReadExperiment(path, overrides), path);

    /// <summary>Reads a file, whatever it trains.</summary>
    /// <param name="path">The file.</param>
    /// <param name="overrides">As for a model that draws.</param>
    /// <exception cref="MezzotintException">As for a model that draws.</exception>
    public static Experiment ReadExperiment(string path, IEnumerable<string>? overrides = null) =>
        ParseExperiment(Text(path), path, overrides);

    /// <summary>Reads the file of a classifier's run; one from before there were kinds names none.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="MezzotintException">As for a model that draws.</exception>
    public static ClassifierExperiment ReadClassifier(string path) =>
        Bound(Settings(Text(path), path, null), SettingsKinds.NameOf(new ClassifierExperiment())) as ClassifierExperiment
            ?? throw new MezzotintException($"'{path}' trains no classifier.");

    /// <summary>Reads a text.</summary>
    /// <param name="toml">The text.</param>
    /// <param name="name">Its name, for messages.</param>
    /// <param name="overrides">As for a file.</param>
    /// <exception cref="MezzotintException">As for a file.</exception>
    public static ExperimentConfig Parse(string toml, string name, IEnumerable<string>? overrides = null) =>
        Drawing(ParseExperiment(toml, name, overrides), name);

    /// <summary>Reads a text, whatever it trains.</summary>
    /// <param name="toml">The text.</param>
    /// <param name="name">Its name, for messages.</param>
    /// <param name="overrides">As for a file.</param>
    /// <exception cref="MezzotintException">As for a file.</exception>
    public static Experiment ParseExperiment(string toml, string name, IEnumerable<string>? overrides = null) =>
        Bound(Settings(toml, name, overrides), usual: null);

    /// <summary>Writes all settings as TOML, always in the same order; reading them gives an equal configuration. What is open
    /// until the data are known is left out.</summary>
    /// <param name="config">The configuration.</param>
    /// <exception cref="MezzotintException">A setting is out of its range.</exception>
    public static string Write(Experiment config)
    {
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        return TomlSettings.Write(SettingsBinder.Write<Experiment>(config, complete: false));
    }

    private static string Text(string path) => SmallFile.Text(SmallFile.Read(path, MaxLength), path);

    private static SettingsTable Settings(string toml, string name, IEnumerable<string>? overrides)
    {
        ArgumentNullException.ThrowIfNull(toml);
        ArgumentException.ThrowIfNullOrEmpty(name);
        var settings = TomlSettings.Parse(toml, name);
        foreach (string text in overrides ?? [])
            Override(settings, text);
        return settings;
    }

    /// <param name="settings">What the file says.</param>
    /// <param name="usual">The kind of a file that names none; null for the default.</param>
    private static Experiment Bound(SettingsTable settings, string? usual)
    {
        if (usual is not null && !settings.Entries.ContainsKey(SettingsKinds.Key))
            settings.Entries.Insert(0, SettingsKinds.Key, new Setting(usual, settings.Place));
        var config = SettingsBinder.Read<Experiment>(settings, complete: false);
        settings.Validate(config.Validate);
        return config;
    }

    private static ExperimentConfig Drawing(Experiment config, string name) => config as ExperimentConfig
        ?? throw new MezzotintException(
            $"'{name}' is a configuration of the kind {SettingsKinds.NameOf(config)}: it trains no model that draws.");

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
        if (keys[^1] == SettingsKinds.Key && settings.Entries.GetValueOrDefault(SettingsKinds.Key) is { } before
            && !before.Value.Equals(setting.Value))
            // what the file says beside it belongs to the other kind
            foreach (string other in settings.Entries.Where(entry => entry.Value.Place.Line > 0).Select(entry => entry.Key)
                .ToList())
                settings.Entries.Remove(other);
        settings.Entries[keys[^1]] = setting;
    }
}
