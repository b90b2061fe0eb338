using System.Globalization;

namespace Mezzotint.Settings;

/// <summary>Where a setting stands: a file with a line (counted from 1, or 0 for none), or an option of the command
/// line.</summary>
internal readonly record struct Place(string Source, int Line = 0)
{
    public override string ToString() =>
        Line > 0 ? string.Create(CultureInfo.InvariantCulture, $"{Source}, line {Line}") : Source;
}

/// <summary>A value of a TOML or JSON file, and where it stands.</summary>
/// <param name="Value">A <see cref="long"/>, <see cref="double"/>, <see cref="bool"/>, <see cref="string"/>,
/// <see cref="List{T}"/> of settings, <see cref="SettingsTable"/>, or <see cref="UnusedKind"/>.</param>
/// <param name="Place">Where.</param>
internal sealed record Setting(object Value, Place Place)
{
    /// <summary>The value in the words of an error message.</summary>
    public string Description => Value switch
    {
        long number => string.Create(CultureInfo.InvariantCulture, $"the whole number {number}"),
        double number => string.Create(CultureInfo.InvariantCulture, $"the number {number:R}"),
        bool truth => truth ? "true" : "false",
        string text => $"the text {Printable.Quote(text)}",
        List<Setting> => "a list",
        SettingsTable => "a table",
        UnusedKind kind => kind.Description,
        _ => throw new InvalidOperationException($"A setting cannot hold a {Value.GetType()}."),
    };
}

/// <summary>A value of a kind that no setting has: a date in TOML, null in JSON.</summary>
internal sealed record UnusedKind(string Description);

/// <summary>What a TOML or JSON file says, before anything is known about its meaning: keys and settings, in the order of the
/// file.</summary>
internal sealed class SettingsTable(SettingsTable? parent, string key, Place place)
{
    /// <summary>Tables lie at most this deep within each other; a deeper one is refused by whoever reads the file.</summary>
    public const int MaxDepth = 16;

    /// <summary>The table that is the whole file.</summary>
    public SettingsTable(string source) : this(null, "", new Place(source)) { }

    /// <summary>Where the table begins.</summary>
    public Place Place { get; } = place;

    /// <summary>How many tables this one lies in.</summary>
    public int Depth { get; } = parent is null ? 0 : parent.Depth + 1;

    /// <summary>The table that is the whole file.</summary>
    public SettingsTable Root => parent?.Root ?? this;

    /// <summary>The settings by their keys.</summary>
    public OrderedDictionary<string, Setting> Entries { get; } = [];

    /// <summary>The keys that lead here, with dots between them; empty for the whole file.</summary>
    public string Path => parent is null ? key : parent.PathOf(key);

    /// <summary>The keys that lead to an entry, with dots between them.</summary>
    public string PathOf(string entry) => Path is { Length: > 0 } path ? $"{path}.{entry}" : entry;

    /// <summary>What stands here and in the tables below, by its full keys.</summary>
    public IEnumerable<KeyValuePair<string, object>> Flat()
    {
        foreach (var (entry, setting) in Entries)
            if (setting.Value is SettingsTable table)
                foreach (var inner in table.Flat())
                    yield return inner;
            else
                yield return new(PathOf(entry), setting.Value is List<Setting> list
                    ? string.Join(", ", list.Select(item => Convert.ToString(item.Value, CultureInfo.InvariantCulture)))
                    : setting.Value);
    }

    /// <summary>Adds an entry.</summary>
    /// <exception cref="MezzotintException">There is one of that key.</exception>
    public void Add(string entry, Setting setting)
    {
        if (!Entries.TryAdd(entry, setting))
            throw new MezzotintException(
                $"{setting.Place}: the key {Printable.Quote(PathOf(entry))} is there twice; the first is at "
                + $"{Entries[entry].Place}.");
    }

    /// <summary>The table under a key, made where there is none.</summary>
    /// <exception cref="MezzotintException">The key holds something else, or the table would lie too deep.</exception>
    public SettingsTable Open(string entry, Place where)
    {
        if (!Entries.TryGetValue(entry, out var setting))
        {
            if (Depth == MaxDepth)
                throw new MezzotintException($"{where}: tables lie more than {MaxDepth} deep within each other.");
            setting = new Setting(new SettingsTable(this, entry, where), where);
            Entries.Add(entry, setting);
        }
        return setting.Value as SettingsTable
            ?? throw new MezzotintException(
                $"{where}: {Printable.Quote(PathOf(entry))} cannot be a table, as it is {setting.Description} at "
                + $"{setting.Place}.");
    }

    /// <summary>Runs checks whose messages begin with the key that is out of its range, and puts the key's place in
    /// front.</summary>
    /// <param name="check">The checks.</param>
    /// <param name="prefix">What the messages' keys begin with and those of the file do not.</param>
    /// <exception cref="MezzotintException">A check fails.</exception>
    public void Validate(Action check, string prefix = "")
    {
        try
        {
            check();
        }
        catch (MezzotintException fault)
        {
            string message = fault.Message.StartsWith(prefix, StringComparison.Ordinal)
                ? fault.Message[prefix.Length..] : fault.Message;
            throw new MezzotintException($"{Find(message.Split(" = ")[0]) ?? Place}: {message}", fault);
        }
    }

    // Where the setting stands whose keys these are; null where the file leaves it out.
    private Place? Find(string path)
    {
        var table = this;
        string[] keys = path.Split('.');
        foreach (string entry in keys[..^1])
        {
            if (!table.Entries.TryGetValue(entry, out var inner) || inner.Value is not SettingsTable next)
                return null;
            table = next;
        }
        return table.Entries.TryGetValue(keys[^1], out var setting) ? setting.Place : null;
    }
}
