using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json;
using Mezzotint.Data;
using Mezzotint.Formats;

namespace Mezzotint.Runs;

/// <summary>One line of a run's log: the losses since the line before, or the end of an epoch.</summary>
public sealed record RunLogEntry
{
    /// <summary>Steps done.</summary>
    public required long Step { get; init; }

    /// <summary>Epochs done, with a fraction.</summary>
    public required double Epoch { get; init; }

    /// <summary>The mean training loss: of the steps since the line before, or of the epoch.</summary>
    public required double TrainLoss { get; init; }

    /// <summary>The loss on the test images; on the line of an epoch alone.</summary>
    public double? EvalLoss { get; init; }

    /// <summary>Figures of the task's own on the test images, by name, on the line of an epoch; null where the task has none. A
    /// classifier has <c>accuracy</c>, 0 to 1.</summary>
    public IReadOnlyDictionary<string, double>? Figures { get; init; }

    /// <summary>The optimiser's step size at this step, schedule included; null in logs from before it was kept.</summary>
    public double? LearningRate { get; init; }

    /// <summary>Seconds of training so far, over all sessions.</summary>
    public required double Seconds { get; init; }

    /// <summary>
    /// Training images a second since the line before (of an epoch: over it), evaluation and checkpoints left out.
    /// </summary>
    public double ImagesPerSecond { get; init; }
}

/// <summary>
/// <c>log.jsonl</c> of a run folder: one JSON object a line, appended as the run goes on. A resumed run cuts off what lies after
/// its
/// checkpoint, so that the log reads as if the run had never stopped.
/// </summary>
/// <remarks>
/// Of pictures in folders, the first line says what was read:
/// <c>{"data": {"train": {"name", "images", "reading"}, "test": {...}}}</c>, where reading is the
/// <see cref="ReadingReport"/>. A run that goes on with other data has such a line for each.
/// </remarks>
public sealed class RunLog
{
    private const int MaxLength = 1 << 28;
    private const string DataKey = "data";

    private readonly string _path;
    private readonly List<RunLogEntry> _entries;

    private RunLog(string path, List<RunLogEntry> entries) => (_path, _entries) = (path, entries);

    /// <summary>All entries, oldest first.</summary>
    public IReadOnlyList<RunLogEntry> Entries => _entries;

    /// <summary>The lines that end an epoch.</summary>
    public IEnumerable<RunLogEntry> Epochs => _entries.Where(entry => entry.EvalLoss is not null);

    /// <summary>
    /// Opens the log of a run that goes on from <paramref name="step"/>; lines after it are dropped, as is a last line that a
    /// kill cut short.
    /// </summary>
    /// <param name="path">The file; it need not exist.</param>
    /// <param name="step">The step of the checkpoint; 0 for a new run.</param>
    /// <param name="epochsReported">How many epochs had been reported by then.</param>
    /// <param name="data">What is learned from, as <see cref="DataLine"/> gives it; null leaves it unsaid.</param>
    public static RunLog Open(string path, long step, int epochsReported, string? data = null)
    {
        var kept = new List<RunLogEntry>();
        var dataLines = new List<string>();
        int epochs = 0;
        foreach (var (line, entry) in File.Exists(path) ? ReadLines(path) : [])
        {
            if (entry is null)
            {
                if (step > 0)
                    dataLines.Add(line + "\n");
                continue;
            }
            if (entry.Step > step || (entry.EvalLoss is not null && ++epochs > epochsReported))
                break;
            kept.Add(entry);
        }
        if (data is not null && !dataLines.Contains(data))
            dataLines.Add(data);
        AtomicFile.WriteText(path, string.Concat(dataLines.Concat(kept.Select(Line))));
        return new RunLog(path, kept);
    }

    /// <summary>Reads a log, also one that is being written: a last line without its end is left out.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="MezzotintException">The file cannot be read, or a line is not an entry; the message names it.</exception>
    public static IReadOnlyList<RunLogEntry> Read(string path) =>
        [.. ReadLines(path).Select(line => line.Entry).OfType<RunLogEntry>()];

    /// <summary>The line that says what was read; null for sets that are not read from pictures.</summary>
    /// <param name="train">What is learned.</param>
    /// <param name="test">What the loss is evaluated on.</param>
    public static string? DataLine(ImageSet train, ImageSet test)
    {
        JsonObject Of(ImageSet set)
        {
            var facts = new JsonObject { ["name"] = set.Name, ["images"] = set.DistinctCount };
            if (set.Reading is { } reading)
                facts["reading"] = reading.ToJson();
            return facts;
        }
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(test);
        return train.Reading is null && test.Reading is null ? null
            : new JsonObject { [DataKey] = new JsonObject { ["train"] = Of(train), ["test"] = Of(test) } }.ToJsonString() + "\n";
    }

    /// <summary>The lines of a log, each with its entry; null for a line that says what was read.</summary>
    private static List<(string Line, RunLogEntry? Entry)> ReadLines(string path)
    {
        string text = InputFile.Read(path, stream => ReadText(path, stream), FileShare.ReadWrite | FileShare.Delete);
        string[] lines = text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var entries = new List<(string, RunLogEntry?)>(lines.Length);
        for (int i = 0; i < lines.Length; i++)
        {
            try
            {
                using var line = JsonDocument.Parse(lines[i]);
                bool isData = line.RootElement.ValueKind == JsonValueKind.Object
                    && line.RootElement.EnumerateObject().Take(1).Any(property => property.NameEquals(DataKey));
                entries.Add((lines[i], isData ? null
                    : line.Deserialize(RunLogJson.Default.RunLogEntry) ?? throw new JsonException()));
            }
            catch (JsonException cause)
            {
                throw new MezzotintException(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"'{path}', line {i + 1} is not an entry of a run's log. Delete the line to go on."), cause);
            }
        }
        return entries;
    }

    /// <summary>Appends one line.</summary>
    /// <exception cref="MezzotintException">The file system refuses.</exception>
    public void Add(RunLogEntry entry)
    {
        _entries.Add(entry);
        AtomicFile.Append(_path, Line(entry));
    }

    private static string ReadText(string path, Stream stream)
    {
        if (stream.Length > MaxLength)
            throw new MezzotintException(
                $"'{path}' has {stream.Length} bytes, more than the {MaxLength} that a log may have; is it the right file?");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    private static string Line(RunLogEntry entry) => JsonSerializer.Serialize(entry, RunLogJson.Default.RunLogEntry) + "\n";
}

/// <summary>
/// How entries are written and read: made by the compiler, as programs compiled ahead of time have no reflection for it.
/// </summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(RunLogEntry))]
internal sealed partial class RunLogJson : JsonSerializerContext;
