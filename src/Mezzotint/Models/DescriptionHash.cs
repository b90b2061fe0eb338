using System.Security.Cryptography;
using Mezzotint.Formats;

namespace Mezzotint.Models;

/// <summary>What ties the weights of a folder to its description: they carry the hash of the one they go with.</summary>
/// <remarks>It leaves out carriage returns, which git adds on some systems.</remarks>
internal static class DescriptionHash
{
    private const string Key = "config_sha256";

    /// <summary>The hash of a description, in lower-case hexadecimal digits.</summary>
    public static string Of(byte[] description) =>
        Convert.ToHexStringLower(SHA256.HashData(Array.FindAll(description, b => b != '\r')));

    /// <summary>What the weights' file is to carry.</summary>
    public static IReadOnlyDictionary<string, string> Metadata(byte[] description) =>
        new Dictionary<string, string> { [Key] = Of(description) };

    /// <summary>Refuses weights that go with another description; those of other programs say nothing, and pass.</summary>
    /// <param name="metadata">Of the weights' file.</param>
    /// <param name="hash">The hash of the description beside them.</param>
    /// <param name="folder">The folder, for messages.</param>
    /// <param name="description">The description's file, likewise.</param>
    /// <param name="weights">The weights' file, likewise.</param>
    /// <param name="remedy">How to write the folder again.</param>
    /// <exception cref="MezzotintException">The hashes differ.</exception>
    public static void Check(IReadOnlyDictionary<string, string> metadata, string hash, string folder, string description,
        string weights, string remedy)
    {
        if (metadata.TryGetValue(Key, out string? expected) && expected != hash)
            throw new MezzotintException(
                $"'{folder}' is half written: its {description} is not the one that {weights} was written with; {remedy}, or put "
                + $"the right {description} back.");
    }
}
