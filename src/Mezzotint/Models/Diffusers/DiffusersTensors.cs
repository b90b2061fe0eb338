using Mezzotint.Formats;

namespace Mezzotint.Models.Diffusers;

/// <summary>The tensors of a part of a model where they lie in its mapped files. They end with it.</summary>
internal sealed class DiffusersTensors : IDisposable
{
    private readonly List<MappedFile> _files = [];
    private readonly Dictionary<string, TensorData> _tensors = [];

    private DiffusersTensors()
    {
    }

    /// <summary>The tensors by name.</summary>
    public IReadOnlyDictionary<string, TensorData> Tensors => _tensors;

    /// <summary>The free text of the first file; empty for PyTorch's archives.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; private set; } = new Dictionary<string, string>();

    /// <summary>Opens files.</summary>
    /// <param name="paths">Files of safetensors, or PyTorch's archives, of which nothing is executed.</param>
    /// <param name="count">The numbers that the part has.</param>
    /// <param name="whole">Whether the numbers are wanted too.</param>
    /// <exception cref="MezzotintException">A file is damaged or far too large, or two have a tensor of one name.</exception>
    public static DiffusersTensors Open(IReadOnlyList<string> paths, long count, bool whole)
    {
        var opened = new DiffusersTensors();
        try
        {
            foreach (string path in paths)
                opened.Add(path, count, whole);
            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    public void Dispose() => _files.ForEach(file => file.Dispose());

    private void Add(string path, long count, bool whole)
    {
        var file = MappedFile.Open(path);
        _files.Add(file);
        NetworkWeights.CheckLength(file.Length, count, path);
        foreach (var (name, tensor) in Read(file, path, whole))
            if (!_tensors.TryAdd(name, tensor))
                throw new MezzotintException(
                    $"'{path}': the weights {Printable.Quote(name)} are in another file of the same index too.");
    }

    private OrderedDictionary<string, TensorData> Read(MappedFile file, string path, bool whole)
    {
        if (!path.EndsWith(".safetensors", StringComparison.Ordinal))
            return PyTorchArchive.Read(file, path, [null], _ => true, whole);
        var read = SafetensorsFile.Read(file, path);
        if (_files.Count == 1)
            Metadata = read.Metadata;
        return read.Tensors;
    }
}
