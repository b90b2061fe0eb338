using Mezzotint.Formats;
using Mezzotint.Training;

namespace Mezzotint.Runs;

/// <summary>
/// The folder of one training: <c>config.toml</c>, <c>log.jsonl</c>, TensorBoard events, <c>loss.png</c>, <c>samples/</c>,
/// <c>checkpoints/</c>, <c>averages/</c>, <c>model/</c> and <c>heartbeat</c>, which tells whether the training lives. One process
/// at a time owns it.
/// </summary>
public sealed class RunFolder : IDisposable
{
    private const string CheckpointPrefix = "step-";
    private const string CheckpointSuffix = ".safetensors";

    /// <summary>The newest checkpoints that are kept: one more than needed, should the newest be damaged by the disk.</summary>
    private const int CheckpointsKept = 2;

    private readonly FileStream _lock;

    private RunFolder(string path, FileStream lockFile) => (Path, _lock) = (path, lockFile);

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The resolved configuration.</summary>
    public string Configuration => System.IO.Path.Combine(Path, "config.toml");

    /// <summary>The log.</summary>
    public string Log => System.IO.Path.Combine(Path, "log.jsonl");

    /// <summary>The sign of life of the training, see <see cref="RunHeartbeat"/>.</summary>
    public string Heartbeat => System.IO.Path.Combine(Path, "heartbeat");

    /// <summary>The plot of the losses.</summary>
    public string LossPlot => System.IO.Path.Combine(Path, "loss.png");

    /// <summary>Grids of images, one an epoch.</summary>
    public string Samples => System.IO.Path.Combine(Path, "samples");

    /// <summary>
    /// Snapshots of the averages of the weights, where the configuration asks for them: <see cref="AverageSnapshots"/>.
    /// </summary>
    public string Averages => System.IO.Path.Combine(Path, "averages");

    /// <summary>The model as it stood at the end of the last epoch.</summary>
    public string Model => System.IO.Path.Combine(Path, "model");

    /// <summary>The model whose weights the training began with, where it did not begin with random ones.</summary>
    public string Start => System.IO.Path.Combine(Path, "start");

    /// <summary>The model whose paths a student learns, where there is one.</summary>
    public string Teacher => System.IO.Path.Combine(Path, "teacher");

    /// <summary>The low-rank adapter, where the training is of one: the model's weights less those that it began with.</summary>
    public string Adapter => System.IO.Path.Combine(Path, "adapter.safetensors");

    private string Checkpoints => System.IO.Path.Combine(Path, "checkpoints");

    /// <summary>Takes the folder for this process, making it where it is not there.</summary>
    /// <exception cref="MezzotintException">Another process trains in it, or what a training writes cannot be
    /// written.</exception>
    public static RunFolder Open(string path)
    {
        RunFolder? folder = null;
        try
        {
            PortableName.Check(path);
            Directory.CreateDirectory(path);
            folder = new RunFolder(path, Lock(System.IO.Path.Combine(path, ".lock")));
            folder.Prepare();
            return folder;
        }
        catch (Exception cause)
        {
            folder?.Dispose();
            if (cause is IOException or UnauthorizedAccessException)
                throw new MezzotintException($"Cannot make the run folder '{path}': {Printable.Line(cause.Message)}", cause);
            throw;
        }
    }

    private static FileStream Lock(string file)
    {
        try
        {
            return new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException cause) when (File.Exists(file))
        {
            throw new MezzotintException(
                $"Another process trains in '{System.IO.Path.GetDirectoryName(file)}'. Wait for it, or train into another folder "
                + "with --out.", cause);
        }
    }

    /// <summary>Removes what a killed process left, and finds out whether all that a training writes can be written: better now
    /// than at the end of an epoch.</summary>
    private void Prepare()
    {
        foreach (string file in new[] { Configuration, Log, Heartbeat, LossPlot, Adapter })
            if (Directory.Exists(file))
                throw new IOException($"'{file}' is a folder, where a file is to be written. Remove it.");
        foreach (string inner in new[] { Samples, Averages, Model, Start, Teacher, Checkpoints })
            if (File.Exists(inner))
                throw new IOException($"'{inner}' is a file, where a folder is to be made. Remove it.");
        Directory.CreateDirectory(Checkpoints);
        Directory.CreateDirectory(Samples);
        foreach (string inner in new[] { Path, Samples, Averages, Model, Start, Teacher, Checkpoints }.Where(Directory.Exists))
        {
            AtomicFile.Sweep(inner);
            AtomicFile.Probe(inner);
        }
    }

    /// <summary>Whether a training has been begun in <paramref name="path"/>.</summary>
    public static bool Exists(string path) => File.Exists(System.IO.Path.Combine(path, "config.toml"));

    /// <summary>
    /// Writes a checkpoint, then removes the older ones that are not kept, later ones (they were damaged), and what a killed
    /// process left.
    /// </summary>
    public void Save(Checkpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        string path = System.IO.Path.Combine(Checkpoints, $"{CheckpointPrefix}{checkpoint.Step:D9}{CheckpointSuffix}");
        checkpoint.Write(path);
        // A later one was damaged, or this training would have gone on from it; it must not push out one that is whole.
        var files = CheckpointFiles();
        var kept = files.SkipWhile(later => string.CompareOrdinal(later, path) > 0).Take(CheckpointsKept);
        foreach (string old in files.Except(kept).Concat(Directory.GetFiles(Checkpoints, AtomicFile.TemporaryPrefix + "*")))
            AtomicFile.Remove(old);
    }

    /// <summary>The newest checkpoint that is whole, or null where there is none yet.</summary>
    /// <param name="damaged">Receives the message of each newer one that is not.</param>
    /// <exception cref="MezzotintException">There are checkpoints, and all are damaged.</exception>
    public Checkpoint? Latest(ICollection<string> damaged)
    {
        ArgumentNullException.ThrowIfNull(damaged);
        var files = CheckpointFiles();
        foreach (string file in files)
        {
            try
            {
                return Checkpoint.Read(file);
            }
            catch (MezzotintException cause)
            {
                damaged.Add(cause.Message);
            }
        }
        return files.Count == 0 ? null
            : throw new MezzotintException($"No checkpoint in '{Checkpoints}' is whole: {damaged.First()}");
    }

    private List<string> CheckpointFiles() =>
        [.. Directory.GetFiles(Checkpoints, CheckpointPrefix + "*" + CheckpointSuffix).OrderDescending(StringComparer.Ordinal)];

    /// <summary>Removes what an earlier training left, so that another begins.</summary>
    /// <exception cref="MezzotintException">It cannot be removed.</exception>
    public void Clear()
    {
        try
        {
            // The configuration goes first: without it nobody goes on with what a killed process has not removed.
            foreach (string entry in Directory.GetFileSystemEntries(Path).OrderByDescending(entry => entry == Configuration))
                if (Directory.Exists(entry))
                    Directory.Delete(entry, recursive: true);
                else if (entry != _lock.Name)
                    File.Delete(entry);
            Prepare();
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new MezzotintException($"Cannot clear the run folder '{Path}': {Printable.Line(cause.Message)}", cause);
        }
    }

    /// <summary>Gives the folder back.</summary>
    public void Dispose() => _lock.Dispose();
}
