using System.Globalization;
using System.Text.Json.Serialization;

namespace Mezzotint.Models;

/// <summary>What has been added to a model: a low-rank adapter, learned words, another autoencoder. A receipt says
/// it.</summary>
/// <param name="Name">The name of its file.</param>
/// <param name="Weight">How much of it: 1 for all, as of words always.</param>
/// <param name="Sha256">The SHA-256 of its file, in lower-case hexadecimal digits.</param>
public sealed record ModelAdapter(string Name, double Weight, string Sha256)
{
    /// <summary>The words that it has; null for a low-rank adapter.</summary>
    public IReadOnlyList<string>? Words { get; init; }

    /// <summary>Whether it is an autoencoder in place of the model's own.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsAutoencoder { get; init; }

    /// <summary>The option of the command that adds it, with its value.</summary>
    internal string Option => IsAutoencoder ? $"--autoencoder {Name}"
        : Words is null ? $"--adapter {this}" : $"--embedding {Name}";

    /// <summary>Name and weight, as the command's <c>--adapter</c> takes them; of others the name alone.</summary>
    public override string ToString() =>
        Words is null && !IsAutoencoder ? string.Create(CultureInfo.InvariantCulture, $"{Name}:{Weight:R}") : Name;
}
