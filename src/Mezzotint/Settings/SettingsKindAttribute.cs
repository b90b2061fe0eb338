namespace Mezzotint.Settings;

/// <summary>On the base of several records of settings: the name under which files know one of them.</summary>
/// <param name="name">The value of the key <c>kind</c>, in lower case with hyphens.</param>
/// <param name="record">The record: it derives from the base and has a constructor without parameters.</param>
/// <remarks>Programs name records of their own by <see cref="SettingsKinds.Register"/>.</remarks>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true, Inherited = false)]
internal sealed class SettingsKindAttribute(string name, Type record) : Attribute
{
    /// <summary>The value of the key <c>kind</c>.</summary>
    public string Name => name;

    /// <summary>The record.</summary>
    public Type Record => record;

    /// <summary>Whether it is the kind of a table that names none; such a table is written without its kind.</summary>
    public bool IsDefault { get; init; }
}
