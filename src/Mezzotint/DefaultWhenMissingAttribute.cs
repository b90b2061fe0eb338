namespace Mezzotint;

/// <summary>Marks a setting that files may leave out even where they must be complete: those written before the setting existed mean its default.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class DefaultWhenMissingAttribute : Attribute;
