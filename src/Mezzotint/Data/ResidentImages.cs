using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Data;

/// <summary>
/// A data set as batches on a device. A set in memory is copied there whole, as bytes: a batch is one gather and one conversion.
/// Of a set in a file, a batch is read when it is asked for.
/// </summary>
public sealed class ResidentImages : IDisposable
{
    private static readonly Scalar ByteScale = 1f / 255f;
    private static readonly ImageCodec Unscaled = new PixelScaling();

    private readonly ImageSet _images;
    private readonly Tensor? _pixels; // uint8 [N, C, H, W]; null where they are in a file
    private readonly Tensor _labels;  // int64 [N, 1]
    private readonly ImageCodec _codec;
    private readonly EncodedImages? _encoded; // where the codec is drawn from

    /// <summary>Puts images on a device.</summary>
    /// <param name="images">The images.</param>
    /// <param name="device">Where.</param>
    /// <param name="codec">What numbers their pixels become; null for pixels 0 to 1 as they are.</param>
    public ResidentImages(ImageSet images, Device device, ImageCodec? codec = null)
    {
        ArgumentNullException.ThrowIfNull(images);
        (_images, _codec, Device) = (images, codec ?? Unscaled, device);
        using var scope = NewDisposeScope();
        if (_codec.IsDrawn)
            _encoded = EncodedImages.Of(images, _codec, device);
        else if (images.IsInMemory)
            _pixels = tensor(images.Pixels, [images.Count, images.Channels, images.Height, images.Width]).to(device)
                .DetachFromDisposeScope();
        _labels = tensor(images.Labels, [images.Count, 1]).to(int64).to(device).DetachFromDisposeScope();
    }

    /// <summary>The images.</summary>
    public ImageSet Images => _images;

    /// <summary>Where the images are.</summary>
    public Device Device { get; }

    /// <summary>The number of images.</summary>
    public int Count => _images.Count;

    /// <summary>The shape of the numbers of an image: [C, H, W].</summary>
    public (long Channels, long Height, long Width) Shape =>
        _codec.NumbersOf(_images.Channels, _images.Height, _images.Width);

    /// <summary>Images and labels. Any thread may call it.</summary>
    /// <param name="indices">Which: int64 [B].</param>
    /// <returns>Their numbers, float32 [B, C, H, W], and their classes, int64 [B, 1]. Of a codec that is drawn from, mean and
    /// standard deviation of the numbers, [B, 2 C, H, W].</returns>
    public (Tensor Images, Tensor Labels) Batch(Tensor indices)
    {
        if (_encoded is not null)
            return (_encoded.Read(indices).to(Device), _labels.index_select(0, indices));
        var pixels = (_pixels?.index_select(0, indices) ?? Read(indices)).to(float32).mul_(ByteScale);
        return (_codec == Unscaled ? pixels : _codec.Encode(pixels), _labels.index_select(0, indices));
    }

    /// <summary>Shares all images out to threads in batches, without gradients.</summary>
    /// <param name="size">The images of a batch; the last one may have fewer.</param>
    /// <param name="threads">What works, each on one batch at a time.</param>
    /// <param name="work">Is given the first image's index, and images and labels as <see cref="Batch"/> has them; they are freed
    /// behind it.</param>
    /// <param name="progress">Told how many images are done, from the threads that work.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    internal void ForEachBatch(int size, WorkerThreads threads, Action<int, Tensor, Tensor> work,
        IProgress<int>? progress = null, CancellationToken cancellation = default)
    {
        int next = -size, done = 0;
        threads.Run(_ =>
        {
            using var inference = inference_mode();
            while (Interlocked.Add(ref next, size) is var start && start < Count && !cancellation.IsCancellationRequested)
            {
                using var scope = NewDisposeScope();
                int end = Math.Min(start + size, Count);
                using Scalar first = start, last = end, one = 1; // held while libtorch reads them: see TensorArithmetic
                var (images, labels) = Batch(arange(first, last, one, dtype: ScalarType.Int64, device: Device));
                work(start, images, labels);
                progress?.Report(Interlocked.Add(ref done, end - start));
            }
        });
        cancellation.ThrowIfCancellationRequested();
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        _pixels?.Dispose();
        _labels.Dispose();
        _encoded?.Dispose();
    }

    /// <summary>The pixels of a batch out of the file: uint8 [B, C, H, W].</summary>
    private Tensor Read(Tensor indices)
    {
        long[] wanted = indices.cpu().data<long>().ToArray();
        byte[] pixels = new byte[wanted.Length * _images.ImageLength];
        for (int i = 0; i < wanted.Length; i++)
            _images.Read((int)wanted[i], pixels.AsSpan(i * _images.ImageLength, _images.ImageLength));
        return tensor(pixels, [wanted.Length, _images.Channels, _images.Height, _images.Width]).to(Device);
    }
}
