using System.Reflection;
using System.Text.Json;

namespace Mezzotint.IO;

/// <summary>Settings to records and back: each property that can be set is a key, in snake_case; a record within a record is a table.</summary>
internal static class SettingsBinder
{
    /// <summary>Makes a record of a table.</summary>
    /// <param name="table">What the file says.</param>
    /// <param name="complete">True where every key must be there, but those that may be null; false where a missing key keeps its default.</param>
    /// <exception cref="MezzotintException">A key is unknown or missing, or its value is of the wrong type or size; the message names
    /// the place and the key.</exception>
    public static T Read<T>(SettingsTable table, bool complete) where T : class, new() => (T)Read(typeof(T), table, complete);

    /// <summary>Makes a table of a record; what is null is left out.</summary>
    public static SettingsTable Write(object record, SettingsTable? parent = null, string key = "")
    {
        var table = new SettingsTable(parent, key, default);
        foreach (var (name, property) in Properties(record.GetType()))
        {
            if (property.GetValue(record) is { } value)
                table.Entries.Add(name, new Setting(ToSetting(value, table, name), default));
        }
        return table;
    }

    private static object ToSetting(object value, SettingsTable table, string key) => value switch
    {
        int number => (long)number,
        long or double or bool or string => value,
        IEnumerable<int> list => list.Select(number => new Setting((long)number, default)).ToList(),
        IEnumerable<string> list => list.Select(text => new Setting(text, default)).ToList(),
        _ => Write(value, table, key),
    };

    private static object Read(Type type, SettingsTable table, bool complete)
    {
        var properties = Properties(type);
        foreach (var (key, setting) in table.Entries)
        {
            if (!properties.ContainsKey(key))
                throw Unknown(key, setting, table, properties.Keys);
        }
        object record = Activator.CreateInstance(type)!;
        foreach (var (key, property) in properties)
        {
            if (table.Entries.TryGetValue(key, out var setting))
                property.SetValue(record, Convert(property.PropertyType, setting, table.PathOf(key), complete));
            else if (complete && new NullabilityInfoContext().Create(property).WriteState != NullabilityState.Nullable)
                throw new MezzotintException($"{table.Place}: the key '{table.PathOf(key)}' is missing.");
        }
        return record;
    }

    private static object Convert(Type type, Setting setting, string path, bool complete)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        switch (setting.Value)
        {
            case long number when type == typeof(int):
                return number is >= int.MinValue and <= int.MaxValue ? (int)number : throw Wrong(setting, path, "no more than 32 bits");
            case long when type == typeof(long):
            case bool when type == typeof(bool):
            case string when type == typeof(string):
                return setting.Value;
            case long number when type == typeof(double):
                return (double)number;
            case double number when type == typeof(double):
                return double.IsFinite(number) ? number : throw Wrong(setting, path, "a finite number");
            case List<Setting> list when type == typeof(IReadOnlyList<int>):
                return list.Select((item, i) => (int)Convert(typeof(int), item, $"{path}[{i}]", complete)).ToArray();
            case List<Setting> list when type == typeof(IReadOnlyList<string>):
                return list.Select((item, i) => (string)Convert(typeof(string), item, $"{path}[{i}]", complete)).ToArray();
            case SettingsTable table when WantedOf(type) == "a table":
                return Read(type, table, complete);
            default:
                throw Wrong(setting, path, WantedOf(type));
        }
    }

    private static string WantedOf(Type type) =>
        type == typeof(int) || type == typeof(long) ? "a whole number"
        : type == typeof(double) ? "a number"
        : type == typeof(bool) ? "true or false"
        : type == typeof(string) ? "a text in quotes"
        : type == typeof(IReadOnlyList<int>) ? "a list of whole numbers"
        : type == typeof(IReadOnlyList<string>) ? "a list of texts"
        : "a table";

    private static MezzotintException Wrong(Setting setting, string path, string wanted) =>
        new($"{setting.Place}: '{path}' is {setting.Description}; it must be {wanted}.");

    private static MezzotintException Unknown(string key, Setting setting, SettingsTable table, IReadOnlyCollection<string> known)
    {
        string kind = setting.Value is SettingsTable ? "table" : "key";
        string remedy = Spelling.Nearest(key, known) is { } nearest ? $": did you mean '{nearest}'?" : $"; there are {string.Join(", ", known)}.";
        return new($"{setting.Place}: unknown {kind} {Printable.Quote(table.PathOf(key))}{remedy}");
    }

    // Reflection gives the properties in the order in which they are declared.
    private static OrderedDictionary<string, PropertyInfo> Properties(Type type) => new(type
        .GetProperties(BindingFlags.Public | BindingFlags.Instance)
        .Where(property => property.CanWrite)
        .Select(property => KeyValuePair.Create(JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name), property)));
}
