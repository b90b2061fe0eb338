using System.Text;

namespace Mezzotint.Cli.Output;

/// <summary>
/// Messages for a person, on stderr. Nobody may be there to read them (a full disk, a closed terminal): what cannot be written is
/// dropped, and never ends the work that it is about.
/// </summary>
/// <param name="writer">Where they go.</param>
internal sealed class MessageWriter(TextWriter writer) : TextWriter
{
    public override Encoding Encoding => writer.Encoding;

    public override void Write(char value) => Try(() => writer.Write(value));

    public override void Write(char[] buffer, int index, int count) => Try(() => writer.Write(buffer, index, count));

    public override void Write(string? value) => Try(() => writer.Write(value));

    public override void WriteLine(string? value) => Try(() => writer.WriteLine(value));

    public override void Flush() => Try(writer.Flush);

    private static void Try(Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
        }
    }
}
