using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Mezzotint.Formats;
using Mezzotint.Runtime;
using Microsoft.Win32.SafeHandles;
using static TorchSharp.torch;

namespace Mezzotint.Data;

/// <summary>
/// The distributions of a set's numbers by a codec that is drawn from, encoded once: mean and standard deviation of each image.
/// They are kept in a file of the cache, from which images are read when they are needed.
/// </summary>
/// <remarks>
/// The file has, for each image, the CRC-32C of its record and 2 c h w float32 numbers, little-endian, and at its end the 16
/// bytes "MEZZOTINT CODES ". Its name is the hash of the pixels and of the autoencoder's weights. Without a hash of the weights,
/// or where the cache cannot be written, the numbers stay in memory.
/// </remarks>
internal sealed class EncodedImages : IDisposable
{
    private const int ImagesAtOnce = 16;
    private const long MostInMemory = 1L << 28;

    private readonly float[]? _numbers; // [N, 2 c, h, w]
    private readonly SafeFileHandle? _file;
    private readonly string _path;
    private readonly long[] _shape; // 2 c, h, w

    private EncodedImages(float[]? numbers, SafeFileHandle? file, string path, long[] shape) =>
        (_numbers, _file, _path, _shape) = (numbers, file, path, shape);

    private static ReadOnlySpan<byte> EndMark => "MEZZOTINT CODES "u8;

    /// <summary>Encodes a set, or finds it in the cache.</summary>
    /// <param name="images">The images.</param>
    /// <param name="codec">What encodes them.</param>
    /// <param name="device">Where it computes.</param>
    public static EncodedImages Of(ImageSet images, ImageCodec codec, Device device)
    {
        var (channels, height, width) = codec.NumbersOf(images.Channels, images.Height, images.Width);
        long[] shape = [2 * channels, height, width];
        long record = sizeof(uint) + sizeof(float) * shape.Aggregate(1L, (product, side) => product * side);
        string? path = (codec as LatentCodec)?.Sha256 is { } hash ? PathOf(images, hash) : null;
        if (path is null)
            return new(InMemory(images, codec, device, shape), null, "", shape);
        var file = Opened(path, images.Count, record) ?? InFile(path, images, codec, device, shape, record);
        var encoded = new EncodedImages(null, file, path, shape);
        if (images.Count * record > MostInMemory)
            return encoded;
        using (encoded)
            return new(encoded.Numbers([.. Enumerable.Range(0, images.Count).Select(index => (long)index)]), null, path, shape);
    }

    /// <summary>Encodes into the cache. Two processes that do so at once write the same, each a file of its own until it is
    /// whole.</summary>
    private static SafeFileHandle InFile(
        string path, ImageSet images, ImageCodec codec, Device device, long[] shape, long record)
    {
        try
        {
            AtomicFile.Write(path, stream => Encode(images, codec, device, (_, numbers) =>
            {
                byte[] bytes = MemoryMarshal.AsBytes(numbers).ToArray();
                Span<byte> check = stackalloc byte[sizeof(uint)];
                BinaryPrimitives.WriteUInt32LittleEndian(check, Crc32C.Of(bytes));
                stream.Write(check);
                stream.Write(bytes);
            }, () => stream.Write(EndMark)));
        }
        catch (MezzotintException) when (Opened(path, images.Count, record) is { } others)
        {
            return others; // on Windows a file that another process has open cannot be replaced: it is the same
        }
        return Opened(path, images.Count, record) ?? throw new MezzotintException($"'{path}' cannot be read back.");
    }

    /// <summary>Mean, then standard deviation of some images: float32 [B, 2 c, h, w] on the CPU.</summary>
    /// <param name="indices">Which: int64 [B].</param>
    /// <exception cref="MezzotintException">The file is damaged.</exception>
    public Tensor Read(Tensor indices)
    {
        long[] wanted = indices.cpu().data<long>().ToArray();
        return tensor(Numbers(wanted), [wanted.Length, .. _shape]);
    }

    public void Dispose() => _file?.Dispose();

    private float[] Numbers(long[] wanted)
    {
        int length = (int)_shape.Aggregate(1L, (product, side) => product * side);
        float[] numbers = new float[(long)wanted.Length * length];
        byte[] record = new byte[sizeof(uint) + sizeof(float) * length];
        for (int i = 0; i < wanted.Length; i++)
        {
            var place = numbers.AsSpan(i * length, length);
            if (_numbers is not null)
            {
                _numbers.AsSpan((int)wanted[i] * length, length).CopyTo(place);
                continue;
            }
            if (RandomAccess.Read(_file!, record, wanted[i] * record.Length) != record.Length
                || Crc32C.Of(record.AsSpan(sizeof(uint))) != BinaryPrimitives.ReadUInt32LittleEndian(record))
                throw new MezzotintException(
                    $"'{_path}', where encoded pictures are kept, is damaged: delete it, and it is made again.");
            MemoryMarshal.Cast<byte, float>(record.AsSpan(sizeof(uint))).CopyTo(place);
        }
        return numbers;
    }

    private static float[] InMemory(ImageSet images, ImageCodec codec, Device device, long[] shape)
    {
        long length = shape.Aggregate(1L, (product, side) => product * side);
        float[] all = new float[images.Count * length];
        Encode(images, codec, device, (index, numbers) => numbers.CopyTo(all.AsSpan((int)(index * length))), () => { });
        return all;
    }

    /// <summary>Encodes all images in order; each core has a part of every batch.</summary>
    private static void Encode(
        ImageSet images, ImageCodec codec, Device device, TakeNumbers take, Action end)
    {
        using var resident = new ResidentImages(images, device);
        using var threads = new WorkerThreads(ComputeDevice.Threads(device));
        var parts = new Tensor[threads.Count];
        for (int start = 0; start < images.Count; start += ImagesAtOnce * threads.Count)
        {
            int first = start;
            threads.Run(worker =>
            {
                using var scope = NewDisposeScope();
                using var inference = inference_mode();
                int from = Math.Min(first + worker * ImagesAtOnce, images.Count);
                int count = Math.Min(ImagesAtOnce, images.Count - from);
                long[] wanted = [.. Enumerable.Range(from, count).Select(index => (long)index)];
                if (count == 0)
                {
                    parts[worker] = null!;
                    return;
                }
                var pixels = resident.Batch(tensor(wanted, device: device)).Images; // [B, C, H, W]
                var (mean, std) = codec.Distribution(pixels);
                parts[worker] = cat([mean, std], 1).cpu().contiguous().DetachFromDisposeScope();
            });
            for (int worker = 0; worker < threads.Count && parts[worker] is { } part; worker++)
            {
                int length = (int)(part.numel() / part.shape[0]);
                var numbers = MemoryMarshal.Cast<byte, float>(part.bytes);
                for (int i = 0; i < part.shape[0]; i++)
                    take(first + worker * ImagesAtOnce + i, numbers.Slice(i * length, length));
                part.Dispose();
            }
        }
        end();
    }

    private delegate void TakeNumbers(int index, ReadOnlySpan<float> numbers);

    private static SafeFileHandle? Opened(string path, int count, long record)
    {
        if (!File.Exists(path))
            return null;
        InputFile.RefuseSpecial(path);
        var file = File.OpenHandle(path, options: FileOptions.RandomAccess, share: FileShare.Read | FileShare.Delete);
        Span<byte> end = stackalloc byte[EndMark.Length];
        if (RandomAccess.GetLength(file) == count * record + EndMark.Length
            && RandomAccess.Read(file, end, count * record) == end.Length && end.SequenceEqual(EndMark))
            return file;
        file.Dispose();
        return null;
    }

    private static string? PathOf(ImageSet images, string weights)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.ASCII.GetBytes($"{weights} {images.Count} {images.Channels} {images.Height} {images.Width} "));
        byte[] pixels = new byte[images.ImageLength];
        for (int i = 0; i < images.Count; i++)
        {
            images.Read(i, pixels);
            hash.AppendData(pixels);
        }
        string folder = Path.Combine(CacheFolder.Path, "latents");
        try
        {
            Directory.CreateDirectory(folder);
            AtomicFile.Probe(folder);
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException or MezzotintException)
        {
            return null; // nothing can be kept
        }
        return Path.Combine(folder, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }
}
