using Mezzotint.Studio.Api;

namespace Mezzotint.Studio;

/// <summary>
/// The places that there are for requests: so many, of so many images, drawn or waiting. A request takes a place before its first
/// image and gives it back when it has been answered, given up or cut off, whatever happens. In which order they are drawn is the
/// pipeline's.
/// </summary>
internal sealed class RequestQueue(int mostRequests, int mostImages, Metrics metrics)
{
    private readonly object _lock = new();
    private long _evaluations;

    /// <summary>Requests that have a place.</summary>
    public int Requests { get; private set; }

    /// <summary>Images of those requests.</summary>
    public int Images { get; private set; }

    /// <summary>Takes a place, or raises the error that tells the client how long to wait.</summary>
    /// <param name="images">Images of the request.</param>
    /// <param name="evaluations">Network evaluations of the request.</param>
    /// <exception cref="ApiError">All places are taken.</exception>
    public IDisposable Enter(int images, long evaluations)
    {
        lock (_lock)
        {
            // A request that is larger than the queue is drawn when it is alone.
            if (Requests >= mostRequests || Requests > 0 && Images + images > mostImages)
                throw ApiError.Busy(Requests, RetryAfter());
            Requests++;
            Images += images;
            _evaluations += evaluations;
        }
        return new Place(this, images, evaluations);
    }

    /// <summary>Seconds until a request that is being drawn is likely to be done: half of what one takes at the speed that
    /// requests had of late, 1 to 60.</summary>
    private int RetryAfter() =>
        (int)Math.Clamp(Math.Ceiling(_evaluations / (double)Requests / 2 / Math.Max(1, metrics.EvaluationsPerSecond)), 1, 60);

    private void Leave(int images, long evaluations)
    {
        lock (_lock)
        {
            Requests--;
            Images -= images;
            _evaluations -= evaluations;
        }
    }

    private sealed class Place(RequestQueue queue, int images, long evaluations) : IDisposable
    {
        private int _left;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _left, 1) == 0)
                queue.Leave(images, evaluations);
        }
    }
}
