using Mezzotint.Data;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Evaluation.Prompts;

/// <summary>Real pictures as a model could draw them at best: through its codec and back.</summary>
internal static class CodedPictures
{
    private const int PicturesAtOnce = 8;

    /// <summary>Codes pictures; of a codec that loses nothing they stay as they are.</summary>
    /// <param name="codec">The codec.</param>
    /// <param name="pictures">The pictures.</param>
    /// <param name="device">Where the codec computes.</param>
    /// <param name="threads">What shares the work.</param>
    /// <param name="cancellation">Stops it.</param>
    public static ImageSet Of(
        ImageCodec codec, ImageSet pictures, Device device, WorkerThreads threads, CancellationToken cancellation = default)
    {
        if (codec is PixelScaling)
            return pictures;
        byte[] pixels = new byte[pictures.Count * pictures.ImageLength];
        using var resident = new ResidentImages(pictures, device);
        int batches = (pictures.Count + PicturesAtOnce - 1) / PicturesAtOnce, next = -1;
        threads.Run(_ =>
        {
            using var inference = inference_mode();
            while (Interlocked.Increment(ref next) is var batch && batch < batches && !cancellation.IsCancellationRequested)
            {
                using var scope = NewDisposeScope();
                int start = batch * PicturesAtOnce, count = Math.Min(PicturesAtOnce, pictures.Count - start);
                using Scalar first = start, end = start + count, one = 1; // held while libtorch reads them: see TensorArithmetic
                var x = resident.Batch(arange(first, end, one, dtype: ScalarType.Int64, device: device)).Images;
                PixelTensors.Bytes(codec.Decode(codec.Encode(x))).CopyTo(pixels, start * pictures.ImageLength);
            }
        });
        cancellation.ThrowIfCancellationRequested();
        return new ImageSet(pictures.Name, pixels, pictures.Labels, pictures.Channels, pictures.Height, pictures.Width,
            pictures.ClassNames);
    }
}
