using System.Diagnostics;
using System.Globalization;
using Mezzotint.Cli.Choices;
using Spectre.Console.Rendering;
using Spectre.Console;

namespace Mezzotint.Cli.Output;

/// <summary>
/// How far a long work is, on stderr: a bar where somebody watches, else a plain line every ten seconds. Reports may come from
/// any thread.
/// </summary>
internal sealed class ProgressDisplay
{
    private static readonly TimeSpan BetweenLines = TimeSpan.FromSeconds(10);

    /// <summary>Title, per cent, and details such as <c>epoch 12 of 30, loss 13.20, 1200 images/s, 1:23:45 left</c>: the bar
    /// takes the rest of the line.</summary>
    private const int RoomForText = 72;

    private readonly Lock _lock = new();
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly Terminal _terminal;
    private readonly string _title;
    private readonly Action<double, string>? _draw;
    private readonly Action<string> _say;
    private double? _first;
    private TimeSpan _nextLine = BetweenLines;

    private ProgressDisplay(Terminal terminal, string title, Action<double, string>? draw, Action<string> say) =>
        (_terminal, _title, _draw, _say) = (terminal, title, draw, say);

    /// <summary>Shows the progress of <paramref name="work"/> while it runs, on the caller's own thread.</summary>
    public static T Show<T>(Terminal terminal, string title, Func<ProgressDisplay, T> work) =>
        terminal.ErrorIsWatched ? ShowBar(terminal, title, work) : work(new ProgressDisplay(terminal, title, null, terminal.Say));

    /// <summary>Tells how much of the work is done.</summary>
    /// <param name="fraction">0 to 1.</param>
    /// <param name="details">What else there is to know; the time left is added.</param>
    public void Report(double fraction, string details)
    {
        lock (_lock)
        {
            _first ??= fraction;
            string text = string.Join(", ", new[] { details, TimeLeft(fraction) }.Where(part => part.Length > 0));
            _draw?.Invoke(fraction, text);
            if (_draw is null && _clock.Elapsed >= _nextLine)
            {
                _nextLine = _clock.Elapsed + BetweenLines;
                _say(string.Create(CultureInfo.InvariantCulture, $"{_title} {100 * fraction:F0} %: {text}"));
            }
        }
    }

    /// <summary>A line that stays.</summary>
    public void Say(string line)
    {
        lock (_lock)
            _say(line);
    }

    private string TimeLeft(double fraction)
    {
        double done = fraction - _first!.Value;
        return done > 0 && fraction < 1 && _clock.Elapsed > TimeSpan.FromSeconds(1)
            ? $"{Quantity.Of(_clock.Elapsed * Math.Min((1 - fraction) / done, 1e6))} left"
            : "";
    }

    private static T ShowBar<T>(Terminal terminal, string title, Func<ProgressDisplay, T> work)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(terminal.Error),
            Ansi = AnsiSupport.Yes,
            Interactive = InteractionSupport.Yes,
            ColorSystem = string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
                ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
        });
        console.Profile.Width = terminal.Width;
        var detailsColumn = new DetailsColumn();
        return console.Progress().AutoClear(true)
            .Columns(
                new TaskDescriptionColumn(), new ProgressBarColumn { Width = Math.Clamp(terminal.Width - RoomForText, 8, 40) },
                new PercentageColumn(), detailsColumn)
            .Start(context =>
            {
                var bar = context.AddTask(Markup.Escape(title), maxValue: 1);
                return work(new ProgressDisplay(terminal, title, (fraction, details) =>
                {
                    bar.Value = fraction;
                    detailsColumn.Details = details;
                }, line => console.WriteLine(line)));
            });
    }

    private sealed class DetailsColumn : ProgressColumn
    {
        public string Details { get; set; } = "";

        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
            new Spectre.Console.Text(Details);
    }
}
