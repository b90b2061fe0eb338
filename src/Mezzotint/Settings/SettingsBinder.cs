using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Reflection;
using System.Text.Json;

namespace Mezzotint.Settings;

/// <summary>
/// Settings to records and back: each property that can be set is a key, in snake_case. A record within a record is a table.
/// Where there are several kinds of record, the key <c>kind</c> chooses one (<see cref="SettingsKinds"/>).
/// </summary>
internal static class SettingsBinder
{
    private const string Rooted = "All records are the library's own, which ILLink.Descriptors.xml keeps whole.";

    /// <summary>Makes a record of a table.</summary>
    /// <param name="table">What the file says.</param>
    /// <param name="complete">True where every key must be there, but those that may be null or have
    /// <see cref="DefaultWhenMissingAttribute"/>; false where a missing key keeps its default.</param>
    /// <exception cref="MezzotintException">A key is unknown or missing, or its value is of the wrong type or size; the message
    /// names the place and the key.</exception>
    public static T Read<T>(SettingsTable table, bool complete) where T : class => (T)Read(typeof(T), table, complete, null);

    /// <summary>The keys of a record that has no kinds.</summary>
    public static string[] Keys<T>() where T : class, new() => [.. Properties(new T()).Keys];

    /// <summary>Makes a table of a record; what is null is left out.</summary>
    /// <param name="record">The record.</param>
    /// <param name="complete">True where every key must be there; false where numbers that a network leaves open are left
    /// out.</param>
    /// <exception cref="MezzotintException">The record holds one of a program's own, which files have no words for.</exception>
    public static SettingsTable Write(object record, bool complete) => Write(record, complete, null, "", record.GetType());

    /// <summary>The same for a record of a base that has kinds; the kind comes first.</summary>
    public static SettingsTable Write<TBase>(TBase record, bool complete) where TBase : class =>
        Write(record, complete, null, "", typeof(TBase));

    private static SettingsTable Write(object record, bool complete, SettingsTable? parent, string key, Type declared)
    {
        var table = new SettingsTable(parent, key, default);
        var more = Array.Empty<(string Key, object Value)>();
        if (FormOf(declared) is { } form)
            (record, more) = form.Split(record);
        if (SettingsKinds.Has(declared) && SettingsKinds.Default(declared) != record.GetType())
            table.Entries.Add(SettingsKinds.Key, new Setting(SettingsKinds.NameOf(record)
                ?? throw new MezzotintException(
                    $"'{table.Path}' is a {record.GetType().Name}, a type of the program's own without a name: name it with "
                    + $"SettingsKinds.Register, or use one of {string.Join(", ", SettingsKinds.Names(declared))}.") { Key =
                        table.Path }, default));
        foreach (var (name, property) in Properties(record))
        {
            if (!complete && record is IOpenSettings open && open.IsOpen(property.Name))
                continue;
            if (property.GetValue(record) is { } value)
                table.Entries.Add(name, new Setting(ToSetting(value, complete, table, name, property.PropertyType), default));
        }
        foreach (var (name, value) in more)
            table.Entries.Add(name, new Setting(value, default));
        return table;
    }

    private static object ToSetting(object value, bool complete, SettingsTable table, string key, Type declared) => value switch
    {
        int number => (long)number,
        long or double or bool or string => value,
        Enum choice => Word(choice.ToString()),
        IEnumerable<int> list => list.Select(number => new Setting((long)number, default)).ToList(),
        IEnumerable<double> list => list.Select(number => new Setting(number, default)).ToList(),
        IEnumerable<string> list => list.Select(text => new Setting(text, default)).ToList(),
        _ => Write(value, complete, table, key, declared),
    };

    /// <param name="type">What is wanted; where it has kinds, the table says which.</param>
    /// <param name="table">The table.</param>
    /// <param name="complete">As in the public method.</param>
    /// <param name="preset">The value where the file says nothing, whose kind is meant where the table names none.</param>
    [UnconditionalSuppressMessage("Trimming", "IL2067", Justification = Rooted)]
    private static object Read(Type type, SettingsTable table, bool complete, object? preset)
    {
        bool kinds = SettingsKinds.Has(type);
        var form = FormOf(type);
        if (kinds)
            type = KindOf(type, table, complete, preset);
        object record = Activator.CreateInstance(type)!;
        var properties = Properties(record);
        string[] others = [.. kinds ? [SettingsKinds.Key] : Array.Empty<string>(), .. form?.Keys ?? []];
        foreach (var (key, setting) in table.Entries)
        {
            if (!properties.ContainsKey(key) && !others.Contains(key))
                throw Unknown(key, setting, table, [.. properties.Keys, .. others]);
        }
        foreach (var (key, property) in properties)
        {
            if (table.Entries.TryGetValue(key, out var setting))
            {
                if (property.IsDefined(typeof(NumberAsTextAttribute)) && setting.Value is long or double)
                    setting = setting with { Value = string.Create(CultureInfo.InvariantCulture, $"{setting.Value}") };
                property.SetValue(
                    record, Convert(property.PropertyType, setting, table.PathOf(key), complete, property.GetValue(record)));
            }
            else if (complete && !property.IsDefined(typeof(DefaultWhenMissingAttribute))
                && new NullabilityInfoContext().Create(property).WriteState != NullabilityState.Nullable)
                throw new MezzotintException($"{table.Place}: the key '{table.PathOf(key)}' is missing.");
        }
        return form is null ? record : form.Finish(record, table, (key, wanted) =>
            table.Entries.TryGetValue(key, out var setting) ? Convert(wanted, setting, table.PathOf(key), complete, null) : null);
    }

    private static SettingsForm? FormOf(Type type) => type.GetCustomAttribute<SettingsFormAttribute>()?.Form;

    /// <summary>The record that the key <c>kind</c> names.</summary>
    private static Type KindOf(Type type, SettingsTable table, bool complete, object? preset)
    {
        string path = table.PathOf(SettingsKinds.Key);
        if (!table.Entries.TryGetValue(SettingsKinds.Key, out var setting))
            return SettingsKinds.Default(type) ?? (!complete ? preset?.GetType() : null)
                ?? throw new MezzotintException($"{table.Place}: the key '{path}' is missing.");
        var names = SettingsKinds.Names(type);
        if (setting.Value is not string kind)
            throw Wrong(setting, path, $"one of {string.Join(", ", names)}");
        return SettingsKinds.Find(type, kind) ?? throw new MezzotintException(
            $"{setting.Place}: '{path}' is {setting.Description}{Spelling.Remedy(kind, names)}");
    }

    private static object Convert(Type type, Setting setting, string path, bool complete, object? preset)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        switch (setting.Value)
        {
            case long number when type == typeof(int):
                return number is >= int.MinValue and <= int.MaxValue
                    ? (int)number : throw Wrong(setting, path, "no more than 32 bits");
            case long when type == typeof(long):
            case bool when type == typeof(bool):
            case string when type == typeof(string):
                return setting.Value;
            case string word when type.IsEnum && Enum.GetNames(type).FirstOrDefault(name => Word(name) == word) is { } choice:
                return Enum.Parse(type, choice);
            case long number when type == typeof(double):
                return (double)number;
            case double number when type == typeof(double):
                return double.IsFinite(number) ? number : throw Wrong(setting, path, "a finite number");
            case List<Setting> list when type == typeof(IReadOnlyList<int>):
                return Items<int>(list, path);
            case List<Setting> list when type == typeof(IReadOnlyList<double>):
                return Items<double>(list, path);
            case List<Setting> list when type == typeof(IReadOnlyList<string>):
                return Items<string>(list, path);
            case SettingsTable table when WantedOf(type) == "a table":
                return Read(type, table, complete, preset);
            default:
                throw Wrong(setting, path, WantedOf(type));
        }
    }

    /// <summary>A choice as files spell it.</summary>
    private static string Word(string choice) => JsonNamingPolicy.SnakeCaseLower.ConvertName(choice);

    private static T[] Items<T>(List<Setting> list, string path) =>
        [.. list.Select((item, i) => (T)Convert(typeof(T), item, $"{path}[{i}]", false, null))];

    private static string WantedOf(Type type) =>
        type == typeof(int) || type == typeof(long) ? "a whole number"
        : type == typeof(double) ? "a number"
        : type == typeof(bool) ? "true or false"
        : type == typeof(string) ? "a text in quotes"
        : type.IsEnum ? $"one of {string.Join(", ", Enum.GetNames(type).Select(Word))}"
        : type == typeof(IReadOnlyList<int>) ? "a list of whole numbers"
        : type == typeof(IReadOnlyList<double>) ? "a list of numbers"
        : type == typeof(IReadOnlyList<string>) ? "a list of texts"
        : "a table";

    private static MezzotintException Wrong(Setting setting, string path, string wanted) =>
        new($"{setting.Place}: '{path}' is {setting.Description}; it must be {wanted}.");

    private static MezzotintException Unknown(string key, Setting setting, SettingsTable table, IReadOnlyCollection<string> known)
    {
        string kind = setting.Value is SettingsTable ? "table" : "key";
        string remedy = Spelling.Nearest(key, known) is { } nearest
            ? $": did you mean '{nearest}'?" : $"; there are {string.Join(", ", known)}.";
        return new($"{setting.Place}: unknown {kind} {Printable.Quote(table.PathOf(key))}{remedy}");
    }

    // Reflection gives the properties in the order in which they are declared, those of the base last; files have them first.
    [UnconditionalSuppressMessage("Trimming", "IL2075", Justification = Rooted)]
    private static OrderedDictionary<string, PropertyInfo> Properties(object record) => new(record.GetType()
        .GetProperties(BindingFlags.Public | BindingFlags.Instance)
        .Where(property => property.CanWrite && (record as IOpenSettings)?.IsUnused(property.Name) != true)
        .OrderBy(property => property.DeclaringType == record.GetType())
        .Select(property => KeyValuePair.Create(JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name), property)));
}
