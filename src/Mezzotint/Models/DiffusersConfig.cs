using Mezzotint.Formats;
using Mezzotint.Settings;

namespace Mezzotint.Models;

/// <summary>
/// A <c>config.json</c> of diffusers or transformers. A key that is missing has its class's default. Keys that say how the file
/// was made are passed over; those that ask for another network than the one here are refused by name.
/// </summary>
internal static class DiffusersConfig
{
    /// <summary>The version of diffusers whose keys are written.</summary>
    private const string Version = "0.27.2";

    private const string Class = "_class_name", VersionKey = "_diffusers_version";

    /// <summary>Refuses the file of another class; one that names none is taken.</summary>
    public static void TakeClass(SettingsTable settings, string name)
    {
        if (settings.Entries.Remove(Class, out var setting) && !setting.Value.Equals(name))
            throw new MezzotintException(
                $"{settings.Place}: '{Class}' is {setting.Description}, where {name} is expected.");
    }

    /// <summary>Refuses any other value than the one that is computed here.</summary>
    public static void TakeOnly(SettingsTable settings, string key, object value)
    {
        if (settings.Entries.Remove(key, out var setting) && !setting.Value.Equals(value))
            throw Unknown(settings, key, setting, new Setting(value, default).Description);
    }

    /// <summary>Refuses a list in which anything else stands.</summary>
    public static void TakeAll(SettingsTable settings, string key, string value)
    {
        if (settings.Entries.Remove(key, out var setting)
            && !(setting.Value is List<Setting> list && list.All(item => item.Value is string text && text == value)))
            throw Unknown(settings, key, setting, $"{value} alone");
    }

    /// <summary>The record of the keys that it knows.</summary>
    public static T Read<T>(SettingsTable settings) where T : class, new()
    {
        string[] known = SettingsBinder.Keys(typeof(T));
        foreach (string key in settings.Entries.Keys.Except(known).ToArray())
            settings.Entries.Remove(key);
        foreach (string key in known) // null means the default, as a missing key does
            if (settings.Entries.TryGetValue(key, out var setting) && setting.Value is UnusedKind)
                settings.Entries.Remove(key);
        return SettingsBinder.Read<T>(settings, complete: false);
    }

    /// <summary>Writes a file, its class first.</summary>
    public static void Write(string path, SettingsTable settings, string name)
    {
        settings.Entries.Insert(0, VersionKey, new Setting(Version, default));
        settings.Entries.Insert(0, Class, new Setting(name, default));
        byte[] json = JsonSettings.Write(settings);
        AtomicFile.Write(path, stream => stream.Write(json));
    }

    private static MezzotintException Unknown(SettingsTable settings, string key, Setting setting, string known) =>
        new($"{settings.Place}: '{key}' is {setting.Description}; Mezzotint computes {known}.");
}
