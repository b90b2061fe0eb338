using Mezzotint.Cli.Output;
using Mezzotint.Plots;

namespace Mezzotint.Cli.Tests;

public class TerminalTests
{
    [Theory]
    [InlineData("TERM=xterm", TerminalColors.None)]
    [InlineData("TERM=dumb COLORTERM=truecolor", TerminalColors.None)]
    [InlineData("TERM=linux", TerminalColors.None)]
    [InlineData("TERM=vt100", TerminalColors.None)]
    [InlineData("", TerminalColors.None)]
    [InlineData("TERM=xterm-256color", TerminalColors.Palette)]
    [InlineData("TERM=screen-256color", TerminalColors.Palette)]
    [InlineData("TERM=xterm COLORTERM=truecolor", TerminalColors.TrueColor)]
    [InlineData("TERM=xterm-256color COLORTERM=24bit", TerminalColors.TrueColor)]
    [InlineData("TERM=xterm-256color COLORTERM=yes", TerminalColors.Palette)]
    [InlineData("TERM=xterm-kitty", TerminalColors.TrueColor)]
    [InlineData("TERM=xterm-direct", TerminalColors.TrueColor)]
    [InlineData("WT_SESSION=1", TerminalColors.TrueColor)]
    [InlineData("TERM=xterm COLORTERM=truecolor NO_COLOR=1", TerminalColors.None)]
    [InlineData("TERM=xterm-256color NO_COLOR=1", TerminalColors.None)]
    public void A_terminal_gets_no_more_colours_than_it_promises(string environment, TerminalColors colors)
    {
        var variables = environment.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(pair => pair.Split('='))
            .ToDictionary(pair => pair[0], pair => pair[1]);
        Assert.Equal(colors, Terminal.Colors(variables.GetValueOrDefault));
    }

    [Fact]
    public void The_console_of_Windows_shows_all_colours() =>
        Assert.Equal(TerminalColors.TrueColor, Terminal.Colors(_ => null, windows: true));
}
