using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;

namespace Mezzotint.Formats;

/// <summary>The header of a safetensors file: a JSON object that says where each tensor lies in the data after it.</summary>
/// <remarks>
/// <code>{"__metadata__":{"key":"text"},"name":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}</code>
/// Offsets count from the first byte after the header. Together the tensors cover the data exactly: no hole, no overlap.
/// Spaces after the object pad it, so that the data begin at a multiple of 8. Source: the "Format" section of the safetensors
/// project.
/// </remarks>
internal sealed class SafetensorsHeader
{
    /// <summary>The most bytes that a header may have, as in the reference implementation.</summary>
    public const int MaxLength = 100_000_000;

    private const string MetadataKey = "__metadata__";

    private static readonly (string Name, ElementType Type)[] Types =
    [
        ("BOOL", ElementType.Bool), ("U8", ElementType.UInt8), ("I8", ElementType.Int8), ("I16", ElementType.Int16),
        ("I32", ElementType.Int32), ("I64", ElementType.Int64), ("F16", ElementType.Float16), ("BF16", ElementType.BFloat16),
        ("F32", ElementType.Float32), ("F64", ElementType.Float64),
    ];

    private readonly string _file;

    private SafetensorsHeader(string file) => _file = file;

    /// <summary>One tensor: where its bytes lie, from the end of the header on.</summary>
    public readonly record struct Entry(string Name, ElementType Type, long[] Shape, long Begin, long End);

    /// <summary>The free text of the file, in the order of the header.</summary>
    public OrderedDictionary<string, string> Metadata { get; } = [];

    /// <summary>The tensors, in the order of the header.</summary>
    public List<Entry> Entries { get; } = [];

    /// <summary>Reads and checks a header.</summary>
    /// <param name="json">The header without its length.</param>
    /// <param name="dataLength">The bytes after the header.</param>
    /// <param name="file">The file's name, for messages.</param>
    /// <exception cref="MezzotintException">The header breaks a rule of the format.</exception>
    public static SafetensorsHeader Parse(ReadOnlySpan<byte> json, long dataLength, string file)
    {
        var header = new SafetensorsHeader(file);
        if (json.IsEmpty || json[0] != '{')
            throw header.Invalid("the header does not start with '{'; is it a safetensors file?");
        if (!Utf8.IsValid(json))
            throw header.Invalid("the header is not UTF-8");
        try
        {
            header.ReadObject(json);
        }
        catch (JsonException e)
        {
            throw header.Invalid($"the header is not valid JSON ({Printable.Line(e.Message)})");
        }
        catch (InvalidOperationException)
        {
            // How the JSON reader reports half of a surrogate pair in an escape.
            throw header.Invalid("the header has a string that is not valid Unicode");
        }
        header.CheckCover(dataLength);
        return header;
    }

    /// <summary>The header for these tensors, padded, without its length; offsets in the order given.</summary>
    /// <exception cref="ArgumentException">A name is used twice, reserved or not valid Unicode, the bytes of a tensor do not
    /// match its shape and type, or the header would be too long.</exception>
    public static byte[] Format(
        IReadOnlyCollection<KeyValuePair<string, TensorData>> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        var options = new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        using (var writer = new Utf8JsonWriter(buffer, options))
        {
            writer.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                writer.WriteStartObject(MetadataKey);
                foreach (var (key, text) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                    writer.WriteString(Unicode(key), Unicode(text));
                writer.WriteEndObject();
            }
            var names = new HashSet<string>();
            long begin = 0;
            foreach (var (name, tensor) in tensors)
            {
                if (!names.Add(Unicode(name)) || name == MetadataKey)
                    throw new ArgumentException(
                        $"The name {Printable.Quote(name)} is used twice, or is the reserved '{MetadataKey}'.", nameof(tensors));
                if (TensorLayout.ByteCount(tensor.Type, tensor.Shape) != tensor.Bytes.Length)
                    throw new ArgumentException(
                        $"Tensor {Printable.Quote(name)} has {tensor.Bytes.Length} bytes, which is not what its shape and type "
                        + $"take.",
                        nameof(tensors));
                if (!TensorLayout.HasValidBytes(tensor.Type, tensor.Bytes.Span))
                    throw new ArgumentException(
                        $"Tensor {Printable.Quote(name)} is of booleans and has a byte that is neither 0 nor 1.",
                        nameof(tensors));
                writer.WriteStartObject(name);
                writer.WriteString("dtype", Array.Find(Types, pair => pair.Type == tensor.Type).Name);
                writer.WriteStartArray("shape");
                foreach (long length in tensor.Shape)
                    writer.WriteNumberValue(length);
                writer.WriteEndArray();
                writer.WriteStartArray("data_offsets");
                writer.WriteNumberValue(begin);
                writer.WriteNumberValue(begin += tensor.Bytes.Length);
                writer.WriteEndArray();
                writer.WriteEndObject();
            }
            writer.WriteEndObject();
        }
        int padding = -buffer.WrittenCount & 7;
        buffer.GetSpan(8)[..padding].Fill((byte)' ');
        buffer.Advance(padding);
        if (buffer.WrittenCount > MaxLength)
            throw new ArgumentException(
                $"The header would take {buffer.WrittenCount} bytes; the format allows {MaxLength}.", nameof(tensors));
        return buffer.WrittenSpan.ToArray();
    }

    private void ReadObject(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 3 });
        reader.Read();
        var names = new HashSet<string>();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            if (!names.Add(name))
                throw Invalid($"the header has the key {Printable.Quote(name)} twice");
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject)
                throw Invalid($"the header's key {Printable.Quote(name)} holds no object");
            if (name == MetadataKey)
                ReadMetadata(ref reader);
            else
                Entries.Add(ReadEntry(ref reader, name));
        }
        // Anything but white space after the object makes the reader throw.
        reader.Read();
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
                throw Invalid($"the metadata's key {Printable.Quote(key)} holds no string");
            if (!Metadata.TryAdd(key, reader.GetString()!))
                throw Invalid($"the metadata have the key {Printable.Quote(key)} twice");
        }
    }

    private Entry ReadEntry(ref Utf8JsonReader reader, string name)
    {
        ElementType? type = null;
        long[]? shape = null;
        long[]? offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string field = reader.GetString()!;
            bool twice = field switch
                { "dtype" => type is not null, "shape" => shape is not null, "data_offsets" => offsets is not null, _ => false };
            if (twice)
                throw InvalidTensor(name, $"has '{field}' twice");
            reader.Read();
            switch (field)
            {
                case "dtype":
                    type = ReadType(ref reader, name);
                    break;
                case "shape":
                    shape = ReadIntegers(ref reader, name, field, TensorLayout.MaxRank);
                    break;
                case "data_offsets":
                    offsets = ReadIntegers(ref reader, name, field, 2);
                    break;
                default:
                    throw InvalidTensor(name, $"has the unknown field {Printable.Quote(field)}");
            }
        }
        if (type is null || shape is null || offsets is not [var begin, var end])
            throw InvalidTensor(name, "needs a dtype, a shape and two data_offsets");
        long bytes =
            TensorLayout.ByteCount(type.Value, shape) ?? throw InvalidTensor(name, "has a shape whose size overflows 63 bits");
        if (begin > end || end - begin != bytes)
            throw InvalidTensor(name, $"takes {bytes} bytes by its shape and type, but its data_offsets are {begin} and {end}");
        return new Entry(name, type.Value, shape, begin, end);
    }

    private ElementType ReadType(ref Utf8JsonReader reader, string name)
    {
        if (reader.TokenType != JsonTokenType.String)
            throw InvalidTensor(name, "has a dtype that is no string");
        string text = reader.GetString()!;
        foreach (var (known, type) in Types)
        {
            if (known == text)
                return type;
        }
        throw InvalidTensor(name, $"has the dtype {Printable.Quote(text)}, which is not read here; save it as F32, F16 or BF16");
    }

    private long[] ReadIntegers(ref Utf8JsonReader reader, string name, string field, int limit)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            throw InvalidTensor(name, $"has a {field} that is no array");
        Span<long> integers = stackalloc long[limit];
        int count = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            // "-0" would pass as 0.
            if (reader.TokenType != JsonTokenType.Number || reader.ValueSpan[0] == '-' || !reader.TryGetInt64(out long integer))
                throw InvalidTensor(name, $"has a {field} with something that is no non-negative integer of 63 bits");
            if (count == limit)
                throw InvalidTensor(name, $"has a {field} of more than {limit} numbers");
            integers[count++] = integer;
        }
        return integers[..count].ToArray();
    }

    private void CheckCover(long dataLength)
    {
        long covered = 0;
        foreach (Entry entry in Entries.OrderBy(entry => entry.Begin).ThenBy(entry => entry.End))
        {
            if (entry.Begin > covered)
                throw InvalidTensor(entry.Name, $"starts at data byte {entry.Begin} and leaves a hole after byte {covered}");
            if (entry.Begin < covered)
                throw InvalidTensor(
                    entry.Name, $"starts at data byte {entry.Begin} and overlaps the one that ends at byte {covered}");
            if (entry.End > dataLength)
                throw InvalidTensor(
                    entry.Name,
                    $"ends at data byte {entry.End}, but the file has {dataLength} bytes of data; it is cut off, copy it again");
            covered = entry.End;
        }
        if (covered != dataLength)
            throw Invalid($"the file has {dataLength} bytes of data, but its tensors end at byte {covered}");
    }

    private MezzotintException InvalidTensor(string name, string fault) => Invalid($"tensor {Printable.Quote(name)} {fault}");

    private MezzotintException Invalid(string fault) => new($"'{_file}' cannot be read as safetensors: {fault}.");

    // Half of a surrogate pair would be written as another character.
    private static string Unicode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        for (int i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i]))
                continue;
            if (i + 1 == text.Length || !char.IsSurrogatePair(text[i], text[++i]))
                throw new ArgumentException($"{Printable.Quote(text)} is not valid Unicode.", nameof(text));
        }
        return text;
    }
}
