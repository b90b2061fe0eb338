using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Mezzotint.Formats;

/// <summary>
/// Scalars over time in a file that TensorBoard reads, <c>events.out.tfevents.SECONDS.HOST.PROCESS.NUMBER</c>. The file is a row
/// of records: length (8 bytes, little-endian), masked CRC-32C of the length, data, masked CRC-32C of the data, where masked(c) =
/// (c rotated right by 15) + 0xA282EAD8. The data is a protocol buffer, Event { double wall_time = 1; int64 step = 2; string
/// file_version = 3; Summary summary = 5; SessionLog session_log = 7 }, with Summary { repeated Value value = 1 }, Value { string
/// tag = 1; float simple_value = 2 } and SessionLog { SessionStatus status = 1 }, whose START is 1. The first event states the
/// version, <c>brain.Event:2</c>. One thread at a time.
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
        ArgumentException.ThrowIfNullOrEmpty(tag);
        var point = new Message();
        point.AddText(1, tag);
        point.AddSingle(2, value);
        var summary = new Message();
        summary.AddMessage(1, point);
        var scalar = new Message();
        scalar.AddDouble(1, WallTime());
        scalar.AddInteger(2, step);
        scalar.AddMessage(5, summary);
        WriteRecord(scalar);
    }

    /// <summary>Hands what was added to the operating system, so that TensorBoard sees it and the end of this process does not
    /// lose it.</summary>
    public void Flush() => _file.Flush();

    /// <summary>Flushes and closes the file.</summary>
    public void Dispose() => _file.Dispose();

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

        private void AddBytes(int field, ReadOnlySpan<byte> bytes)
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
