using System.Buffers.Binary;

namespace Mezzotint.Formats;

/// <summary>The contents of a safetensors file: named tensors and free text, and nothing that could be executed.</summary>
/// <remarks>
/// The format begins with 8 bytes, the little-endian length of the header. The header is a JSON object. The tensors'
/// little-endian bytes follow, row-major, one after the other to the end of the file. Its rules are kept in full, and a file that
/// breaks one is refused. Source: the "Format" section of the safetensors project.
/// </remarks>
public sealed class SafetensorsFile
{
    private SafetensorsFile(IReadOnlyDictionary<string, string> metadata, OrderedDictionary<string, TensorData> tensors)
    {
        Metadata = metadata;
        Tensors = tensors;
    }

    /// <summary>The text under the header's key <c>__metadata__</c>; empty where there is none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The tensors by name, in the order of the header.</summary>
    public OrderedDictionary<string, TensorData> Tensors { get; }

    /// <summary>Reads a file of any length; each tensor has less than 2 GiB.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="MezzotintException">The file cannot be read or breaks a rule of the format.</exception>
    public static SafetensorsFile Read(string path) => Read(path, _ => { });

    /// <summary>Reads a file, after somebody has agreed to its length in bytes.</summary>
    internal static SafetensorsFile Read(string path, Action<long> checkLength) => InputFile.Read(path, stream =>
    {
        long length = stream.Length;
        checkLength(length);
        Span<byte> prefix = stackalloc byte[8];
        int headerLength = HeaderLength(prefix[..stream.ReadAtLeast(prefix, 8, throwOnEndOfStream: false)], length, path);
        byte[] json = new byte[headerLength];
        stream.ReadExactly(json);
        var header = SafetensorsHeader.Parse(json, length - 8 - headerLength, path);
        return Collect(header, path, entry =>
        {
            byte[] bytes = GC.AllocateUninitializedArray<byte>(Fitting(entry, path));
            stream.Position = 8 + headerLength + entry.Begin;
            stream.ReadExactly(bytes);
            return bytes;
        });
    });

    /// <summary>Reads a file that is in memory; the tensors are slices of it, without a copy.</summary>
    /// <param name="file">The whole file.</param>
    /// <param name="name">Its name, for messages.</param>
    /// <exception cref="MezzotintException">The bytes break a rule of the format.</exception>
    public static SafetensorsFile Read(ReadOnlyMemory<byte> file, string name)
    {
        int headerLength = HeaderLength(file.Span, file.Length, name);
        ReadOnlyMemory<byte> data = file[(8 + headerLength)..];
        var header = SafetensorsHeader.Parse(file.Span.Slice(8, headerLength), data.Length, name);
        return Collect(header, name, entry => data[(int)entry.Begin..(int)entry.End]);
    }

    /// <summary>Reads a mapped file; the tensors lie in it, without a copy, and end with it.</summary>
    /// <param name="file">The file.</param>
    /// <param name="name">Its name, for messages.</param>
    /// <exception cref="MezzotintException">The bytes break a rule of the format.</exception>
    internal static SafetensorsFile Read(MappedFile file, string name)
    {
        int headerLength = HeaderLength(file.Bytes(0, (int)Math.Min(8, file.Length)).Span, file.Length, name);
        var header = SafetensorsHeader.Parse(file.Bytes(8, headerLength).Span, file.Length - 8 - headerLength, name);
        return Collect(header, name, entry => file.Bytes(8 + headerLength + entry.Begin, Fitting(entry, name)));
    }

    /// <summary>Makes or replaces a file, atomically. Equal arguments give equal bytes.</summary>
    /// <param name="path">The file; its folder exists.</param>
    /// <param name="tensors">The tensors by name, in the order that the file is to have.</param>
    /// <param name="metadata">Free text, written in the ordinal order of its keys; null or empty for none.</param>
    /// <exception cref="ArgumentException">A name is used twice, reserved or not valid Unicode, or the bytes of a tensor do not
    /// match its shape and type.</exception>
    /// <exception cref="MezzotintException">The file system refuses.</exception>
    public static void Write(
        string path, IEnumerable<KeyValuePair<string, TensorData>> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        KeyValuePair<string, TensorData>[] list = [.. tensors];
        byte[] header = SafetensorsHeader.Format(list, metadata);
        AtomicFile.Write(path, stream => Write(stream, header, list));
    }

    /// <summary>Writes the bytes that
    /// <see cref="Write(string, IEnumerable{KeyValuePair{string, TensorData}}, IReadOnlyDictionary{string, string}?)"/> puts into
    /// a file.</summary>
    /// <param name="stream">Where to; it stays open.</param>
    /// <param name="tensors">The tensors by name, in order.</param>
    /// <param name="metadata">Free text; null or empty for none.</param>
    /// <exception cref="ArgumentException">As for a file.</exception>
    public static void Write(
        Stream stream, IEnumerable<KeyValuePair<string, TensorData>> tensors,
        IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        KeyValuePair<string, TensorData>[] list = [.. tensors];
        Write(stream, SafetensorsHeader.Format(list, metadata), list);
    }

    private static void Write(Stream stream, byte[] header, KeyValuePair<string, TensorData>[] tensors)
    {
        Span<byte> prefix = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, (ulong)header.Length);
        stream.Write(prefix);
        stream.Write(header);
        foreach (var (_, tensor) in tensors)
            stream.Write(tensor.Bytes.Span);
    }

    private static int HeaderLength(ReadOnlySpan<byte> start, long fileLength, string name)
    {
        if (start.Length < 8)
            throw new MezzotintException(
                $"'{name}' cannot be read as safetensors: it has {fileLength} bytes, fewer than the 8 that give the header's "
                + $"length.");
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(start);
        if (length > SafetensorsHeader.MaxLength)
            throw new MezzotintException(
                $"'{name}' cannot be read as safetensors: it claims a header of {length} bytes, more than the "
                + $"{SafetensorsHeader.MaxLength} that the format allows; is it a safetensors file?");
        if ((long)length > fileLength - 8)
            throw new MezzotintException(
                $"'{name}' cannot be read as safetensors: it claims a header of {length} bytes, but has {fileLength - 8} after "
                + $"the length; it is cut off, copy it again.");
        return (int)length;
    }

    /// <summary>The bytes of a tensor that an array can hold.</summary>
    private static int Fitting(SafetensorsHeader.Entry entry, string name) =>
        entry.End - entry.Begin <= Array.MaxLength ? (int)(entry.End - entry.Begin) : throw new MezzotintException(
            $"'{name}': tensor {Printable.Quote(entry.Name)} has 2 GiB or more; such tensors cannot be read.");

    private static SafetensorsFile Collect(
        SafetensorsHeader header, string name, Func<SafetensorsHeader.Entry, ReadOnlyMemory<byte>> bytesOf)
    {
        var tensors = new OrderedDictionary<string, TensorData>(header.Entries.Count);
        foreach (var entry in header.Entries)
        {
            ReadOnlyMemory<byte> bytes = bytesOf(entry);
            if (!TensorLayout.HasValidBytes(entry.Type, bytes.Span))
                throw new MezzotintException(
                    $"'{name}' cannot be read as safetensors: tensor {Printable.Quote(entry.Name)} is of booleans and has a byte "
                    + $"that is neither 0 nor 1.");
            tensors.Add(entry.Name, new TensorData(entry.Type, entry.Shape, bytes));
        }
        return new SafetensorsFile(header.Metadata, tensors);
    }
}
