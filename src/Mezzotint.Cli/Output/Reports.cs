namespace Mezzotint.Cli.Output;

/// <summary>Progress that is handled where it arises; <see cref="Progress{T}"/> would send it through the thread pool, out of
/// order.</summary>
internal sealed class Reports<T>(Action<T> handle) : IProgress<T>
{
    public void Report(T value) => handle(value);
}
