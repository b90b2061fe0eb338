using Mezzotint.AspNetCore.Api;

namespace Mezzotint.AspNetCore;

/// <summary>The end of the server: first nothing new is taken and what was taken is drawn; then, if that takes too long, the rest
/// is cut off.</summary>
internal sealed class Drain : IDisposable
{
    private readonly CancellationTokenSource _cut = new();
    private volatile bool _draining;

    /// <summary>Whether nothing new is taken.</summary>
    public bool Draining => _draining;

    /// <summary>Fires when what is still being drawn is cut off.</summary>
    public CancellationToken Cut => _cut.Token;

    /// <summary>Takes nothing new.</summary>
    public void Begin() => _draining = true;

    /// <summary>Cuts off the rest.</summary>
    public void CutOff() => _cut.Cancel();

    /// <summary>Refuses a new request while the server drains.</summary>
    /// <exception cref="ApiError">It does.</exception>
    public void ThrowIfDraining()
    {
        if (_draining)
            throw ApiError.Draining();
    }

    public void Dispose() => _cut.Dispose();
}
