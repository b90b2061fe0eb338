using System.Diagnostics.CodeAnalysis;

namespace Mezzotint.Settings;

/// <summary>
/// How records of a base stand in files where that is more than their properties: further keys, and what they make of the record.
/// </summary>
internal abstract class SettingsForm
{
    /// <summary>The further keys.</summary>
    public abstract IReadOnlyList<string> Keys { get; }

    /// <summary>Makes of a record what the further keys ask for.</summary>
    /// <param name="record">The record of the other keys.</param>
    /// <param name="table">The whole table.</param>
    /// <param name="value">Reads a key of the table as a type; null where it is not there.</param>
    public abstract object Finish(object record, SettingsTable table, Func<string, Type, object?> value);

    /// <summary>
    /// The inverse of <see cref="Finish"/>: the record whose properties are written, and the further keys with their values.
    /// </summary>
    /// <exception cref="MezzotintException">Files have no words for the record.</exception>
    public abstract (object Record, (string Key, object Value)[] Keys) Split(object record);
}

/// <summary>On the base of records of settings: their <see cref="SettingsForm"/>.</summary>
/// <param name="form">The form: a type with a constructor without parameters.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = true)]
internal sealed class SettingsFormAttribute(
    [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] Type form) : Attribute
{
    /// <summary>The form.</summary>
    public SettingsForm Form { get; } = (SettingsForm)Activator.CreateInstance(form)!;
}
