using System.Diagnostics.CodeAnalysis;
using Mezzotint.Formats;

namespace Mezzotint.Models.SingleFiles;

/// <summary>The tensors of a single file where they lie in it: <c>.safetensors</c>, or <c>.ckpt</c>, of which nothing is
/// executed. They end with it.</summary>
internal sealed class SingleFileTensors : IDisposable
{
    private const string Safetensors = ".safetensors", Checkpoint = ".ckpt";
    private static readonly string[] Parts = [SingleFileNames.UNet, SingleFileNames.Autoencoder, SingleFileNames.Text];

    private readonly MappedFile _file;
    private readonly OrderedDictionary<string, TensorData> _tensors;

    private SingleFileTensors(
        string path, MappedFile file, OrderedDictionary<string, TensorData> tensors, IEnumerable<string> names,
        IReadOnlyDictionary<string, string> metadata) =>
        (Path, _file, _tensors, Names, Metadata) = (path, file, tensors, [.. names], metadata);

    /// <summary>Whether a name is one of such files.</summary>
    public static bool HasEnding(string path) =>
        path.EndsWith(Safetensors, StringComparison.OrdinalIgnoreCase)
        || path.EndsWith(Checkpoint, StringComparison.OrdinalIgnoreCase);

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The names of all its tensors, also of those that nobody needs.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The free text of safetensors.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="whole">Whether its numbers are wanted too: else only shapes are looked at.</param>
    /// <param name="bare">What is put before the names of a file that has none of a model's parts, but one part alone; null to
    /// pass its tensors over.</param>
    /// <exception cref="MezzotintException">It cannot be read, is damaged, or is no such file.</exception>
    public static SingleFileTensors Open(string path, bool whole, string? bare = null)
    {
        var file = MappedFile.Open(path);
        bool OfPart(string name) => Array.Exists(Parts, part => name.StartsWith(part, StringComparison.Ordinal));
        bool Wanted(string name) => bare is not null || OfPart(name);
        OrderedDictionary<string, TensorData> Named(OrderedDictionary<string, TensorData> tensors) =>
            bare is null || tensors.Keys.Any(OfPart) ? tensors
                : new(tensors.Select(pair => KeyValuePair.Create(bare + pair.Key, pair.Value)));
        try
        {
            if (path.EndsWith(Safetensors, StringComparison.OrdinalIgnoreCase))
            {
                var read = SafetensorsFile.Read(file, path);
                return new(
                    path, file, Named(new(read.Tensors.Where(pair => Wanted(pair.Key)))), read.Tensors.Keys, read.Metadata);
            }
            var names = new List<string>();
            var tensors = PyTorchArchive.Read(file, path, ["state_dict", null], name =>
            {
                names.Add(name);
                return Wanted(name);
            }, whole);
            return new(path, file, Named(tensors), names, new Dictionary<string, string>());
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Whether there is a tensor of a part by this name.</summary>
    public bool Has(string name) => _tensors.ContainsKey(name);

    /// <summary>A tensor of a part.</summary>
    public bool TryGet(string name, [NotNullWhen(true)] out TensorData? tensor) => _tensors.TryGetValue(name, out tensor);

    /// <summary>The lengths of a tensor's axes, which must be so many.</summary>
    /// <exception cref="MezzotintException">It is not there, or of another rank, or far too large.</exception>
    public int[] Shape(string name, params int[] ranks)
    {
        if (!_tensors.TryGetValue(name, out var tensor))
            throw new MezzotintException(
                $"'{Path}' lacks the weights {Printable.Quote(name)}, which every Stable Diffusion has: it is damaged, or "
                + "another model.");
        return ranks.Contains(tensor.Shape.Length) && tensor.Shape.All(length => length is > 0 and <= 1 << 20)
            ? Array.ConvertAll(tensor.Shape, length => (int)length)
            : throw new MezzotintException(
                $"'{Path}': the weights {Printable.Quote(name)} are [{string.Join(", ", tensor.Shape)}], which no Stable "
                + "Diffusion has: it is damaged, or another model.");
    }

    /// <summary>How many of the names <c>before0after, before1after, ...</c> there are.</summary>
    public int Count(string before, string after)
    {
        int count = 0;
        while (_tensors.ContainsKey(before + count.ToString(System.Globalization.CultureInfo.InvariantCulture) + after))
            count++;
        return count;
    }

    /// <summary>The tensors whose names begin so.</summary>
    public Dictionary<string, TensorData> Under(string prefix) =>
        _tensors.Where(pair => pair.Key.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary();

    public void Dispose() => _file.Dispose();
}
