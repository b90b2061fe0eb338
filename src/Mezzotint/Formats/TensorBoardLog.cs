using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Mezzotint.Formats;

/// <summary>
/// Scalars, pictures and texts over time in a file that TensorBoard reads,
/// <c>events.out.tfevents.SECONDS.HOST.PROCESS.NUMBER</c>. The file is a row of records: length (8 bytes, little-endian), masked
/// CRC-32C of the length, data, masked CRC-32C of the data, where masked(c) = (c rotated right by 15) + 0xA282EAD8. The data is a
/// protocol buffer, Event { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; SessionLog
/// session_log = 7 }, with Summary { repeated Value value = 1 }, Value { string tag = 1; float simple_value = 2; Image image = 4;
/// TensorProto tensor = 8; SummaryMetadata metadata = 9 } and SessionLog { SessionStatus status = 1 }, whose START is 1. Image is
/// { int32 height = 1; int32 width = 2; int32 colorspace = 3; bytes encoded_image_string = 4 }. A text is a tensor { DataType
/// dtype = 1; repeated bytes string_val = 8 } of DT_STRING, 7, that SummaryMetadata { PluginData plugin_data = 1 } with
/// PluginData { string plugin_name = 1 } gives to the plug-in <c>text</c>. The first event states the version,
/// <c>brain.Event:2</c>. One thread at a time.
/// </summary>
internal sealed class TensorBoardLog : IDisposable
{
    private readonly FileStream _file;
    private readonly TimeProvider _clock;

    /// <summary>Starts a new file; those that are in the folder already belong to the same curves.</summary>
    /// <param name="folder">The folder of the run; made if it is not there.</param>
    /// <param name="clock">Where the time of the events comes from; by default the system.</param>
    /// <param name="resumedStep">For a run that goes on from a checkpoint: what earlier files say of this step and later ones is
    /// void.</param>
    /// <exception cref="MezzotintException">The file cannot be made.</exception>
    public TensorBoardLog(string folder, TimeProvider? clock = null, long? resumedStep = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        _clock = clock ?? TimeProvider.System;
        _file = Create(folder, _clock.GetUtcNow().ToUnixTimeSeconds());
        var version = new Message();
        version.AddDouble(1, WallTime());
        version.AddText(3, "brain.Event:2");
        WriteRecord(version);
        if (resumedStep is long step)
        {
            var session = new Message();
            session.AddInteger(1, 1);
            var start = new Message();
            start.AddDouble(1, WallTime());
            start.AddInteger(2, step);
            start.AddMessage(7, session);
            WriteRecord(start);
        }
        _file.Flush();
    }

    /// <summary>The file that is written.</summary>
    public string Path => _file.Name;

    /// <summary>Adds one point to a curve.</summary>
    /// <param name="tag">The name of the curve, such as <c>Loss/Train</c>; curves with the same part before the slash share a
    /// section.</param>
    /// <param name="value">Its height; not a number and the infinities are shown as such.</param>
    /// <param name="step">Its place on the axis of steps.</param>
    public void AddScalar(string tag, float value, long step)
    {
        var point = Point(tag);
        point.AddSingle(2, value);
        WritePoint(point, step);
    }

    /// <summary>Adds a picture to a row of them.</summary>
    /// <param name="tag">The name of the row.</param>
    /// <param name="png">A PNG file, grey or in colour.</param>
    /// <param name="step">Its place on the axis of steps.</param>
    public void AddPicture(string tag, ReadOnlySpan<byte> png, long step)
    {
        // Signature, length and name of the chunk IHDR; then width, height and, after the depth, the kind of colour.
        const int width = 16, height = 20, colour = 25;
        var image = new Message();
        image.AddInteger(1, BinaryPrimitives.ReadInt32BigEndian(png[height..]));
        image.AddInteger(2, BinaryPrimitives.ReadInt32BigEndian(png[width..]));
        image.AddInteger(3, png[colour] == 0 ? 1 : 3);
        image.AddBytes(4, png);
        var point = Point(tag);
        point.AddMessage(4, image);
        WritePoint(point, step);
    }

    /// <summary>Adds a text.</summary>
    /// <param name="tag">Its name.</param>
    /// <param name="markdown">What it says, in Markdown.</param>
    /// <param name="step">Its place on the axis of steps.</param>
    public void AddText(string tag, string markdown, long step)
    {
        const int texts = 7;
        var tensor = new Message();
        tensor.AddInteger(1, texts);
        tensor.AddMessage(2, new Message()); // the shape of a single value
        tensor.AddText(8, markdown);
        var plugin = new Message();
        plugin.AddText(1, "text");
        var metadata = new Message();
        metadata.AddMessage(1, plugin);
        var point = Point(tag);
        point.AddMessage(8, tensor);
        point.AddMessage(9, metadata);
        WritePoint(point, step);
    }

    /// <summary>Hands what was added to the operating system, so that TensorBoard sees it and the end of this process does not
    /// lose it.</summary>
    public void Flush() => _file.Flush();

    /// <summary>Flushes and closes the file.</summary>
    public void Dispose() => _file.Dispose();

    private static Message Point(string tag)
    {
        ArgumentException.ThrowIfNullOrEmpty(tag);
        var point = new Message();
        point.AddText(1, tag);
        return point;
    }

    private void WritePoint(Message point, long step)
    {
        var summary = new Message();
        summary.AddMessage(1, point);
        var told = new Message();
        told.AddDouble(1, WallTime());
        told.AddInteger(2, step);
        told.AddMessage(5, summary);
        WriteRecord(told);
    }

    private double WallTime() => (_clock.GetUtcNow() - DateTimeOffset.UnixEpoch).TotalSeconds;

    private void WriteRecord(Message message)
    {
        ReadOnlySpan<byte> data = message.Bytes;
        var record = new byte[8 + 4 + data.Length + 4];
        BinaryPrimitives.WriteInt64LittleEndian(record, data.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(8), Masked(record.AsSpan(0, 8)));
        data.CopyTo(record.AsSpan(12));
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(12 + data.Length), Masked(data));
        _file.Write(record);
    }

    private static uint Masked(ReadOnlySpan<byte> bytes) => unchecked(uint.RotateRight(Crc32C.Of(bytes), 15) + 0xA282EAD8);

    private static FileStream Create(string folder, long seconds)
    {
        string host = string.Concat(Environment.MachineName.Select(letter =>
            char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' ? letter : '-'));
        try
        {
            Directory.CreateDirectory(folder);
            for (int number = 0; ; number++)
            {
                string name = string.Create(
                    CultureInfo.InvariantCulture, $"events.out.tfevents.{seconds:D10}.{host}.{Environment.ProcessId}.{number}");
                string path = System.IO.Path.Combine(folder, name);
                if (!File.Exists(path))
                    return new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read | FileShare.Delete);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new MezzotintException(
                $"Cannot start an event log in '{folder}': {Printable.Line(exception.Message)}", exception);
        }
    }

    /// <summary>A protocol buffer in the making: fields of (number, wire type) as a varint, then the value.</summary>
    private sealed class Message
    {
        private const int Varint = 0, EightBytes = 1, LengthPrefixed = 2, FourBytes = 5;
        private readonly List<byte> _bytes = [];

        public ReadOnlySpan<byte> Bytes => CollectionsMarshal.AsSpan(_bytes);

        public void AddDouble(int field, double value)
        {
            AddVarint((ulong)(field << 3 | EightBytes));
            Span<byte> bytes = stackalloc byte[8];
            BinaryPrimitives.WriteDoubleLittleEndian(bytes, value);
            _bytes.AddRange(bytes);
        }

        public void AddSingle(int field, float value)
        {
            AddVarint((ulong)(field << 3 | FourBytes));
            Span<byte> bytes = stackalloc byte[4];
            BinaryPrimitives.WriteSingleLittleEndian(bytes, value);
            _bytes.AddRange(bytes);
        }

        public void AddInteger(int field, long value)
        {
            AddVarint((ulong)(field << 3 | Varint));
            AddVarint(unchecked((ulong)value));
        }

        public void AddText(int field, string text) => AddBytes(field, Encoding.UTF8.GetBytes(text));

        public void AddMessage(int field, Message message) => AddBytes(field, message.Bytes);

        public void AddBytes(int field, ReadOnlySpan<byte> bytes)
        {
            AddVarint((ulong)(field << 3 | LengthPrefixed));
            AddVarint((ulong)bytes.Length);
            _bytes.AddRange(bytes);
        }

        private void AddVarint(ulong value)
        {
            for (; value > 127; value >>= 7) _bytes.Add((byte)(value | 128));
            _bytes.Add((byte)value);
        }
    }
}
