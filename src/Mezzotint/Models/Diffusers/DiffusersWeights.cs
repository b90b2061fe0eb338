using System.Security.Cryptography;
using System.Text;
using Mezzotint.Formats;
using Mezzotint.Settings;

namespace Mezzotint.Models.Diffusers;

/// <summary>
/// The weights of a part: one file of safetensors; or several that an index names; or either in a variant, whose word stands
/// before the ending; or PyTorch's own archive. Of several the first in this order is taken.
/// </summary>
internal sealed record DiffusersWeights(IReadOnlyList<string> Files)
{
    private const string Ending = ".safetensors", IndexEnding = ".safetensors.index.json", ArchiveEnding = ".bin";
    private const int MaxIndexLength = 1 << 24;

    /// <summary>Finds the files.</summary>
    /// <param name="folder">The folder of the model.</param>
    /// <param name="part">The folder of the part in it.</param>
    /// <param name="stem">What their names begin with, such as <c>model</c>.</param>
    /// <exception cref="MezzotintException">There are none, or an index is damaged or names a file that is missing.</exception>
    public static DiffusersWeights Find(string folder, string part, string stem)
    {
        string[] names = AtomicFolder.FilesOf(folder, part, stem);
        if (names.Contains(stem + Ending))
            return Single(folder, part, stem + Ending);
        string? index = names.Where(IsIndex).OrderBy(name => name.Length).FirstOrDefault();
        if (index == stem + IndexEnding)
            return Indexed(folder, part, index);
        if (names.Where(IsWhole).Order(StringComparer.Ordinal).FirstOrDefault() is { } variant)
            return Single(folder, part, variant);
        if (index is not null)
            return Indexed(folder, part, index);
        if (names.Contains(stem + ArchiveEnding))
            return Single(folder, part, stem + ArchiveEnding);
        throw new MezzotintException(
            $"'{Path.Combine(folder, part)}' has no weights: it lacks {stem}{Ending}; copy the whole folder again.");
    }

    /// <summary>The file that stands for all of them in messages.</summary>
    public string Name => Files[0];

    /// <summary>The SHA-256 of the file; of several, that of theirs, a line each.</summary>
    public string Hash()
    {
        string[] each = [.. Files.Select(path =>
            InputFile.Read(path, stream => Convert.ToHexStringLower(SHA256.HashData(stream))))];
        return each is [var single] ? single
            : Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(string.Join('\n', each))));
    }

    /// <summary>Reads them.</summary>
    /// <param name="count">The numbers that the part has; far larger files are refused before they are read.</param>
    /// <returns>The tensors by name, and the metadata of the first file.</returns>
    /// <exception cref="MezzotintException">A file is damaged or far too large, or two have a tensor of one name.</exception>
    public (IReadOnlyDictionary<string, TensorData> Tensors, IReadOnlyDictionary<string, string> Metadata) Read(long count)
    {
        if (Files is [var archive] && archive.EndsWith(ArchiveEnding, StringComparison.Ordinal))
            return (PyTorchArchive.Read(archive), new Dictionary<string, string>());
        var tensors = new Dictionary<string, TensorData>();
        IReadOnlyDictionary<string, string>? metadata = null;
        foreach (string path in Files)
        {
            var file = SafetensorsFile.Read(path, length => NetworkWeights.CheckLength(length, count, path));
            metadata ??= file.Metadata;
            foreach (var (name, tensor) in file.Tensors)
                if (!tensors.TryAdd(name, tensor))
                    throw new MezzotintException(
                        $"'{path}': the weights {Printable.Quote(name)} are in another file of the same index too.");
        }
        return (tensors, metadata!);
    }

    /// <summary>Whether a file is all of a variant's weights, and not one of several.</summary>
    private static bool IsWhole(string name) =>
        name.EndsWith(Ending, StringComparison.Ordinal) && !name.Contains("-of-", StringComparison.Ordinal);

    private static bool IsIndex(string name) =>
        name.EndsWith(".json", StringComparison.Ordinal) && name.Contains(Ending + ".index.", StringComparison.Ordinal);

    private static DiffusersWeights Single(string folder, string part, string name) =>
        new([AtomicFolder.PathOf(folder, Path.Combine(part, name))]);

    private static DiffusersWeights Indexed(string folder, string part, string index)
    {
        string path = AtomicFolder.PathOf(folder, Path.Combine(part, index));
        var table = JsonSettings.Parse(SmallFile.Read(path, MaxIndexLength), path);
        string[] names = (table.Entries.GetValueOrDefault("weight_map")?.Value as SettingsTable)?.Entries.Values
            .Select(entry => entry.Value as string ?? "").Distinct().ToArray() ?? [];
        if (names.Length == 0 || names.Any(name => name != Path.GetFileName(name) || name.Length == 0))
            throw new MezzotintException(
                $"'{path}' is no index of weights: 'weight_map' must name the file of each tensor, in the same folder.");
        string[] files = [.. names.Select(name => AtomicFolder.PathOf(folder, Path.Combine(part, name)))];
        return Array.Find(files, file => !File.Exists(file)) is { } missing
            ? throw new MezzotintException($"'{missing}' is missing, which '{path}' names: copy the whole folder again.")
            : new(files);
    }
}
