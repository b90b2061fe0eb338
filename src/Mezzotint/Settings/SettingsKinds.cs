using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;

namespace Mezzotint.Settings;

/// <summary>
/// Settings that are one of several records, such as a noise process or a network: in files, the key <c>kind</c> of their
/// table names which.
/// The library's kinds stand at their base records; a program adds its own with <see cref="Register"/>.
/// </summary>
public static class SettingsKinds
{
    /// <summary>The key that names the kind; in files it comes first.</summary>
    internal const string Key = "kind";

    // By base record: the kinds in the order in which messages list them. A list is replaced, never changed, so readers need
    // no lock.
    private static readonly ConcurrentDictionary<Type, (string Name, Type Record)[]> Known = new();

    /// <summary>Names a record of a program's own, so that configurations and model folders can hold it.</summary>
    /// <typeparam name="TBase">The base that has kinds: the record for networks, processes, schedules, parameterisations, loss
    /// weightings, time distributions, learning rates, averages or distillations.</typeparam>
    /// <typeparam name="TRecord">The record; its settings are its properties with <c>init</c> or <c>set</c>, of the types
    /// bool, int, long, double, string, lists of them, or such records.</typeparam>
    /// <param name="name">The value of the key <c>kind</c>: lower-case letters, digits and hyphens. Naming the same record
    /// again changes nothing.</param>
    /// <exception cref="MezzotintException">The name is taken by another record, the record has another name, or the name has
    /// other characters.</exception>
    /// <exception cref="ArgumentException"><typeparamref name="TBase"/> has no kinds.</exception>
    public static void Register<TBase, [DynamicallyAccessedMembers(
        DynamicallyAccessedMemberTypes.PublicProperties | DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)]
        TRecord>(string name)
        where TBase : class
        where TRecord : class, TBase, new()
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (!Has(typeof(TBase)))
            throw new ArgumentException($"{typeof(TBase).Name} is no base of settings that have kinds.", nameof(name));
        if (!name.All(character => character is >= 'a' and <= 'z' or >= '0' and <= '9' or '-'))
            throw new MezzotintException(
                $"the kind {Printable.Quote(name)}: a name has lower-case letters, digits and hyphens alone.");
        Known.AddOrUpdate(typeof(TBase), static _ => [], (_, kinds) => Add(kinds, name, typeof(TRecord)));
    }

    /// <summary>Whether settings of a type have kinds.</summary>
    internal static bool Has(Type type) => Of(type).Length > 0;

    /// <summary>The names of the kinds of a type.</summary>
    internal static IReadOnlyList<string> Names(Type type) => [.. Of(type).Select(entry => entry.Name)];

    /// <summary>The record of a kind; null where there is none of that name.</summary>
    internal static Type? Find(Type type, string kind) => Array.Find(Of(type), entry => entry.Name == kind).Record;

    /// <summary>The record of a table that names no kind; null where it must.</summary>
    internal static Type? Default(Type type) =>
        type.GetCustomAttributes<SettingsKindAttribute>(inherit: false).FirstOrDefault(kind => kind.IsDefault)?.Record;

    /// <summary>The name of a record's kind; null for a record that has none.</summary>
    internal static string? NameOf(object record)
    {
        for (var type = record.GetType().BaseType; type is not null; type = type.BaseType)
            if (Array.Find(Of(type), entry => entry.Record == record.GetType()) is { Name: { } name })
                return name;
        return null;
    }

    private static (string Name, Type Record)[] Of(Type type) => Known.GetOrAdd(type, static type =>
        [.. type.GetCustomAttributes<SettingsKindAttribute>(inherit: false).Select(kind => (kind.Name, kind.Record))]);

    private static (string Name, Type Record)[] Add((string Name, Type Record)[] kinds, string name, Type record)
    {
        foreach (var kind in kinds)
        {
            if (kind == (name, record))
                return kinds;
            if (kind.Name == name)
                throw new MezzotintException($"the kind '{name}' is {kind.Record.Name}; give {record.Name} another name.");
            if (kind.Record == record)
                throw new MezzotintException($"{record.Name} has the name '{kind.Name}' already.");
        }
        return [.. kinds, (name, record)];
    }
}
