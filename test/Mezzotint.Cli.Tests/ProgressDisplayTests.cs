using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;

namespace Mezzotint.Cli.Tests;

public class ProgressDisplayTests
{
    [Fact]
    public void Where_nobody_watches_lines_stay_and_no_bar_moves()
    {
        using var error = new StringWriter();
        int result = Work(new Terminal(TextReader.Null, TextWriter.Null, error));
        Assert.Equal((7, "epoch 1: [loss] 3\n"), (result, error.ToString()));
    }

    [Fact]
    public void Where_somebody_watches_a_bar_moves_on_stderr_alone()
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        int result = Work(new Terminal(TextReader.Null, output, error) { ErrorIsWatched = true });
        Assert.Equal((7, ""), (result, output.ToString()));
        Assert.Contains('\e', error.ToString());
        Assert.Contains("epoch 1: [loss] 3", error.ToString(), StringComparison.Ordinal); // brackets are no markup
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_the_work_raises_passes_through(bool watched)
    {
        var terminal = new Terminal(TextReader.Null, TextWriter.Null, new StringWriter()) { ErrorIsWatched = watched };
        Assert.Throws<MezzotintException>(() =>
            ProgressDisplay.Show<int>(terminal, "work", _ => throw new MezzotintException("no")));
    }

    [Fact]
    public void Quantities_read_as_people_write_them()
    {
        Assert.Equal("1 image", Quantity.Of(1, "image"));
        Assert.Equal("60,000 images", Quantity.Of(60_000, "image"));
        Assert.Equal("0:07", Quantity.Of(TimeSpan.FromSeconds(7)));
        Assert.Equal("26:02:03", Quantity.Of(new TimeSpan(26, 2, 3)));
    }

    private static int Work(Terminal terminal) => ProgressDisplay.Show(terminal, "work [1]", display =>
    {
        display.Report(0.5, "half [way]");
        display.Say("epoch 1: [loss] 3");
        display.Report(1, "done");
        return 7;
    });
}
