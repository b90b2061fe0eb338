using System.Buffers.Binary;
using System.Globalization;

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
/// PluginData { string plugin_name = 1; bytes content = 2 } gives to the plug-in <c>text</c>. Settings go to the plug-in
/// <c>hparams</c>, whose content is HParamsPluginData { SessionStartInfo session_start_info = 3; SessionEndInfo session_end_info
/// = 4 } with SessionStartInfo { map hparams = 1; double start_time_secs = 5 }, SessionEndInfo { Status status = 1; double
/// end_time_secs = 2 }, and values { double number_value = 2; string string_value = 3; bool bool_value = 4 }. The first event
/// states the version, <c>brain.Event:2</c>. One thread at a time.
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
        WriteRecord(new ProtobufWriter().Add(1, WallTime()).Add(3, "brain.Event:2"));
        if (resumedStep is long step)
            WriteRecord(new ProtobufWriter().Add(1, WallTime()).Add(2, step).Add(7, new ProtobufWriter().Add(1, 1)));
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
        WritePoint(Point(tag).Add(2, value), step);
    }

    /// <summary>Adds a picture to a row of them.</summary>
    /// <param name="tag">The name of the row.</param>
    /// <param name="png">A PNG file, grey or in colour.</param>
    /// <param name="step">Its place on the axis of steps.</param>
    public void AddPicture(string tag, ReadOnlySpan<byte> png, long step)
    {
        // Signature, length and name of the chunk IHDR; then width, height and, after the depth, the kind of colour.
        const int width = 16, height = 20, colour = 25;
        var image = new ProtobufWriter()
            .Add(1, BinaryPrimitives.ReadInt32BigEndian(png[height..]))
            .Add(2, BinaryPrimitives.ReadInt32BigEndian(png[width..]))
            .Add(3, png[colour] == 0 ? 1 : 3)
            .Add(4, png);
        WritePoint(Point(tag).Add(4, image), step);
    }

    /// <summary>Adds a text.</summary>
    /// <param name="tag">Its name.</param>
    /// <param name="markdown">What it says, in Markdown.</param>
    /// <param name="step">Its place on the axis of steps.</param>
    public void AddText(string tag, string markdown, long step)
    {
        const int texts = 7;
        var tensor = new ProtobufWriter()
            .Add(1, texts)
            .Add(2, new ProtobufWriter()) // the shape of a single value
            .Add(8, markdown);
        var plugin = new ProtobufWriter().Add(1, "text");
        WritePoint(Point(tag).Add(8, tensor).Add(9, new ProtobufWriter().Add(1, plugin)), step);
    }

    /// <summary>Says with which settings the run trains, by which TensorBoard's HPARAMS compares it with the runs beside it; the
    /// scalars are its metrics.</summary>
    /// <param name="settings">The settings by name: a <see cref="long"/>, <see cref="double"/> or <see cref="bool"/> as it is,
    /// everything else as its text.</param>
    public void AddSettings(IEnumerable<KeyValuePair<string, object>> settings)
    {
        var start = new ProtobufWriter();
        foreach (var (name, value) in settings)
        {
            var known = new ProtobufWriter();
            _ = value switch
            {
                long number => known.Add(2, (double)number),
                double number => known.Add(2, number),
                bool truth => known.Add(4, truth ? 1 : 0),
                _ => known.Add(3, Convert.ToString(value, CultureInfo.InvariantCulture) ?? ""),
            };
            start.Add(1, new ProtobufWriter().Add(1, name).Add(2, known));
        }
        WriteHyperparameters("_hparams_/session_start_info", 3, start.Add(5, WallTime()));
    }

    /// <summary>Says that the run has ended as it should.</summary>
    public void AddEnd() =>
        WriteHyperparameters("_hparams_/session_end_info", 4, new ProtobufWriter().Add(1, 1).Add(2, WallTime()));

    private void WriteHyperparameters(string tag, int field, ProtobufWriter message)
    {
        var nothing = new ProtobufWriter() // a tensor of one zero: what counts stands in the metadata
            .Add(1, 1)
            .Add(2, new ProtobufWriter().Add(2, new ProtobufWriter().Add(1, 1)))
            .Add(5, 0f);
        var plugin = new ProtobufWriter().Add(1, "hparams").Add(2, new ProtobufWriter().Add(field, message));
        WritePoint(Point(tag).Add(8, nothing).Add(9, new ProtobufWriter().Add(1, plugin)), step: 0);
    }

    /// <summary>Hands what was added to the operating system, so that TensorBoard sees it and the end of this process does not
    /// lose it.</summary>
    public void Flush() => _file.Flush();

    /// <summary>Flushes and closes the file.</summary>
    public void Dispose() => _file.Dispose();

    private static ProtobufWriter Point(string tag)
    {
        ArgumentException.ThrowIfNullOrEmpty(tag);
        return new ProtobufWriter().Add(1, tag);
    }

    private void WritePoint(ProtobufWriter point, long step) =>
        WriteRecord(new ProtobufWriter().Add(1, WallTime()).Add(2, step).Add(5, new ProtobufWriter().Add(1, point)));

    private double WallTime() => (_clock.GetUtcNow() - DateTimeOffset.UnixEpoch).TotalSeconds;

    private void WriteRecord(ProtobufWriter message)
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
}
