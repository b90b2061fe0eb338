using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text;
using Mezzotint.Formats;

namespace Mezzotint.Settings;

/// <summary>JSON (RFC 8259) to settings and back: one object, no comments, no key twice.</summary>
internal static class JsonSettings
{
    /// <summary>Reads a whole file.</summary>
    /// <exception cref="MezzotintException">The bytes are no JSON object or repeat a key; the message names the line.</exception>
    public static SettingsTable Parse(ReadOnlySpan<byte> json, string name)
    {
        _ = SmallFile.Text(json, name); // the reader looks at the bytes of a string only when it is asked for
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = SettingsTable.MaxDepth });
        var lines = new LineCount(json);
        try
        {
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject)
                throw new MezzotintException(
                    $"{new Place(name, lines.At(reader.TokenStartIndex))}: the file must hold one JSON object, from '{{' to "
                    + $"'}}'.");
            var root = new SettingsTable(name);
            ReadObject(ref reader, ref lines, root, name);
            reader.Read(); // anything but white space after the object makes the reader throw
            return root;
        }
        catch (JsonException cause)
        {
            string message = cause.Message.Split(" LineNumber:")[0];
            throw new MezzotintException(
                $"{new Place(name, (int)(cause.LineNumber ?? 0) + 1)}: not valid JSON: {Printable.Line(message)}", cause);
        }
        catch (InvalidOperationException cause)
        {
            // How the reader reports half of a surrogate pair in an escape.
            throw new MezzotintException($"{name}: not valid JSON: a string is not valid Unicode.", cause);
        }
    }

    /// <summary>Writes settings, indented, with a line break at the end; <see cref="Parse"/> gives them back.</summary>
    public static byte[] Write(SettingsTable root)
    {
        var buffer = new ArrayBufferWriter<byte>();
        var options = new JsonWriterOptions
            { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        using (var writer = new Utf8JsonWriter(buffer, options))
            Write(writer, root);
        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }

    private static void ReadObject(ref Utf8JsonReader reader, ref LineCount lines, SettingsTable table, string name)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            var place = new Place(name, lines.At(reader.TokenStartIndex));
            reader.Read();
            table.Add(key, new Setting(ReadValue(ref reader, ref lines, table, key, name), place));
        }
    }

    private static object ReadValue(ref Utf8JsonReader reader, ref LineCount lines, SettingsTable parent, string key, string name)
    {
        var place = new Place(name, lines.At(reader.TokenStartIndex));
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                var table = new SettingsTable(parent, key, place);
                ReadObject(ref reader, ref lines, table, name);
                return table;
            case JsonTokenType.StartArray:
                var list = new List<Setting>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    var itemPlace = new Place(name, lines.At(reader.TokenStartIndex));
                    list.Add(new Setting(ReadValue(ref reader, ref lines, parent, key, name), itemPlace));
                }
                return list;
            case JsonTokenType.String:
                return reader.GetString()!;
            case JsonTokenType.Number:
                // -0 is a whole number only where its sign does not matter.
                bool whole = !reader.ValueSpan.ContainsAny(".eE"u8) && !reader.ValueSpan.SequenceEqual("-0"u8);
                return whole && reader.TryGetInt64(out long integer) ? (object)integer : reader.GetDouble();
            case JsonTokenType.True or JsonTokenType.False:
                return reader.GetBoolean();
            default:
                return new UnusedKind("null");
        }
    }

    private static void Write(Utf8JsonWriter writer, SettingsTable table)
    {
        writer.WriteStartObject();
        foreach (var (key, setting) in table.Entries)
        {
            writer.WritePropertyName(key);
            Write(writer, setting);
        }
        writer.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter writer, Setting setting)
    {
        switch (setting.Value)
        {
            case SettingsTable table:
                Write(writer, table);
                break;
            case List<Setting> list:
                writer.WriteStartArray();
                foreach (var item in list)
                    Write(writer, item);
                writer.WriteEndArray();
                break;
            case string text:
                writer.WriteStringValue(text);
                break;
            case bool truth:
                writer.WriteBooleanValue(truth);
                break;
            case double number:
                writer.WriteNumberValue(number);
                break;
            case UnusedKind:
                writer.WriteNullValue();
                break;
            default:
                writer.WriteNumberValue((long)setting.Value);
                break;
        }
    }

    /// <summary>Tells the line of a byte, for bytes asked for in rising order.</summary>
    private ref struct LineCount(ReadOnlySpan<byte> text)
    {
        private readonly ReadOnlySpan<byte> _text = text;
        private int _line = 1;
        private int _counted;

        public int At(long index)
        {
            _line += _text[_counted..(int)index].Count((byte)'\n');
            _counted = (int)index;
            return _line;
        }
    }
}
