using System.Security.Cryptography;
using System.Text;
using Mezzotint.Formats;
using Mezzotint.Settings;

namespace Mezzotint.Models.Diffusers;

/// <summary>
/// The weights of a part: one file of safetensors; or several that an index names; or either in a variant, whose word stands
/// before the ending; or the same as PyTorch's own archives. Of several the first in this order is taken, unless a variant is
/// asked for.
/// </summary>
internal sealed record DiffusersWeights(IReadOnlyList<string> Files)
{
    private const string Ending = ".safetensors", ArchiveEnding = ".bin", IndexPart = ".index.";
    private const int MaxIndexLength = 1 << 24;

    /// <summary>Finds the files.</summary>
    /// <param name="folder">The folder of the model.</param>
    /// <param name="part">The folder of the part in it.</param>
    /// <param name="stem">What their names begin with, such as <c>model</c>.</param>
    /// <param name="variant">The word of a variant, which goes before all others; null for none.</param>
    /// <exception cref="MezzotintException">There are none, or an index is damaged or names a file that is missing.</exception>
    public static DiffusersWeights Find(string folder, string part, string stem, string? variant = null)
    {
        (string Stem, string Ending)[] kinds =
        [
            // transformers' archives have a name of their own
            (stem, Ending), (stem == TextEncoderFolder.WeightsStem ? TextEncoderFolder.ArchiveStem : stem, ArchiveEnding),
        ];
        return (variant is null ? null : kinds.Select(kind => OfVariant(folder, part, kind.Stem, kind.Ending, variant))
                .FirstOrDefault(found => found is not null))
            ?? kinds.Select(kind => Any(folder, part, kind.Stem, kind.Ending)).FirstOrDefault(found => found is not null)
            ?? throw new MezzotintException(
                $"'{Path.Combine(folder, part)}' has no weights: it lacks {stem}{Ending}; copy the whole folder again.");
    }

    /// <summary>Those of a variant: one file, or several with an index, whose name has the word before either ending.</summary>
    private static DiffusersWeights? OfVariant(string folder, string part, string stem, string ending, string variant)
    {
        string[] names = AtomicFolder.FilesOf(folder, part, stem);
        if (names.Contains($"{stem}.{variant}{ending}"))
            return Single(folder, part, $"{stem}.{variant}{ending}");
        string[] indices = [$"{stem}.{variant}{ending}{IndexPart}json", $"{stem}{ending}{IndexPart}{variant}.json"];
        return Array.Find(indices, names.Contains) is { } index ? Indexed(folder, part, index) : null;
    }

    private static DiffusersWeights? Any(string folder, string part, string stem, string ending)
    {
        string[] names = AtomicFolder.FilesOf(folder, part, stem);
        bool IsIndex(string name) => name.EndsWith(".json", StringComparison.Ordinal)
            && name.Contains(ending + IndexPart, StringComparison.Ordinal);
        bool IsWhole(string name) => name.EndsWith(ending, StringComparison.Ordinal) // and not one of several
            && !name.Contains("-of-", StringComparison.Ordinal);
        if (names.Contains(stem + ending))
            return Single(folder, part, stem + ending);
        string? index = names.Where(IsIndex).OrderBy(name => name.Length).FirstOrDefault();
        if (index == $"{stem}{ending}{IndexPart}json")
            return Indexed(folder, part, index);
        if (names.Where(IsWhole).Order(StringComparer.Ordinal).FirstOrDefault() is { } variant)
            return Single(folder, part, variant);
        return index is null ? null : Indexed(folder, part, index);
    }

    /// <summary>The file that stands for all of them in messages.</summary>
    public string Name => Files[0];

    /// <summary>The word of a variant, such as <c>fp16</c>; null for none.</summary>
    public string? Variant
    {
        get
        {
            string[] words = [.. Path.GetFileName(Name).Split('.')[1..^1].Select(word => word.Split("-of-")[0].Split('-')[0])];
            return words is [{ Length: > 0 } word] ? word : null;
        }
    }

    /// <summary>The SHA-256 of the file; of several, that of theirs, a line each.</summary>
    public string Hash()
    {
        string[] each = [.. Files.Select(path =>
            InputFile.Read(path, stream => Convert.ToHexStringLower(SHA256.HashData(stream))))];
        return each is [var single] ? single
            : Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(string.Join('\n', each))));
    }

    /// <summary>Opens them.</summary>
    /// <param name="count">The numbers that the part has; far larger files are refused before they are read.</param>
    /// <param name="whole">Whether the numbers are wanted too: else only shapes and types are looked at.</param>
    /// <exception cref="MezzotintException">A file is damaged or far too large, or two have a tensor of one name.</exception>
    public DiffusersTensors Read(long count, bool whole = true) => DiffusersTensors.Open(Files, count, whole);

    private static DiffusersWeights Single(string folder, string part, string name) =>
        new([AtomicFolder.PathOf(folder, Path.Combine(part, name))]);

    private static DiffusersWeights Indexed(string folder, string part, string index)
    {
        string path = AtomicFolder.PathOf(folder, Path.Combine(part, index));
        var table = JsonSettings.Parse(SmallFile.Read(path, MaxIndexLength), path);
        string[] names = (table.Entries.GetValueOrDefault("weight_map")?.Value as SettingsTable)?.Entries.Values
            .Select(entry => entry.Value as string ?? "").Distinct().ToArray() ?? [];
        if (names.Length == 0 || names.Any(name => name != Path.GetFileName(name) || name is "" or "." or ".."))
            throw new MezzotintException(
                $"'{path}' is no index of weights: 'weight_map' must name the file of each tensor, in the same folder.");
        string[] files = [.. names.Select(name => AtomicFolder.PathOf(folder, Path.Combine(part, name)))];
        return Array.Find(files, file => !File.Exists(file)) is { } missing
            ? throw new MezzotintException($"'{missing}' is missing, which '{path}' names: copy the whole folder again.")
            : new(files);
    }
}
