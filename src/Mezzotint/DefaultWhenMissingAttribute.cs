namespace Mezzotint;

/// <summary>Marks a setting that files may leave out even where they must be complete: files from before the setting mean its
/// default.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class DefaultWhenMissingAttribute : Attribute;
