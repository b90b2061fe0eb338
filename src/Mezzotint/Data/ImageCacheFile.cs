using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Mezzotint.Formats;
using Microsoft.Win32.SafeHandles;

namespace Mezzotint.Data;

/// <summary>A decoded set in one file, of any size: an image is read from it by itself.</summary>
/// <remarks>
/// <code>
/// "MEZZOTINT IMAGES"                              16 bytes
/// record [N]: check, length, pixels, captions     4 + 4 + C H W + length bytes; captions in UTF-8, a zero byte after each
/// description                                     JSON: name, sizes, classes, what was left out
/// labels [N]                                      1 byte each
/// places [N + 1]                                  8 bytes each: where each record begins, and where the last one ends
/// tail: count, description's place and length, check of the description and the labels, "END "   32 bytes
/// </code>
/// Numbers are little-endian, checks CRC-32C. Each image is checked when it is read, so opening takes no time that grows with the
/// pixels, and no damage goes into a training unseen. Reading is by position. Unlike mapped pages, what was read counts as no
/// memory of the process, and a file that is cut off meanwhile is an error and not the end of the process.
/// </remarks>
internal sealed class ImageCacheFile : ImageStore
{
    private const int TailLength = 32, RecordHead = 8, MostDescription = 1 << 26;

    private readonly SafeFileHandle _handle;
    private readonly string _path;
    private readonly long _places;
    private readonly int _length;

    private ImageCacheFile(string path, SafeFileHandle handle, int length, long places) =>
        (_path, _handle, _length, _places) = (path, handle, length, places);

    private static ReadOnlySpan<byte> Magic => "MEZZOTINT IMAGES"u8;

    private static ReadOnlySpan<byte> EndMark => "END "u8;

    /// <summary>Opens a set; null where the file is not there, or is not whole.</summary>
    /// <param name="path">The file.</param>
    /// <param name="source">What the set was read from, for its report.</param>
    public static ImageSet? Open(string path, string source)
    {
        if (!File.Exists(path))
            return null;
        SafeFileHandle? handle = null;
        try
        {
            InputFile.RefuseSpecial(path);
            handle = File.OpenHandle(path, options: FileOptions.RandomAccess, share: FileShare.Read | FileShare.Delete);
            if (Opened(path, source, handle) is { } set)
                return set;
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException or MezzotintException or JsonException
            or KeyNotFoundException or InvalidOperationException or FormatException or ArgumentException)
        {
            // It is of no use, and is made again.
        }
        handle?.Dispose();
        return null;
    }

    /// <inheritdoc/>
    public override void Read(int index, Span<byte> pixels)
    {
        byte[] record = Record(index, _length);
        record.AsSpan(RecordHead, _length).CopyTo(pixels);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Captions(int index)
    {
        var text = Record(index, _length).AsSpan(RecordHead + _length);
        return text.IsEmpty ? [] : Encoding.UTF8.GetString(text[..^1]).Split('\0');
    }

    private byte[] Record(int index, int length)
    {
        Span<byte> places = stackalloc byte[16];
        ReadExactly(places, _places + 8L * index);
        long start = BinaryPrimitives.ReadInt64LittleEndian(places), end = BinaryPrimitives.ReadInt64LittleEndian(places[8..]);
        if (start < Magic.Length || end > _places || end - start < RecordHead + length || end - start > int.MaxValue / 2)
            throw Damaged();
        byte[] record = new byte[end - start];
        ReadExactly(record, start);
        return Crc32C.Of(record.AsSpan(4)) == BinaryPrimitives.ReadUInt32LittleEndian(record) ? record : throw Damaged();
    }

    private void ReadExactly(Span<byte> bytes, long place)
    {
        try
        {
            if (RandomAccess.Read(_handle, bytes, place) != bytes.Length)
                throw Damaged();
        }
        catch (IOException cause)
        {
            throw new MezzotintException($"Cannot read '{_path}': {Printable.Line(cause.Message)}", cause);
        }
    }

    private MezzotintException Damaged() =>
        new($"'{_path}', where decoded pictures are kept, is damaged: delete it, and it is made again.");

    private static ImageSet? Opened(string path, string source, SafeFileHandle handle)
    {
        long length = RandomAccess.GetLength(handle);
        byte[] tail = new byte[TailLength];
        if (length < Magic.Length + TailLength || RandomAccess.Read(handle, tail, length - TailLength) != TailLength
            || !tail.AsSpan(28).SequenceEqual(EndMark))
            return null;
        long count = BinaryPrimitives.ReadInt64LittleEndian(tail), place = BinaryPrimitives.ReadInt64LittleEndian(tail.AsSpan(8));
        long described = BinaryPrimitives.ReadInt64LittleEndian(tail.AsSpan(16));
        if (count is <= 0 or > int.MaxValue || described is <= 0 or > MostDescription || place < Magic.Length
            || place != length - TailLength - 8 * (count + 1) - count - described)
            return null;
        byte[] head = new byte[described + count];
        if (RandomAccess.Read(handle, head, place) != head.Length
            || Crc32C.Of(head) != BinaryPrimitives.ReadUInt32LittleEndian(tail.AsSpan(24)))
            return null;
        using var document = JsonDocument.Parse(head.AsMemory(0, (int)described));
        var facts = document.RootElement;
        int Number(string name) => facts.GetProperty(name).GetInt32();
        var (channels, height, width) = (Number("channels"), Number("height"), Number("width"));
        var store = new ImageCacheFile(path, handle, checked(channels * height * width), place + described + count);
        return new ImageSet(
            facts.GetProperty("name").GetString()!, head[(int)described..], channels, height, width,
            [.. facts.GetProperty("classes").EnumerateArray().Select(name => name.GetString()!)], store)
        {
            HasCaptions = facts.GetProperty("captions").GetBoolean(),
            Reading = ReadingReport.Parse(facts.GetProperty("reading")) with { Source = source },
        };
    }

    /// <summary>Writes images one by one, and what is said of all at the end.</summary>
    /// <param name="stream">An empty file.</param>
    internal sealed class Writer(Stream stream)
    {
        private readonly List<long> _places = [];
        private readonly ArrayBufferWriter<byte> _record = new();
        private long _place;

        /// <summary>Adds an image.</summary>
        public void Add(ReadOnlySpan<byte> pixels, IReadOnlyList<string> captions)
        {
            if (_place == 0)
                Write(Magic);
            _places.Add(_place);
            byte[] text = Encoding.UTF8.GetBytes(string.Concat(captions.Select(caption => caption.Replace('\0', ' ') + '\0')));
            _record.ResetWrittenCount();
            var record = _record.GetSpan(RecordHead + pixels.Length + text.Length)[..(RecordHead + pixels.Length + text.Length)];
            pixels.CopyTo(record[RecordHead..]);
            text.CopyTo(record[(RecordHead + pixels.Length)..]);
            BinaryPrimitives.WriteInt32LittleEndian(record[4..], text.Length);
            BinaryPrimitives.WriteUInt32LittleEndian(record, Crc32C.Of(record[4..]));
            Write(record);
        }

        /// <summary>For tests of large files: leaves a hole where an image would be.</summary>
        internal void Skip(int length)
        {
            _places.Add(_place);
            _place += RecordHead + length;
            stream.Position = _place;
        }

        /// <summary>Ends the file.</summary>
        /// <param name="set">What is said of the images; its store is not asked.</param>
        public void Finish(ImageSet set)
        {
            long place = _place;
            _places.Add(place);
            byte[] described = Describe(set), head = [.. described, .. set.Labels];
            Write(head);
            foreach (long start in _places)
                Write(BitConverter.GetBytes(BitConverter.IsLittleEndian ? start : BinaryPrimitives.ReverseEndianness(start)));
            byte[] tail = new byte[TailLength];
            BinaryPrimitives.WriteInt64LittleEndian(tail, set.Count);
            BinaryPrimitives.WriteInt64LittleEndian(tail.AsSpan(8), place);
            BinaryPrimitives.WriteInt64LittleEndian(tail.AsSpan(16), described.Length);
            BinaryPrimitives.WriteUInt32LittleEndian(tail.AsSpan(24), Crc32C.Of(head));
            EndMark.CopyTo(tail.AsSpan(28));
            Write(tail);
        }

        private void Write(ReadOnlySpan<byte> bytes)
        {
            stream.Write(bytes);
            _place += bytes.Length;
        }

        private static byte[] Describe(ImageSet set)
        {
            using var text = new MemoryStream();
            using (var json = new Utf8JsonWriter(text))
            {
                json.WriteStartObject();
                json.WriteString("name", set.Name);
                json.WriteNumber("channels", set.Channels);
                json.WriteNumber("height", set.Height);
                json.WriteNumber("width", set.Width);
                json.WriteBoolean("captions", set.HasCaptions);
                json.WriteStartArray("classes");
                foreach (string name in set.ClassNames)
                    json.WriteStringValue(name);
                json.WriteEndArray();
                json.WritePropertyName("reading");
                set.Reading!.ToJson().WriteTo(json);
                json.WriteEndObject();
            }
            return text.ToArray();
        }
    }
}
