using System.Text;

namespace Mezzotint.Runs;

/// <summary>
/// The file <c>heartbeat</c> of a run folder: one word for the state of the training, written anew every few seconds for as long
/// as its process lives. Whoever reads it takes a <see cref="Training"/> that is older than <see cref="Lifetime"/> for one that
/// was killed.
/// </summary>
public sealed class RunHeartbeat : IDisposable
{
    /// <summary>The states that the file names.</summary>
    public const string Training = "training", Stopped = "stopped", Finished = "finished";

    /// <summary>How old the file of a living training may become: a few beats, because a busy machine may miss one.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(20);

    private static readonly TimeSpan Beat = TimeSpan.FromSeconds(5);

    private readonly string _path;
    private readonly object _lock = new();
    private readonly Timer _timer;
    private bool _ended;

    /// <summary>Begins to beat.</summary>
    /// <param name="path">The file.</param>
    public RunHeartbeat(string path)
    {
        _path = path;
        Write(Training);
        _timer = new Timer(_ => Write(Training), null, Beat, Beat);
    }

    /// <summary>Whether the training has done all its epochs; one that ends without is stopped.</summary>
    public bool IsFinished { get; set; }

    /// <summary>Writes how the training ended.</summary>
    public void Dispose()
    {
        _timer.Dispose();
        lock (_lock)
        {
            Write(IsFinished ? Finished : Stopped);
            _ended = true;
        }
    }

    private void Write(string state)
    {
        lock (_lock)
        {
            if (_ended)
                return; // a beat that was under way
            try
            {
                // One write over the old word, which is as long: a reader never sees an empty file.
                using var file = new FileStream(
                    _path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
                file.Write(Encoding.ASCII.GetBytes(state.PadRight(Finished.Length) + "\n"));
                file.Flush();
            }
            catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
            {
                // No training ends because its heartbeat cannot be written.
            }
        }
    }
}
