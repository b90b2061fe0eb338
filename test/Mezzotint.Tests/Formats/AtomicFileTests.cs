using System.Text;
using Mezzotint.Formats;

namespace Mezzotint.Tests.Formats;

public class AtomicFileTests
{
    [Fact]
    public void Write_makes_a_file_and_replaces_it()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("a.txt");
        AtomicFile.WriteText(path, "ä1");
        Assert.Equal([0xC3, 0xA4, (byte)'1'], File.ReadAllBytes(path));
        AtomicFile.WriteText(path, "2");
        Assert.Equal("2", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(folder.Name));
    }

    [Fact]
    public void The_old_file_stands_until_the_new_one_is_complete()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("a.txt");
        AtomicFile.WriteText(path, "old");
        AtomicFile.Write(path, stream =>
        {
            stream.Write("new"u8);
            stream.Flush();
            Assert.Equal("old", File.ReadAllText(path));
            string other = Assert.Single(Directory.GetFiles(folder.Name), file => file != path);
            Assert.StartsWith(AtomicFile.TemporaryPrefix, Path.GetFileName(other), StringComparison.Ordinal);
        });
        Assert.Equal("new", File.ReadAllText(path));
    }

    [Fact]
    public void A_write_that_throws_leaves_the_old_file_and_no_temporary_one()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("a.txt");
        AtomicFile.WriteText(path, "old");
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(path, stream =>
        {
            stream.Write("half of the n"u8);
            throw new InvalidOperationException();
        }));
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(folder.Name));

        Assert.Throws<InvalidOperationException>(() =>
            AtomicFile.Write(folder.File("b.txt"), _ => throw new InvalidOperationException()));
        Assert.Equal([path], Directory.GetFileSystemEntries(folder.Name));
    }

    [Fact]
    public void A_writer_may_close_the_stream()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("a.txt");
        AtomicFile.Write(path, stream =>
        {
            using var writer = new StreamWriter(stream, Encoding.ASCII);
            writer.Write("text");
        });
        Assert.Equal("text", File.ReadAllText(path));
    }

    [Fact]
    public void Refusals_of_the_file_system_name_the_file()
    {
        using var folder = new TemporaryFolder();
        string missing = folder.File("no/such/folder/a.txt");
        Assert.Contains(
            missing, Assert.Throws<MezzotintException>(() => AtomicFile.WriteText(missing, "")).Message,
            StringComparison.Ordinal);

        string occupied = folder.File("folder");
        Directory.CreateDirectory(occupied);
        Assert.Contains(
            occupied, Assert.Throws<MezzotintException>(() => AtomicFile.WriteText(occupied, "")).Message,
            StringComparison.Ordinal);
        Assert.Equal([occupied], Directory.GetFileSystemEntries(folder.Name));

        // What the writer meets while writing is told in the same way.
        string path = folder.File("a.txt");
        var e = Assert.Throws<MezzotintException>(() =>
            AtomicFile.Write(path, _ => throw new IOException("No space left on device")));
        Assert.Contains("No space left", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Writers_of_one_file_at_once_leave_one_whole_file()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("a.txt");
        Parallel.For(0, 16, i => AtomicFile.WriteText(path, new string((char)('a' + i), 10_000)));
        string text = File.ReadAllText(path);
        Assert.Equal(new string(text[0], 10_000), text);
        Assert.Equal([path], Directory.GetFileSystemEntries(folder.Name));
    }
}
