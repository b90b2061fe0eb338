namespace Mezzotint;

/// <summary>Marks a text setting that may be written as a number too: <c>0.2</c> means <c>"0.2"</c>.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class NumberAsTextAttribute : Attribute;
