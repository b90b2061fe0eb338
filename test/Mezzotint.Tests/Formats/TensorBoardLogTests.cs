using System.Buffers.Binary;
using System.Text;
using Mezzotint.Formats;

namespace Mezzotint.Tests.Formats;

public sealed class TensorBoardLogTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private sealed class Clock(double seconds) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddSeconds(seconds);
    }

    [Fact]
    public void Scalars_come_back_through_an_independent_reader()
    {
        (string, float, long)[] scalars =
        [
            ("Loss/Train", 61.25f, 0), ("Loss/Eval", float.NaN, 938), ("Loss/Train", -0f, long.MaxValue),
            ("Größe", float.PositiveInfinity, 1L << 40),
        ];
        string path;
        using (var log = new TensorBoardLog(_folder.File("run/events"), new Clock(1700000000.25)))
        {
            path = log.Path;
            foreach ((string tag, float value, long step) in scalars) log.AddScalar(tag, value, step);
        }
        Assert.StartsWith("events.out.tfevents.1700000000.", Path.GetFileName(path), StringComparison.Ordinal);
        List<Dictionary<int, object>> events = [.. Records(path).Select(Fields)];
        Assert.All(events, fields => Assert.Equal(1700000000.25, BitConverter.UInt64BitsToDouble((ulong)fields[1])));
        Assert.Equal("brain.Event:2", Encoding.UTF8.GetString((byte[])events[0][3]));
        Assert.Equal(scalars, events.Skip(1).Select(fields =>
        {
            Dictionary<int, object> point = Fields((byte[])Fields((byte[])fields[5])[1]);
            return (
                Encoding.UTF8.GetString((byte[])point[1]), BitConverter.UInt32BitsToSingle((uint)point[2]),
                (long)(ulong)fields[2]);
        }));
    }

    [Fact]
    public void Pictures_and_texts_come_back_through_an_independent_reader()
    {
        byte[] grey = PngFile.Encode(new ImageBatch(1, 1, 3, 5, new byte[15]), 1, PictureFormat.Png);
        byte[] colour = PngFile.Encode(new ImageBatch(1, 3, 4, 2, new byte[24]), 1, PictureFormat.Png);
        string path;
        using (var log = new TensorBoardLog(_folder.Name))
        {
            path = log.Path;
            log.AddPicture("Samples", grey, 7);
            log.AddPicture("Samples", colour, 8);
            log.AddText("Configuration", "    a = 1", 0);
        }
        List<Dictionary<int, object>> points =
            [.. Records(path).Skip(1).Select(record => Fields((byte[])Fields((byte[])Fields(record)[5])[1]))];
        Assert.Equal(["Samples", "Samples", "Configuration"], points.Select(point => Encoding.UTF8.GetString((byte[])point[1])));
        var pictures = points.Take(2).Select(point => Fields((byte[])point[4])).ToList();
        Assert.Equal([(3, 5, 1), (4, 2, 3)], pictures.Select(picture =>
            ((int)(ulong)picture[1], (int)(ulong)picture[2], (int)(ulong)picture[3])));
        Assert.Equal([grey, colour], pictures.Select(picture => (byte[])picture[4]));
        Dictionary<int, object> text = Fields((byte[])points[2][8]), metadata = Fields((byte[])points[2][9]);
        Assert.Equal((7UL, "    a = 1"), ((ulong)text[1], Encoding.UTF8.GetString((byte[])text[8])));
        Assert.Equal("text", Encoding.UTF8.GetString((byte[])Fields((byte[])metadata[1])[1]));
    }

    // Names, tags and numbers of the fields are those of tensorboard/plugins/hparams/plugin_data.proto, metadata.py and
    // google/protobuf/struct.proto.
    [Fact]
    public void Settings_and_the_end_come_back_as_hyperparameters()
    {
        string path;
        using (var log = new TensorBoardLog(_folder.Name, new Clock(1700000000.25)))
        {
            path = log.Path;
            log.AddSettings(new Dictionary<string, object>
            {
                ["training.epochs"] = 3L, ["training.learning_rate"] = 1e-3, ["model.unconditional"] = true,
                ["data.name"] = "mnist", ["model.channel_multipliers"] = "1, 2",
            });
            log.AddEnd();
        }
        Dictionary<int, object> Data(byte[] record, string tag)
        {
            var point = Fields((byte[])Fields((byte[])Fields(record)[5])[1]);
            Assert.Equal(tag, Encoding.UTF8.GetString((byte[])point[1]));
            var tensor = Fields((byte[])point[8]); // without one TensorBoard takes the point for none
            Assert.Equal((1UL, 0u), ((ulong)tensor[1], (uint)tensor[5]));
            var plugin = Fields((byte[])Fields((byte[])point[9])[1]);
            Assert.Equal("hparams", Encoding.UTF8.GetString((byte[])plugin[1]));
            return Fields((byte[])plugin[2]);
        }
        var records = Records(path);
        Assert.Equal(3, records.Count);
        var start = All((byte[])Data(records[1], "_hparams_/session_start_info")[3]);
        Assert.Equal(1700000000.25, BitConverter.UInt64BitsToDouble((ulong)start.Single(field => field.Number == 5).Value));
        var told = start.Where(field => field.Number == 1).ToDictionary(
            field => Encoding.UTF8.GetString((byte[])Fields((byte[])field.Value)[1]),
            field => Fields((byte[])Fields((byte[])field.Value)[2]).Single());
        Assert.Equal(5, told.Count);
        Assert.Equal((2, 3.0), (told["training.epochs"].Key, Number(told["training.epochs"])));
        Assert.Equal((2, 1e-3), (told["training.learning_rate"].Key, Number(told["training.learning_rate"])));
        Assert.Equal((4, 1UL), (told["model.unconditional"].Key, (ulong)told["model.unconditional"].Value));
        Assert.Equal((3, "mnist"), (told["data.name"].Key, Encoding.UTF8.GetString((byte[])told["data.name"].Value)));
        Assert.Equal("1, 2", Encoding.UTF8.GetString((byte[])told["model.channel_multipliers"].Value));
        Assert.Equal(1UL, Fields((byte[])Data(records[2], "_hparams_/session_end_info")[4])[1]); // STATUS_SUCCESS

        static double Number(KeyValuePair<int, object> field) => BitConverter.UInt64BitsToDouble((ulong)field.Value);
    }

    // Every byte of the first record, put together by hand: length 24; field 1, double 1.0; field 3, 13 letters. Its checksums
    // are recomputed bit by bit.
    [Fact]
    public void The_first_record_states_the_version()
    {
        using var log = new TensorBoardLog(_folder.Name, new Clock(1));
        byte[] data = [0x09, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 0x1A, 13, .. "brain.Event:2"u8];
        byte[] length = [24, 0, 0, 0, 0, 0, 0, 0];
        Assert.Equal([.. length, .. MaskedBytes(length), .. data, .. MaskedBytes(data)], ReadShared(log.Path));
    }

    [Fact]
    public void What_was_flushed_is_there_before_the_log_is_closed()
    {
        using var log = new TensorBoardLog(_folder.Name);
        log.AddScalar("Loss/Train", 1, 1);
        log.Flush();
        Assert.Equal(2, Records(log.Path).Count);
    }

    [Fact]
    public void A_run_that_goes_on_voids_later_steps_of_earlier_files()
    {
        using var log = new TensorBoardLog(_folder.Name, resumedStep: 500);
        Dictionary<int, object> start = Fields(Records(log.Path)[1]);
        Assert.Equal(500UL, start[2]);
        Assert.Equal(1UL, Fields((byte[])start[7])[1]); // SessionLog.START
    }

    [Fact]
    public void Two_logs_of_one_second_are_two_files()
    {
        using var one = new TensorBoardLog(_folder.Name, new Clock(5));
        using var two = new TensorBoardLog(_folder.Name, new Clock(5));
        Assert.NotEqual(one.Path, two.Path);
    }

    [Fact]
    public void A_folder_that_cannot_be_made_is_named()
    {
        File.WriteAllText(_folder.File("file"), "");
        Assert.Contains(
            "file", Assert.Throws<MezzotintException>(() => new TensorBoardLog(_folder.File("file"))).Message,
            StringComparison.Ordinal);
    }

    private static byte[] ReadShared(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static List<byte[]> Records(string path)
    {
        byte[] file = ReadShared(path);
        var records = new List<byte[]>();
        for (int place = 0; place < file.Length;)
        {
            int length = (int)BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(place));
            Assert.Equal(MaskedBytes(file.AsSpan(place, 8)), file[(place + 8)..(place + 12)]);
            records.Add(file[(place + 12)..(place + 12 + length)]);
            Assert.Equal(MaskedBytes(records[^1]), file[(place + 12 + length)..(place + 16 + length)]);
            place += 16 + length;
        }
        return records;
    }

    private static byte[] MaskedBytes(ReadOnlySpan<byte> bytes)
    {
        uint remainder = 0xFFFFFFFF;
        foreach (byte value in bytes)
            for (int bit = 0; bit < 8; bit++)
                remainder = ((remainder ^ (uint)(value >> bit)) & 1) == 1 ? (remainder >> 1) ^ 0x82F63B78 : remainder >> 1;
        uint check = ~remainder;
        uint masked = unchecked(((check >> 15) | (check << 17)) + 0xA282EAD8u);
        return [(byte)masked, (byte)(masked >> 8), (byte)(masked >> 16), (byte)(masked >> 24)];
    }

    /// <summary>The fields of a protocol buffer by number, each of which is there once.</summary>
    private static Dictionary<int, object> Fields(byte[] message) =>
        All(message).ToDictionary(field => field.Number, field => field.Value);

    /// <summary>The fields of a protocol buffer: ulong for wire types 0 and 1, bytes for 2, uint for 5.</summary>
    private static List<(int Number, object Value)> All(byte[] message)
    {
        var fields = new List<(int, object)>();
        for (int place = 0; place < message.Length;)
        {
            ulong key = Varint(message, ref place);
            object value;
            switch (key & 7)
            {
                case 0:
                    value = Varint(message, ref place);
                    break;
                case 1:
                    value = BitConverter.ToUInt64(message, place);
                    place += 8;
                    break;
                case 2:
                    int length = (int)Varint(message, ref place);
                    value = message[place..(place + length)];
                    place += length;
                    break;
                default:
                    value = BitConverter.ToUInt32(message, place);
                    place += 4;
                    break;
            }
            fields.Add(((int)(key >> 3), value));
        }
        return fields;
    }

    private static ulong Varint(byte[] message, ref int place)
    {
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte part = message[place++];
            value |= (ulong)(part & 127) << shift;
            if (part < 128) return value;
        }
    }
}
