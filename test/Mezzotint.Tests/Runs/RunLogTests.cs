using CsCheck;
using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Runs;
using Mezzotint.Tests.Formats;

namespace Mezzotint.Tests.Runs;

public class RunLogTests
{
    [Fact]
    public void Lines_are_read_as_they_were_added()
    {
        using var folder = new TemporaryFolder();
        var log = RunLog.Open(folder.File("log"), 0, 0);
        log.Add(Line(10));
        log.Add(Line(20, eval: 1.25));
        Assert.Equal([Line(10), Line(20, eval: 1.25)], RunLog.Read(folder.File("log")));
        Assert.Equal([Line(10), Line(20, eval: 1.25)], log.Entries);
        Assert.Equal([Line(20, eval: 1.25)], log.Epochs);
        Assert.Equal(
            """{"step":10,"epoch":0.1,"train_loss":100,"seconds":1.5,"images_per_second":0}""",
            File.ReadAllLines(folder.File("log"))[0]);
    }

    [Fact]
    public void A_last_line_that_was_cut_is_left_out_and_dropped_on_opening()
    {
        using var folder = new TemporaryFolder();
        var log = RunLog.Open(folder.File("log"), 0, 0);
        log.Add(Line(10));
        log.Add(Line(20));
        string whole = File.ReadAllText(folder.File("log"));
        int second = whole.IndexOf('\n') + 1;
        for (int length = second; length < whole.Length; length++)
        {
            File.WriteAllText(folder.File("log"), whole[..length]);
            Assert.Equal([Line(10)], RunLog.Read(folder.File("log")));
        }
        RunLog.Open(folder.File("log"), 20, 0).Add(Line(30));
        Assert.Equal([Line(10), Line(30)], RunLog.Read(folder.File("log")));
    }

    [Fact]
    public void Opening_drops_what_lies_after_the_checkpoint()
    {
        using var folder = new TemporaryFolder();
        void Expect(long step, int epochsReported, params RunLogEntry[] kept)
        {
            File.Delete(folder.File("log"));
            var log = RunLog.Open(folder.File("log"), 0, 0);
            foreach (var line in new[] { Line(10), Line(20), Line(20, eval: 2), Line(30), Line(40), Line(40, eval: 1) })
                log.Add(line);
            Assert.Equal(kept, RunLog.Open(folder.File("log"), step, epochsReported).Entries);
            Assert.Equal(kept, RunLog.Read(folder.File("log")));
        }
        Expect(0, 0);
        Expect(15, 0, Line(10));
        Expect(20, 0, Line(10), Line(20));
        Expect(20, 1, Line(10), Line(20), Line(20, eval: 2));
        Expect(30, 1, Line(10), Line(20), Line(20, eval: 2), Line(30));
        Expect(40, 2, Line(10), Line(20), Line(20, eval: 2), Line(30), Line(40), Line(40, eval: 1));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("[1]")]
    [InlineData("""{"step":"ten","epoch":1,"train_loss":1,"seconds":1}""")]
    [InlineData("""{"step":1}""")]
    [InlineData("\0\0\0")]
    public void A_line_that_is_no_entry_is_named(string line)
    {
        using var folder = new TemporaryFolder();
        RunLog.Open(folder.File("log"), 0, 0).Add(Line(10));
        File.AppendAllText(folder.File("log"), line + "\n");
        var error = Assert.Throws<MezzotintException>(() => RunLog.Read(folder.File("log")));
        Assert.Equal($"'{folder.File("log")}', line 2 is not an entry of a run's log. Delete the line to go on.", error.Message);
    }

    [Fact]
    public void Damaged_bytes_make_a_log_or_a_clear_error()
    {
        using var folder = new TemporaryFolder();
        var log = RunLog.Open(folder.File("log"), 0, 0);
        log.Add(Line(10));
        log.Add(Line(20, eval: 3));
        byte[] whole = File.ReadAllBytes(folder.File("log"));
        Gen.Select(Gen.Int[0, whole.Length - 1], Gen.Byte, Gen.Int[0, 2 * whole.Length]).Sample((at, value, length) =>
        {
            byte[] bytes = [.. whole];
            bytes[at] = value;
            File.WriteAllBytes(folder.File("log"), bytes.AsSpan(0, Math.Min(length, bytes.Length)));
            try
            {
                Assert.DoesNotContain(null, RunLog.Read(folder.File("log")));
            }
            catch (MezzotintException error)
            {
                Assert.DoesNotContain('\n', error.Message);
            }
        }, iter: 500, threads: 1);
    }

    [Fact]
    public void What_was_read_stands_on_one_line_and_is_no_entry()
    {
        using var folder = new TemporaryFolder();
        ImageSet Set(string name, ReadingReport? reading = null) =>
            new(name, new byte[4], new byte[4], 1, 1, 1, ["a"]) { Reading = reading };
        var reading = new ReadingReport
        {
            Source = "pictures", Taken = 4, Background = Background.White,
            Notes = [new(ReadingReason.Format, 2, ["a/x.tif", "a/\"\n.txt"]), new(ReadingReason.NoClass, 1, ["b/"])],
        };
        string data = RunLog.DataLine(Set("pictures train", reading), Set("pictures test"))!;
        const string Expected = """
            {"data":{"train":{"name":"pictures train","images":4,"reading":{"source":"pictures","taken":4,"background":"white",
            "notes":{"format":{"count":2,"first":["a/x.tif","a/\u0022\n.txt"]},"no_class":{"count":1,"first":["b/"]}}}},
            "test":{"name":"pictures test","images":4}}}
            """;
        Assert.Equal(Expected.ReplaceLineEndings(""), data.TrimEnd('\n'));

        Assert.Null(RunLog.DataLine(Set("strokes train"), Set("strokes test")));
        string other = RunLog.DataLine(Set("pictures train", reading with { Taken = 5 }), Set("pictures test"))!;
        RunLog.Open(folder.File("log"), 0, 0, other); // a run that never took a step leaves nothing
        RunLog.Open(folder.File("log"), 0, 0, data).Add(Line(10));
        RunLog.Open(folder.File("log"), 10, 0, data).Add(Line(20)); // goes on with the same: said once
        Assert.Equal([Line(10), Line(20)], RunLog.Read(folder.File("log")));
        Assert.Equal(data, File.ReadAllLines(folder.File("log"))[0] + "\n");
        Assert.Equal(3, File.ReadAllLines(folder.File("log")).Length);
        RunLog.Open(folder.File("log"), 20, 0, other); // goes on with other data: both are told
        Assert.Equal([data, other], File.ReadAllLines(folder.File("log"))[..2].Select(line => line + "\n"));
    }

    private static RunLogEntry Line(long step, double? eval = null) =>
        new() { Step = step, Epoch = step / 100.0, TrainLoss = 1000.0 / step, EvalLoss = eval, Seconds = 1.5 };
}
