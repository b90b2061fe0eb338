using System.Security.Cryptography;
using Mezzotint.Data;

namespace Mezzotint.Tests.Data;

public class MnistDownloadTests
{
    private static readonly byte[] Whole = Bytes(1, 200_000);
    private static readonly MnistFile One = Describe("one.gz", Whole);

    private static byte[] Bytes(int seed, int count)
    {
        byte[] bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static MnistFile Describe(string name, byte[] bytes) =>
        new(name, bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes)));

    private sealed class Notes : IProgress<DownloadProgress>
    {
        public List<DownloadProgress> All { get; } = [];
        public void Report(DownloadProgress value) => All.Add(value);
    }

    private static DownloadOptions Quick(params LoopbackServer[] servers) => new()
    {
        Mirrors = [.. servers.Select(server => server.Address)],
        Timeout = TimeSpan.FromSeconds(20),
        Pause = TimeSpan.FromMilliseconds(1),
    };

    private static Task Fetch(
        ScratchFolder folder, DownloadOptions options, IProgress<DownloadProgress>? progress = null,
        CancellationTokenSource? cancel = null) =>
        MnistDownload.FetchAsync([One], folder.Path, options, progress, cancel?.Token ?? TestContext.Current.CancellationToken);

    private static void AssertWhole(ScratchFolder folder)
    {
        Assert.Equal(Whole, File.ReadAllBytes(folder["one.gz"]));
        Assert.False(File.Exists(folder["one.gz.part"]));
    }

    [Fact]
    public async Task A_whole_file_arrives_under_its_name_and_progress_reaches_the_end()
    {
        using var folder = new ScratchFolder();
        byte[] second = Bytes(2, 1000);
        await using var server = new LoopbackServer(x => x.ReplyWithRangeAsync(x.Path == "/one.gz" ? Whole : second));
        var notes = new Notes();
        string target = Path.Combine(folder.Path, "new", "folder");
        await MnistDownload.FetchAsync(
            [One, Describe("two.gz", second)], target, Quick(server), notes, TestContext.Current.CancellationToken);
        Assert.Equal(Whole, File.ReadAllBytes(Path.Combine(target, "one.gz")));
        Assert.Equal(second, File.ReadAllBytes(Path.Combine(target, "two.gz")));
        Assert.Equal(["one.gz", "two.gz"], server.Requests);
        Assert.Equal(new DownloadProgress("two.gz", 1000, 1000, 201_000, 201_000), notes.All[^1]);
        Assert.Equal(notes.All.Select(note => note.TotalReceived).Order(), notes.All.Select(note => note.TotalReceived));
    }

    [Fact]
    public async Task A_file_that_is_there_is_not_asked_for_and_a_damaged_one_is_replaced()
    {
        using var folder = new ScratchFolder();
        await using var server = new LoopbackServer(x => x.ReplyWithRangeAsync(Whole));
        folder.Write(Whole, "one.gz");
        await Fetch(folder, Quick(server));
        Assert.Empty(server.Requests);
        folder.Write(Bytes(9, Whole.Length), "one.gz");
        await Fetch(folder, Quick(server));
        Assert.Single(server.Requests);
        AssertWhole(folder);
    }

    [Fact]
    public async Task A_transfer_that_breaks_off_is_continued_where_it_stopped()
    {
        using var folder = new ScratchFolder();
        int requests = 0;
        await using var server = new LoopbackServer(x => x.ReplyWithRangeAsync(Whole, ++requests == 1 ? 70_000 : null));
        var notes = new Notes();
        await Fetch(folder, Quick(server), notes);
        AssertWhole(folder);
        Assert.Equal(["one.gz", "one.gz from 70000"], server.Requests);
        Assert.Contains(
            notes.All, note => note.Note?.Contains("broke off after 70000 of 200000", StringComparison.Ordinal) == true);
    }

    [Fact]
    public async Task A_part_of_an_earlier_run_is_continued()
    {
        using var folder = new ScratchFolder();
        folder.Write(Whole[..12_345], "one.gz.part");
        await using var server = new LoopbackServer(x => x.ReplyWithRangeAsync(Whole));
        await Fetch(folder, Quick(server));
        AssertWhole(folder);
        Assert.Equal(["one.gz from 12345"], server.Requests);
    }

    [Fact]
    public async Task A_complete_part_needs_no_request()
    {
        using var folder = new ScratchFolder();
        folder.Write(Whole, "one.gz.part");
        await using var server = new LoopbackServer(x => x.ReplyAsync(500));
        await Fetch(folder, Quick(server));
        AssertWhole(folder);
        Assert.Empty(server.Requests);
    }

    [Fact]
    public async Task A_server_that_ignores_ranges_starts_over()
    {
        using var folder = new ScratchFolder();
        folder.Write(Whole[..5000], "one.gz.part");
        await using var server = new LoopbackServer(x => x.ReplyAsync(200, Whole));
        await Fetch(folder, Quick(server));
        AssertWhole(folder);
    }

    [Fact]
    public async Task A_server_that_refuses_the_range_is_asked_for_all()
    {
        using var folder = new ScratchFolder();
        folder.Write(Whole[..5000], "one.gz.part");
        await using var server = new LoopbackServer(x => x.Start is null ? x.ReplyAsync(200, Whole) : x.ReplyAsync(416));
        await Fetch(folder, Quick(server));
        AssertWhole(folder);
        Assert.Equal(["one.gz from 5000", "one.gz"], server.Requests);
    }

    [Fact]
    public async Task Another_range_than_was_asked_for_is_not_appended()
    {
        using var folder = new ScratchFolder();
        folder.Write(Whole[..5000], "one.gz.part");
        await using var wrong = new LoopbackServer(x =>
            x.ReplyAsync(206, Whole[4000..], header: $"Content-Range: bytes 4000-{Whole.Length - 1}/{Whole.Length}"));
        await using var good = new LoopbackServer(x => x.ReplyWithRangeAsync(Whole));
        await Fetch(folder, Quick(wrong, good));
        AssertWhole(folder);
        Assert.Equal(["one.gz from 5000"], good.Requests);
    }

    [Fact]
    public async Task A_part_with_wrong_bytes_is_thrown_away_and_the_same_mirror_asked_again()
    {
        using var folder = new ScratchFolder();
        folder.Write(Bytes(5, 5000), "one.gz.part");
        await using var server = new LoopbackServer(x => x.ReplyWithRangeAsync(Whole));
        await Fetch(folder, Quick(server));
        AssertWhole(folder);
        Assert.Equal(["one.gz from 5000", "one.gz"], server.Requests);
    }

    [Fact]
    public async Task A_missing_file_goes_to_the_next_mirror_at_once()
    {
        using var folder = new ScratchFolder();
        await using var empty = new LoopbackServer(x => x.ReplyAsync(404));
        await using var good = new LoopbackServer(x => x.ReplyWithRangeAsync(Whole));
        await Fetch(folder, Quick(empty, good));
        AssertWhole(folder);
        Assert.Single(empty.Requests);
    }

    [Fact]
    public async Task The_mirror_that_worked_is_asked_first_for_the_next_file()
    {
        using var folder = new ScratchFolder();
        await using var empty = new LoopbackServer(x => x.ReplyAsync(404));
        await using var good = new LoopbackServer(x => x.ReplyWithRangeAsync(Whole));
        await MnistDownload.FetchAsync(
            [One, One with { Name = "two.gz" }], folder.Path, Quick(empty, good), null, TestContext.Current.CancellationToken);
        Assert.Equal(["one.gz"], empty.Requests);
        Assert.Equal(["one.gz", "two.gz"], good.Requests);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(503)]
    [InlineData(429)]
    public async Task A_passing_failure_is_tried_again_on_the_same_mirror(int status)
    {
        using var folder = new ScratchFolder();
        int requests = 0;
        await using var server = new LoopbackServer(x => ++requests < 3 ? x.ReplyAsync(status) : x.ReplyWithRangeAsync(Whole));
        await Fetch(folder, Quick(server));
        AssertWhole(folder);
        Assert.Equal(3, server.Requests.Count);
    }

    [Fact]
    public async Task Wrong_bytes_are_deleted_and_the_next_mirror_tried()
    {
        using var folder = new ScratchFolder();
        await using var wrong = new LoopbackServer(x => x.ReplyWithRangeAsync(Bytes(7, Whole.Length)));
        await using var good = new LoopbackServer(x => x.ReplyWithRangeAsync(Whole));
        await Fetch(folder, Quick(wrong, good));
        AssertWhole(folder);
        Assert.Single(wrong.Requests);
        Assert.Equal(["one.gz"], good.Requests); // from the start
    }

    [Fact]
    public async Task Another_length_is_refused_before_its_body_and_keeps_the_part()
    {
        using var folder = new ScratchFolder();
        folder.Write(Whole[..5000], "one.gz.part");
        await using var page = new LoopbackServer(x => x.ReplyAsync(200, "<html>Sign in to the network</html>"u8.ToArray()));
        await using var good = new LoopbackServer(x => x.ReplyWithRangeAsync(Whole));
        await Fetch(folder, Quick(page, good));
        AssertWhole(folder);
        Assert.Equal(["one.gz from 5000"], good.Requests);
    }

    [Fact]
    public async Task An_endless_body_is_cut_off_at_the_length_of_the_file()
    {
        using var folder = new ScratchFolder();
        await using var endless = new LoopbackServer(async x =>
        {
            await x.Stream.WriteAsync("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"u8.ToArray());
            while (true)
                await x.Stream.WriteAsync(new byte[65536]); // until the client hangs up
        });
        var failure = await Assert.ThrowsAsync<MezzotintException>(() => Fetch(folder, Quick(endless)));
        Assert.Contains("sends more than the 200000 bytes", failure.Message, StringComparison.Ordinal);
        Assert.Equal(0, new FileInfo(folder["one.gz.part"]).Length);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1000)]
    public async Task Silence_is_cut_short_by_the_timeout(int sentBefore)
    {
        using var folder = new ScratchFolder();
        LoopbackServer? silent = null;
        await using var server = silent = new LoopbackServer(async x =>
        {
            if (sentBefore > 0)
                await x.ReplyWithRangeAsync(Whole, sentBefore);
            await silent!.Stopped;
        });
        // The silent server answers one request at a time: the second attempt waits in its queue, and is cut short as well.
        var options = Quick(server) with { Timeout = TimeSpan.FromMilliseconds(150), Attempts = 2 };
        var failure = await Assert.ThrowsAsync<MezzotintException>(() => Fetch(folder, options));
        Assert.Contains("was silent for 0.15 s", failure.Message, StringComparison.Ordinal);
        Assert.Equal(sentBefore, new FileInfo(folder["one.gz.part"]).Length);
    }

    [Fact]
    public async Task Cancellation_leaves_the_part_and_the_next_run_continues_it()
    {
        using var folder = new ScratchFolder();
        using var cancel = new CancellationTokenSource();
        LoopbackServer? slow = null;
        await using (slow = new LoopbackServer(async x =>
        {
            await x.ReplyWithRangeAsync(Whole, 50_000);
            await slow!.Stopped;
        }))
        {
            var fetching = Fetch(folder, Quick(slow), new CancelAt(50_000, cancel), cancel);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => fetching);
        }
        Assert.Equal(Whole[..50_000], File.ReadAllBytes(folder["one.gz.part"]));
        Assert.False(File.Exists(folder["one.gz"]));

        await using var server = new LoopbackServer(x => x.ReplyWithRangeAsync(Whole));
        await Fetch(folder, Quick(server));
        AssertWhole(folder);
        Assert.Equal(["one.gz from 50000"], server.Requests);
    }

    private sealed class CancelAt(long received, CancellationTokenSource cancel) : IProgress<DownloadProgress>
    {
        public void Report(DownloadProgress value)
        {
            if (value.Received >= received)
                cancel.Cancel();
        }
    }

    [Fact]
    public async Task The_final_error_names_every_mirror_its_reason_and_the_way_by_hand()
    {
        using var folder = new ScratchFolder();
        await using var missing = new LoopbackServer(x => x.ReplyAsync(404));
        await using var broken = new LoopbackServer(x => x.ReplyAsync(502));
        Uri closed;
        await using (var gone = new LoopbackServer(x => x.ReplyAsync(200)))
            closed = gone.Address;
        var options = Quick(missing, broken) with { Mirrors = [missing.Address, broken.Address, closed] };
        string message = (await Assert.ThrowsAsync<MezzotintException>(() => Fetch(folder, options))).Message;
        foreach (
            string part in new[]
            {
                $"{missing.Address} answered 404", $"{broken.Address} answered 502", $"{closed} cannot be reached", folder.Path,
                "one.gz", "by hand", "--set data.name=strokes",
            })
            Assert.Contains(part, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
        Assert.Equal(3, broken.Requests.Count);
    }

    [Fact]
    public async Task A_folder_that_cannot_be_written_is_named()
    {
        using var folder = new ScratchFolder();
        string file = folder.Write([1], "a-file");
        var failure = await Assert.ThrowsAsync<MezzotintException>(() =>
            MnistDownload.FetchAsync(
                [One], file, new() { Mirrors = [new("http://127.0.0.1:9/")] }, null, TestContext.Current.CancellationToken));
        Assert.Contains(file, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_download_of_the_same_file_is_told_so()
    {
        using var folder = new ScratchFolder();
        using var other = new FileStream(folder["one.gz.part"], FileMode.Create, FileAccess.ReadWrite, FileShare.None);
        await using var server = new LoopbackServer(x => x.ReplyWithRangeAsync(Whole));
        var failure = await Assert.ThrowsAsync<MezzotintException>(() => Fetch(folder, Quick(server)));
        Assert.Contains("let another download end", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_out_of_range_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new DownloadOptions { Mirrors = [] }.Validate());
        Assert.Throws<ArgumentException>(() => new DownloadOptions { Mirrors = [new("http://127.0.0.1/no-slash")] }.Validate());
        Assert.Throws<ArgumentException>(() => new DownloadOptions { Mirrors = [new("file:///tmp/")] }.Validate());
        Assert.Throws<ArgumentOutOfRangeException>(() => new DownloadOptions { Attempts = 0 }.Validate());
        Assert.Throws<ArgumentOutOfRangeException>(() => new DownloadOptions { Timeout = TimeSpan.Zero }.Validate());
        new DownloadOptions().Validate();
    }
}
