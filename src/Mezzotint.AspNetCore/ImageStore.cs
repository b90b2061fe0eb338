using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using Mezzotint.Serving;

namespace Mezzotint.AspNetCore;

/// <summary>Images that were asked for as addresses: in memory, for a while, never more than so many bytes. Nothing is read from
/// or written to a disk.</summary>
internal sealed class ImageStore
{
    private readonly object _lock = new();
    private readonly Dictionary<string, StoredImage> _images = new(StringComparer.Ordinal);
    private readonly Queue<string> _oldestFirst = new();
    private readonly TimeSpan _keep;
    private readonly long _mostBytes;
    private readonly TimeProvider _time;
    private long _bytes;

    public ImageStore(MezzotintOptions options, TimeProvider time, IMeterFactory meters)
    {
        (_keep, _mostBytes, _time) = (options.KeepImages, options.MaxKeptBytes, time);
        meters.Create(MezzotintTelemetry.Name).CreateObservableUpDownCounter(
            "mezzotint.images.kept", () => Bytes, "By", "Bytes of images that are kept for their addresses.");
    }

    /// <summary>Bytes that are kept.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Keeps an image under a name that nobody can guess.</summary>
    public string Add(byte[] bytes, string mediaType)
    {
        string name = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        lock (_lock)
        {
            _images.Add(name, new StoredImage(bytes, mediaType, _time.GetUtcNow() + _keep));
            _oldestFirst.Enqueue(name);
            _bytes += bytes.Length;
            while (_oldestFirst.TryPeek(out string? oldest)
                && (_bytes > _mostBytes || _images[oldest].Expires <= _time.GetUtcNow()))
                Remove(_oldestFirst.Dequeue());
        }
        return name;
    }

    /// <summary>The image of a name; null where there is none, or no more.</summary>
    public StoredImage? Find(string name)
    {
        lock (_lock)
            return _images.TryGetValue(name, out var image) && image.Expires > _time.GetUtcNow() ? image : null;
    }

    private void Remove(string name)
    {
        _bytes -= _images[name].Bytes.Length;
        _images.Remove(name);
    }
}

/// <summary>An image that is kept.</summary>
internal sealed record StoredImage(byte[] Bytes, string MediaType, DateTimeOffset Expires);
