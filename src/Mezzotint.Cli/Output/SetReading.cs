using Mezzotint.Cli.Choices;
using Mezzotint.Data;

namespace Mezzotint.Cli.Output;

/// <summary>Reads data sets at the terminal, with a bar while pictures are decoded.</summary>
internal static class SetReading
{
    /// <summary>Reads a set; <see cref="ReadingLines"/> says afterwards what was left out.</summary>
    /// <param name="terminal">Where the bar moves, and who may stop it.</param>
    /// <param name="name">The set's name or path.</param>
    /// <param name="folder">The folder after <c>--data</c>, for MNIST.</param>
    /// <param name="options">What becomes of the images.</param>
    /// <param name="limit">At most so many; null for all.</param>
    public static ImageSet Load(Terminal terminal, string name, string? folder, ReadingOptions options, int? limit = null)
    {
        if (!Directory.Exists(name) && !File.Exists(name))
            return DataSource.Load(name, options, folder, limit); // drawn or MNIST, in a moment
        return Watched(terminal, progress => DataSource.Load(name, options, folder, limit, progress, terminal.Stop));
    }

    /// <summary>Does a work that decodes pictures.</summary>
    public static T Watched<T>(Terminal terminal, Func<IProgress<ReadingProgress>, T> work) =>
        ProgressDisplay.Show(terminal, "reading", display => work(new Reports<ReadingProgress>(report =>
            display.Report((double)report.Done / report.Total, Quantity.Of(report.Total, "picture")))));
}
