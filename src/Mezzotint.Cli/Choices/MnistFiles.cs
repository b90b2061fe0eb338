using System.Globalization;
using Mezzotint.Cli.Output;
using Mezzotint.Data;

namespace Mezzotint.Cli.Choices;

/// <summary>MNIST's files for the verbs that need them: found, or else downloaded, and either way said.</summary>
internal static class MnistFiles
{
    /// <summary>Makes sure that <see cref="DataSource"/> finds MNIST.</summary>
    /// <param name="terminal">Told where it is taken from, if that may surprise.</param>
    /// <param name="folder">The folder given by <c>--data</c>.</param>
    public static void Ensure(Terminal terminal, string? folder)
    {
        var search = DataSource.Find(DataSource.MnistName, folder);
        if (search.Folder is null)
        {
            terminal.Say(
                $"MNIST is not in {string.Join(", ", search.Places.Select(place => $"{place.Folder} ({place.Finding})"))}.");
            Fetch(terminal, DataSource.MnistCacheFolder);
        }
        else if (folder is not null && !search.Folder.StartsWith(Path.GetFullPath(folder), StringComparison.Ordinal))
            terminal.Say($"--data {folder} has no MNIST ({search.Places[0].Finding}); it is taken from {search.Folder}.");
    }

    /// <summary>Downloads what is missing into <paramref name="folder"/>, with a progress bar.</summary>
    public static void Fetch(Terminal terminal, string folder)
    {
        terminal.Say($"Fetching MNIST (12 MB) into {folder}.");
        ProgressDisplay.Show(terminal, "mnist", display =>
        {
            var progress = new Reports<DownloadProgress>(report =>
            {
                if (report.Note is { } note)
                    display.Say(note);
                display.Report((double)report.TotalReceived / report.TotalLength,
                    string.Create(
                        CultureInfo.InvariantCulture, $"{report.TotalReceived / 1e6:F1} of {report.TotalLength / 1e6:F1} MB"));
            });
            MnistDownload.FetchAsync(folder, progress: progress, cancellationToken: terminal.Stop).GetAwaiter().GetResult();
            return true;
        });
    }
}
