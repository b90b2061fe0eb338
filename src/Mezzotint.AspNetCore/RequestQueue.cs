using System.Diagnostics.Metrics;
using Mezzotint.AspNetCore.Api;
using Mezzotint.Sampling;
using Mezzotint.Serving;

namespace Mezzotint.AspNetCore;

/// <summary>
/// The places that there are for requests: so many, of so many images, drawn or waiting. A request takes a place before its first
/// image and gives it back when it has been answered, given up or cut off, whatever happens. In which order they are drawn is the
/// pipeline's.
/// </summary>
internal sealed class RequestQueue
{
    /// <summary>Seconds of work after which the speed has forgotten two thirds of what it was.</summary>
    private const double Memory = 10;

    private readonly object _lock = new();
    private readonly int _mostRequests, _mostImages;
    private readonly TimeProvider _time;
    private readonly SortedDictionary<long, Place> _places = [];
    private long _last;           // the number of the newest place
    private long _told;           // when the speed was last reckoned
    private double _done, _busy;  // evaluations of late, and the seconds that they took

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
            if (Requests++ == 0)
                _told = _time.GetTimestamp(); // an idle time is no slow one
            Images += images;
            var place = new Place(this, ++_last, images, evaluations);
            _places.Add(place.Number, place);
            return place;
        }
    }

    /// <summary>Where some requests of one client stand.</summary>
    /// <param name="numbers">The numbers of their places; those that are gone count no more.</param>
    public QueueState StateOf(IReadOnlyCollection<long> numbers)
    {
        lock (_lock)
        {
            var own = _places.Values.Where(place => numbers.Contains(place.Number)).ToList();
            long first = own.Count == 0 ? long.MaxValue : own.Min(place => place.Number), left = own.Sum(place => place.Left);
            var others = _places.Values.Except(own).ToList();
            // Requests share the network: beside one that is longer, as much is done of it as of these.
            long all = left + others.Sum(place => own.Count == 0 ? place.Left : Math.Min(place.Left, left));
            return new(
                Requests, others.Count(place => place.Number < first), Speed > 0 ? all / Speed : null, Speed > 0 ? Speed : null);
        }
    }

    /// <summary>Evaluations a second of late; 0 where nothing is known.</summary>
    private double Speed => _busy > 0 ? _done / _busy : 0;

    /// <summary>Seconds until a request that is being drawn is likely to be done, at the speed of late, 1 to 60: the shortest of
    /// them has its part of the network.</summary>
    private int RetryAfter() =>
        (int)Math.Clamp(Math.Ceiling(_places.Values.Min(place => place.Left) * Requests / Math.Max(1, Speed)), 1, 60);

    private void Leave(Place place)
    {
        lock (_lock)
        {
            Requests--;
            Images -= place.Images;
            _places.Remove(place.Number);
        }
    }

    private void Done(Place place, long evaluations)
    {
        lock (_lock)
        {
            long more = evaluations - place.Evaluated, now = _time.GetTimestamp();
            if (more <= 0)
                return; // reports of several threads come in any order
            place.Evaluated = evaluations;
            double seconds = _time.GetElapsedTime(_told, now).TotalSeconds, kept = Math.Exp(-seconds / Memory);
            (_told, _done, _busy) = (now, kept * _done + more, kept * _busy + seconds);
        }
    }

    /// <summary>The place of a request, which is told how far it is.</summary>
    internal sealed class Place(RequestQueue queue, long number, int images, long evaluations)
        : IDisposable, IProgress<SamplingProgress>
    {
        private int _left;

        /// <summary>Its number: later places have larger ones.</summary>
        public long Number => number;

        public int Images => images;

        /// <summary>Evaluations that are done.</summary>
        public long Evaluated { get; set; }

        /// <summary>Evaluations that are to be done.</summary>
        public long Left => Math.Max(0, evaluations - Evaluated);

        /// <summary>Tells that all of the request is done, where no step of it was told.</summary>
        public void Done() => queue.Done(this, evaluations);

        public void Report(SamplingProgress value) => queue.Done(this, value.Evaluations);

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _left, 1) == 0)
                queue.Leave(this);
        }
    }
}

/// <summary>The answer to GET /api/queue.</summary>
/// <param name="Requests">Requests that are drawn or wait.</param>
/// <param name="Before">Those of others that came before the first of the places.</param>
/// <param name="Seconds">Until the places are likely to be done, or without places all requests, at the speed of late; none
/// before anything was measured.</param>
/// <param name="Speed">Network evaluations a second of late; none before anything was measured.</param>
internal sealed record QueueState(int Requests, int Before, double? Seconds, double? Speed);
