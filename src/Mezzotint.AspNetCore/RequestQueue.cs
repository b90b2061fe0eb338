using System.Diagnostics.Metrics;
using Mezzotint.AspNetCore.Api;
using Mezzotint.Serving;

namespace Mezzotint.AspNetCore;

/// <summary>
/// The places that there are for requests: so many, of so many images, drawn or waiting. A request takes a place before its first
/// image and gives it back when it has been answered, given up or cut off, whatever happens. In which order they are drawn is the
/// pipeline's.
/// </summary>
internal sealed class RequestQueue
{
    private readonly object _lock = new();
    private readonly int _mostRequests, _mostImages;
    private readonly TimeProvider _time;
    private long _evaluations;
    private double _speed; // evaluations a second of one request of late, its waiting included: a mean that forgets

    public RequestQueue(MezzotintOptions options, TimeProvider time, IMeterFactory meters)
    {
        (_mostRequests, _mostImages, _time) = (options.MaxRequests, options.MaxImages, time);
        var meter = meters.Create(MezzotintTelemetry.Name);
        meter.CreateObservableUpDownCounter(
            "mezzotint.queue.requests", () => Requests, "{request}", "Requests that are drawn or wait.");
        meter.CreateObservableUpDownCounter(
            "mezzotint.queue.images", () => Images, "{image}", "Images of the requests that are drawn or wait.");
    }

    /// <summary>Requests that have a place.</summary>
    public int Requests { get; private set; }

    /// <summary>Images of those requests.</summary>
    public int Images { get; private set; }

    /// <summary>Takes a place, or raises the error that tells the client how long to wait.</summary>
    /// <param name="images">Images of the request.</param>
    /// <param name="evaluations">Network evaluations of the request.</param>
    /// <exception cref="ApiError">All places are taken.</exception>
    public Place Enter(int images, long evaluations)
    {
        lock (_lock)
        {
            // A request that is larger than the queue is drawn when it is alone.
            if (Requests >= _mostRequests || Requests > 0 && Images + images > _mostImages)
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
        (int)Math.Clamp(Math.Ceiling(_evaluations / (double)Requests / 2 / Math.Max(1, _speed)), 1, 60);

    private void Leave(int images, long evaluations)
    {
        lock (_lock)
        {
            Requests--;
            Images -= images;
            _evaluations -= evaluations;
        }
    }

    private void Drawn(long evaluations, TimeSpan taken)
    {
        double speed = evaluations / Math.Max(taken.TotalSeconds, 1e-3);
        lock (_lock)
            _speed = _speed == 0 ? speed : 0.9 * _speed + 0.1 * speed;
    }

    /// <summary>The place of a request.</summary>
    internal sealed class Place(RequestQueue queue, int images, long evaluations) : IDisposable
    {
        private readonly long _since = queue._time.GetTimestamp();
        private int _left;

        /// <summary>Tells that all of the request is drawn: how long it took says how long others have to wait.</summary>
        public void Drawn() => queue.Drawn(evaluations, queue._time.GetElapsedTime(_since));

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _left, 1) == 0)
                queue.Leave(images, evaluations);
        }
    }
}
