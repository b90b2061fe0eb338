using Mezzotint.Formats;
using Mezzotint.Settings;

namespace Mezzotint.Models.Diffusers;

/// <summary>
/// A <c>config.json</c> of diffusers or transformers. A key that is missing or null has its class's default. Keys that say how
/// the file was made are passed over; those that ask for another network than the one here are refused by name.
/// </summary>
internal static class DiffusersConfig
{
    /// <summary>The version of diffusers whose keys are written.</summary>
    public const string Version = "0.27.2";

    /// <summary>The key of the class.</summary>
    public const string Class = "_class_name";

    private const string VersionKey = "_diffusers_version";
    private const int MaxLength = 1 << 20;

    /// <summary>What a file says.</summary>
    /// <exception cref="MezzotintException">It cannot be read, or is no JSON object.</exception>
    public static SettingsTable Parse(string path) => JsonSettings.Parse(SmallFile.Read(path, MaxLength), path);

    /// <summary>Refuses the file of another class; one that names none is taken.</summary>
    public static void TakeClass(SettingsTable settings, string name)
    {
        if (settings.Entries.Remove(Class, out var setting) && !setting.Value.Equals(name))
            throw new MezzotintException(
                $"{settings.Place}: '{Class}' is {setting.Description}, where {name} is expected.");
    }

    /// <summary>Refuses any other value than those that mean what is computed here; null may be one of them.</summary>
    public static void TakeOnly(SettingsTable settings, string key, params object?[] values)
    {
        if (settings.Entries.Remove(key, out var setting) && !values.Any(value => IsSame(value, setting.Value)))
            throw Unknown(key, setting,
                string.Join(" or ", values.Select(value => value is null ? "null" : new Setting(value, default).Description)));
    }

    /// <summary>Refuses a list in which anything else stands.</summary>
    public static void TakeAll(SettingsTable settings, string key, string value)
    {
        if (settings.Entries.Remove(key, out var setting)
            && !(setting.Value is List<Setting> list && list.All(item => item.Value is string text && text == value)))
            throw Unknown(key, setting, $"{value} alone");
    }

    /// <summary>Takes a single number as a list of it.</summary>
    public static void TakeAsList(SettingsTable settings, string key)
    {
        if (settings.Entries.GetValueOrDefault(key) is { Value: long } number)
            settings.Entries[key] = number with { Value = new List<Setting> { number } };
    }

    /// <summary>The record of the keys that it knows.</summary>
    public static T Read<T>(SettingsTable settings) where T : class, new()
    {
        string[] known = SettingsBinder.Keys<T>();
        foreach (string key in settings.Entries.Keys.Except(known).ToArray())
            settings.Entries.Remove(key);
        foreach (string key in known) // null means the default, as a missing key does
            if (settings.Entries.TryGetValue(key, out var setting) && setting.Value is UnusedKind)
                settings.Entries.Remove(key);
        return SettingsBinder.Read<T>(settings, complete: false);
    }

    /// <summary>Adds a key, where <paramref name="value"/> is null with null.</summary>
    public static void Add(SettingsTable settings, string key, object? value) =>
        settings.Entries[key] = new Setting(value ?? new UnusedKind("null"), default);

    /// <summary>Writes a list of equal numbers as the number.</summary>
    public static void AddAsNumber(SettingsTable settings, string key)
    {
        if (settings.Entries[key].Value is List<Setting> list && list.Select(item => item.Value).Distinct().Count() == 1)
            settings.Entries[key] = list[0];
    }

    /// <summary>Writes a file, its class first.</summary>
    public static void Write(string path, SettingsTable settings, string name)
    {
        settings.Entries.Insert(0, VersionKey, new Setting(Version, default));
        settings.Entries.Insert(0, Class, new Setting(name, default));
        byte[] json = JsonSettings.Write(settings);
        AtomicFile.Write(path, stream => stream.Write(json));
    }

    private static bool IsSame(object? value, object given) => value switch
    {
        null => given is UnusedKind,
        double number when given is long whole => whole == number, // 1 and 1.0 are the same
        _ => value.Equals(given),
    };

    private static MezzotintException Unknown(string key, Setting setting, string known) =>
        new($"{setting.Place}: '{key}' is {setting.Description}; Mezzotint computes {known}.") { Key = key };
}
