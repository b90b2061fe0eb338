using System.Security.Cryptography;

namespace Mezzotint.Studio;

/// <summary>Images that were asked for as addresses: in memory, for a while, never more than so many bytes. Nothing is read from
/// or written to a disk.</summary>
/// <param name="keep">How long an image is kept.</param>
/// <param name="mostBytes">The most bytes of all; the oldest go first.</param>
/// <param name="time">The clock.</param>
internal sealed class ImageStore(TimeSpan keep, long mostBytes, TimeProvider time)
{
    private readonly object _lock = new();
    private readonly Dictionary<string, StoredImage> _images = new(StringComparer.Ordinal);
    private readonly Queue<string> _oldestFirst = new();
    private long _bytes;

    /// <summary>Bytes that are kept.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Keeps an image under a name that nobody can guess.</summary>
    public string Add(byte[] bytes, string mediaType)
    {
        string name = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        lock (_lock)
        {
            _images.Add(name, new StoredImage(bytes, mediaType, time.GetUtcNow() + keep));
            _oldestFirst.Enqueue(name);
            _bytes += bytes.Length;
            while (_oldestFirst.TryPeek(out string? oldest)
                && (_bytes > mostBytes || _images[oldest].Expires <= time.GetUtcNow()))
                Remove(_oldestFirst.Dequeue());
        }
        return name;
    }

    /// <summary>The image of a name; null where there is none, or no more.</summary>
    public StoredImage? Find(string name)
    {
        lock (_lock)
            return _images.TryGetValue(name, out var image) && image.Expires > time.GetUtcNow() ? image : null;
    }

    private void Remove(string name)
    {
        _bytes -= _images[name].Bytes.Length;
        _images.Remove(name);
    }
}

/// <summary>An image that is kept.</summary>
internal sealed record StoredImage(byte[] Bytes, string MediaType, DateTimeOffset Expires);
