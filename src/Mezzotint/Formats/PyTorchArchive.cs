using System.Globalization;
using System.Text;

namespace Mezzotint.Formats;

/// <summary>Reads the state dict in a file of PyTorch's <c>torch.save</c> (version 1.6 or newer). Executes nothing.</summary>
/// <remarks>
/// The file is a zip archive without compression: <c>NAME/data.pkl</c>, a pickle of the dictionary in which a tensor is a storage
/// key with an offset, shape and strides; <c>NAME/data/KEY</c>, the bytes of a storage; <c>NAME/byteorder</c> (since PyTorch 2.1)
/// and <c>NAME/version</c>. Source: PyTorch's notes on serialization semantics, and files that it wrote.
/// </remarks>
public static class PyTorchArchive
{
    private const int MaxPickleLength = 1 << 24;

    // The newest version of the file format that PyTorch has (caffe2/serialize/versions.h).
    private const int NewestVersion = 10;

    /// <summary>Reads a state dict: a dictionary of strings and tensors, alone or in a checkpoint that has one.</summary>
    /// <param name="path">The file, for instance <c>weights.pt</c>.</param>
    /// <param name="key">Which state dict, where the file holds a checkpoint with several: the key that it lies under, deeper
    /// ones after a dot, as <c>ema</c> or <c>nets.ema</c>. Null for the only one, wherever it lies.</param>
    /// <returns>The tensors by name, in the order of the dictionary, row-major whatever their strides in the file. Tensors that
    /// share a storage in the file may share their bytes here. Storages of a GPU are read as those of the CPU.</returns>
    /// <exception cref="MezzotintException">The file cannot be read, is no such archive, holds no state dict or several and no
    /// key says which, or would take more memory than its length justifies.</exception>
    public static OrderedDictionary<string, TensorData> Read(string path, string? key = null) => ReadUnder(path, key).Tensors;

    /// <summary>Reads as <see cref="Read(string, string?)"/> does, and tells the key of what was taken; null for all.</summary>
    internal static (OrderedDictionary<string, TensorData> Tensors, string? Key) ReadUnder(string path, string? key) =>
        InputFile.Read(path, stream => Read(stream, path, key));

    /// <summary>Reads a state dict from a seekable stream.</summary>
    internal static (OrderedDictionary<string, TensorData> Tensors, string? Key) Read(Stream stream, string file, string? key) =>
        Read(stream, file, zip => new Reader(file, stream.Length, zip, entry => zip.Read(entry)).Read([key], _ => true));

    /// <summary>Reads from a mapped file; tensors that are stored row-major lie in it, without a copy, and end with it.</summary>
    /// <param name="mapped">The file.</param>
    /// <param name="file">Its name, for messages.</param>
    /// <param name="keys">Keys that state dicts have; the first that is there is taken, null for the only one.</param>
    /// <param name="wanted">Which tensors; others are passed over.</param>
    /// <param name="whole">Whether the numbers are wanted, and checked; else shapes alone, and the numbers stay unread.</param>
    internal static OrderedDictionary<string, TensorData> Read(
        MappedFile mapped, string file, IReadOnlyList<string?> keys, Func<string, bool> wanted, bool whole) =>
        Read(mapped.Stream, file, zip =>
            new Reader(file, mapped.Length, zip, entry => zip.Read(entry, mapped, check: whole)).Read(keys, wanted)).Tensors;

    private static T Read<T>(Stream stream, string file, Func<ZipReader, T> read)
    {
        CheckStart(stream, file);
        try
        {
            var zip = ZipReader.Open(stream);
            if (zip.Entries.Values.FirstOrDefault(entry => !entry.IsStored) is { } compressed)
                throw Invalid(
                    file, $"its entry {Printable.Quote(compressed.Name)} is compressed; PyTorch stores entries as they are");
            return read(zip);
        }
        catch (InvalidDataException e)
        {
            throw Invalid(file, e.Message);
        }
    }

    private static void CheckStart(Stream stream, string file)
    {
        Span<byte> start = stackalloc byte[4];
        start = start[..stream.ReadAtLeast(start, 4, throwOnEndOfStream: false)];
        stream.Position = 0;
        if (start is [0x80, ..])
            throw Invalid(
                file,
                "it has the format that torch.save had before PyTorch 1.6; load it with PyTorch 1.6 or newer and save its state "
                + "dict again");
        if (!start.SequenceEqual("PK\u0003\u0004"u8))
            throw Invalid(file, "it is no zip archive, as torch.save of PyTorch 1.6 or newer writes");
    }

    private static MezzotintException Invalid(string file, string fault) =>
        new($"'{file}' cannot be read as PyTorch weights: {fault}.");

    private sealed class Reader(string file, long fileLength, ZipReader zip, Func<ZipEntry, ReadOnlyMemory<byte>> bytesOf)
    {
        private readonly Dictionary<string, ReadOnlyMemory<byte>> _storages = [];
        private long _copied;

        public (OrderedDictionary<string, TensorData> Tensors, string? Key) Read(
            IReadOnlyList<string?> keys, Func<string, bool> wanted)
        {
            string[] pickles = [.. zip.Entries.Keys.Where(name => name.EndsWith("/data.pkl", StringComparison.Ordinal)).Take(2)];
            if (pickles is not [var pickleName])
                throw Invalid(
                    file,
                    pickles.Length == 0
                        ? "it has no entry NAME/data.pkl; is it a file of torch.save?" : "it has several entries NAME/data.pkl");
            string folder = pickleName[..^"data.pkl".Length];
            CheckText(folder);
            ZipEntry pickle = zip.Entries[pickleName];
            if (pickle.Length > MaxPickleLength)
                throw Invalid(
                    file, $"its data.pkl has {pickle.Length} bytes, more than the {MaxPickleLength} that are read");
            object? root = Unpickler.Read(zip.Read(pickle), file);
            var (dictionary, taken) = StateDictSearch.Find(
                root, keys.FirstOrDefault(key => StateDictSearch.Has(root, key), keys[^1]), fault => Invalid(file, fault));
            if (dictionary.OtherKey is { } other)
                throw Invalid(file, $"a dict has {other} for a key; the keys of a state dict are strings");
            var tensors = new OrderedDictionary<string, TensorData>(dictionary.Count);
            foreach (var (name, value) in dictionary.Items)
            {
                if (!wanted(name))
                    continue;
                if (value is PickleOpaque opaque)
                    throw Invalid(file, StateDictSearch.Refused(opaque));
                if (value is not PickledTensor tensor)
                    throw Invalid(
                        file,
                        $"its key {Printable.Quote(name)} holds {PickleValue.Describe(value)}, not a tensor; save the state dict "
                        + $"alone, without anything around or beside it");
                tensors.Add(name, Tensor(name, tensor, folder));
            }
            return (tensors, taken);
        }

        private void CheckText(string folder)
        {
            if (Text(folder + "byteorder") is { } order && order != "little")
                throw Invalid(
                    file,
                    $"its byte order is {Printable.Quote(order)}; only 'little' is read, so save it on a little-endian machine");
            if (Text(folder + "version") is { } version
                && !(int.TryParse(version.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out int number)
                    && number is >= 1 and <= NewestVersion))
                throw Invalid(file, $"its format version is {Printable.Quote(version)}; 1 to {NewestVersion} are read");
        }

        private string? Text(string name)
        {
            if (!zip.Entries.TryGetValue(name, out var entry))
                return null;
            return entry.Length <= 64 ? Encoding.Latin1.GetString(zip.Read(entry))
                : throw Invalid(file, $"its entry {Printable.Quote(name)} has {entry.Length} bytes, far too many");
        }

        private TensorData Tensor(string name, PickledTensor tensor, string folder)
        {
            PickledStorage source = tensor.Storage;
            var storage = Storage(name, source, folder);
            if (TensorLayout.ByteCount(source.Type, tensor.Shape) is not { } length)
                throw InvalidTensor(name, $"has more than {TensorLayout.MaxRank} axes, or a size that overflows 63 bits");
            if (!TensorLayout.Fits(tensor.Shape, tensor.Strides, tensor.Offset, source.ElementCount))
                throw InvalidTensor(
                    name, $"reaches beyond the {source.ElementCount} elements of its storage {Printable.Quote(source.Key)}");
            int elementSize = TensorData.ElementSize(source.Type);
            ReadOnlyMemory<byte> bytes;
            if (TensorLayout.IsContiguous(tensor.Shape, tensor.Strides))
            {
                bytes = length == 0 ? default : storage.Slice((int)tensor.Offset * elementSize, (int)length);
            }
            else
            {
                // Strides of 0 can make a tensor of any size out of one element.
                if (length > fileLength - _copied)
                    throw InvalidTensor(
                        name,
                        $"would take {length} bytes, which its storage of {storage.Length} bytes and a file of {fileLength} do "
                        + $"not justify; save it contiguous");
                _copied += length;
                byte[] copy = GC.AllocateUninitializedArray<byte>((int)length);
                TensorLayout.Copy(copy, storage.Span, elementSize, tensor.Shape, tensor.Strides, tensor.Offset);
                bytes = copy;
            }
            if (!TensorLayout.HasValidBytes(source.Type, bytes.Span))
                throw InvalidTensor(name, "is of booleans and has a byte that is neither 0 nor 1");
            return new TensorData(source.Type, tensor.Shape, bytes);
        }

        private ReadOnlyMemory<byte> Storage(string name, PickledStorage source, string folder)
        {
            if (!_storages.TryGetValue(source.Key, out var bytes))
            {
                string entryName = $"{folder}data/{source.Key}";
                if (!zip.Entries.TryGetValue(entryName, out var entry))
                    throw InvalidTensor(name, $"needs the entry {Printable.Quote(entryName)}, which the archive does not have");
                bytes = bytesOf(entry);
                _storages.Add(source.Key, bytes);
            }
            if ((Int128)source.ElementCount * TensorData.ElementSize(source.Type) != bytes.Length)
                throw InvalidTensor(
                    name,
                    $"needs a storage of {source.ElementCount} elements of {source.Type}, but {Printable.Quote(source.Key)} has "
                    + $"{bytes.Length} bytes");
            return bytes;
        }

        private MezzotintException InvalidTensor(string name, string fault) =>
            Invalid(file, $"tensor {Printable.Quote(name)} {fault}");
    }
}
