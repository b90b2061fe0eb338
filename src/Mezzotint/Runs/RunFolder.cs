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

    /// <summary>Snapshots of the averages of the weights, where the configuration asks for them: <see cref="AverageSnapshots"/>.</summary>
    public string Averages => System.IO.Path.Combine(Path, "averages");

    /// <summary>The model as it stood at the end of the last epoch.</summary>
    public string Model => System.IO.Path.Combine(Path, "model");

    /// <summary>The model whose weights the training began with, where it did not begin with random ones.</summary>
    public string Start => System.IO.Path.Combine(Path, "start");

    private string Checkpoints => System.IO.Path.Combine(Path, "checkpoints");

    /// <summary>Takes the folder for this process, making it where it is not there.</summary>
    /// <exception cref="MezzotintException">Another process trains in it, or it cannot be written.</exception>
    public static RunFolder Open(string path)
    {
        try
        {
            Directory.CreateDirectory(System.IO.Path.Combine(path, "checkpoints"));
            Directory.CreateDirectory(System.IO.Path.Combine(path, "samples"));
            var folder = new RunFolder(
                path, new FileStream(
                System.IO.Path.Combine(path, ".lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
            foreach (
                string written in new[] { path, folder.Samples, folder.Averages, folder.Model, folder.Start, folder.Checkpoints })
                AtomicFile.Sweep(written);
            return folder;
        }
        catch (IOException cause) when (File.Exists(System.IO.Path.Combine(path, ".lock")))
        {
            throw new MezzotintException($"Another process trains in '{path}'. Wait for it, or train into another folder with --out.", cause);
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new MezzotintException($"Cannot make the run folder '{path}': {cause.Message}", cause);
        }
    }

    /// <summary>Whether a training has been begun in <paramref name="path"/>.</summary>
    public static bool Exists(string path) => File.Exists(System.IO.Path.Combine(path, "config.toml"));

    /// <summary>Writes a checkpoint, then removes the older ones that are not kept, later ones (they were damaged), and what a killed process left.</summary>
    public void Save(Checkpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        string path = System.IO.Path.Combine(Checkpoints, $"{CheckpointPrefix}{checkpoint.Step:D9}{CheckpointSuffix}");
        checkpoint.Write(path);
        // A later one was damaged, or this training would have gone on from it; it must not push out one that is whole.
        var files = CheckpointFiles();
        var kept = files.SkipWhile(later => string.CompareOrdinal(later, path) > 0).Take(CheckpointsKept);
        foreach (string old in files.Except(kept).Concat(Directory.GetFiles(Checkpoints, AtomicFile.TemporaryPrefix + "*")))
            File.Delete(old);
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
        return files.Count == 0 ? null : throw new MezzotintException($"No checkpoint in '{Checkpoints}' is whole: {damaged.First()}");
    }

    private List<string> CheckpointFiles() =>
        [.. Directory.GetFiles(Checkpoints, CheckpointPrefix + "*" + CheckpointSuffix).OrderDescending(StringComparer.Ordinal)];

    /// <summary>Gives the folder back.</summary>
    public void Dispose() => _lock.Dispose();
}
