using System.Globalization;

namespace Mezzotint.Models;

/// <summary>What has been added to a model: a low-rank adapter, or learned words. A receipt says it.</summary>
/// <param name="Name">The name of its file.</param>
/// <param name="Weight">How much of it: 1 for all, as of words always.</param>
/// <param name="Sha256">The SHA-256 of its file, in lower-case hexadecimal digits.</param>
public sealed record ModelAdapter(string Name, double Weight, string Sha256)
{
    /// <summary>The words that it has; null for a low-rank adapter.</summary>
    public IReadOnlyList<string>? Words { get; init; }

    /// <summary>The option of the command that adds it, with its value.</summary>
    internal string Option => Words is null ? $"--adapter {this}" : $"--embedding {Name}";

    /// <summary>Name and weight, as the command's <c>--adapter</c> takes them; of words the name alone.</summary>
    public override string ToString() =>
        Words is null ? string.Create(CultureInfo.InvariantCulture, $"{Name}:{Weight:R}") : Name;
}
