using System.Buffers.Binary;
using System.IO.Compression;

namespace Mezzotint.Formats;

/// <summary>
/// The idx format, in which MNIST is published: an array of bytes of up to four dimensions, plain or gzipped.
/// </summary>
/// <remarks>
/// <code>
/// 0, 0, type, rank                  type 0x08: unsigned byte, the only one read here
/// length 1 ... length [rank]        32-bit, big-endian
/// values                            row-major, exactly length 1 * ... * length [rank] of them
/// </code>
/// The first two bytes (1f 8b) of a file say that it is gzipped, not its name. The lengths are claims until the file bears them
/// out: nothing is allocated that the size of the file could not hold. Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST
/// database of handwritten digits"; gzip: RFC 1952.
/// </remarks>
public static class IdxFile
{
    private const byte UnsignedByte = 0x08;
    private const int HighestRank = 4;
    private const int HighestInflation = 1032; // the most that deflate makes of a byte: 258 bytes from two bits
    private const int FirstBuffer = 1 << 16;

    /// <summary>Reads a whole file.</summary>
    /// <param name="path">The file, plain or gzipped.</param>
    /// <returns>The lengths of the 1 to 4 dimensions, and the values, row-major.</returns>
    /// <exception cref="MezzotintException">The file cannot be read, is no idx file of unsigned bytes, or its length is not what
    /// its header says.</exception>
    public static (int[] Shape, byte[] Values) Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return InputFile.Read(path, file =>
        {
            byte[] start = new byte[2];
            int read = file.ReadAtLeast(start, 2, throwOnEndOfStream: false);
            file.Position = 0;
            try
            {
                return read == 2 && start is [0x1f, 0x8b] ? ReadGzipped(file, path) : ReadPlain(file, path);
            }
            catch (InvalidDataException cause)
            {
                throw new MezzotintException($"{path}: its gzip stream is damaged ({cause.Message}) Get the file again.", cause);
            }
        });
    }

    /// <summary>Writes a file, gzipped where its name ends in <c>.gz</c>.</summary>
    /// <param name="path">The file to make or to replace.</param>
    /// <param name="shape">The lengths of the 1 to 4 dimensions.</param>
    /// <param name="values">The values, row-major: as many as the product of the lengths.</param>
    /// <exception cref="ArgumentException">The rank is not 1 to 4, a length is negative, or the number of values is not their
    /// product.</exception>
    /// <exception cref="MezzotintException">The file cannot be written.</exception>
    public static void Write(string path, ReadOnlySpan<int> shape, ReadOnlySpan<byte> values)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (shape.Length is < 1 or > HighestRank)
            throw new ArgumentException(
                $"An idx file has 1 to {HighestRank} dimensions here, not {shape.Length}.", nameof(shape));
        byte[] header = new byte[4 + 4 * shape.Length];
        (header[2], header[3]) = (UnsignedByte, (byte)shape.Length);
        Int128 product = 1;
        for (int i = 0; i < shape.Length; i++)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(shape[i], nameof(shape));
            BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4 + 4 * i), shape[i]);
            product *= shape[i];
        }
        if (product != values.Length)
            throw new ArgumentException($"The shape needs {product} values, not {values.Length}.", nameof(values));

        byte[] content = [.. header, .. values];
        AtomicFile.Write(path, stream =>
        {
            if (!path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase))
            {
                stream.Write(content);
                return;
            }
            using var zipped = new GZipStream(stream, CompressionLevel.Optimal, leaveOpen: true);
            zipped.Write(content);
        });
    }

    private static (int[] Shape, byte[] Values) ReadPlain(Stream file, string path)
    {
        int[] shape = ReadHeader(file, path, out long claim);
        long present = file.Length - file.Position;
        if (present != claim)
            throw WrongLength(path, shape, claim, $"{present}");
        byte[] values = new byte[claim];
        file.ReadExactly(values);
        return (shape, values);
    }

    private static (int[] Shape, byte[] Values) ReadGzipped(Stream file, string path)
    {
        long compressed = file.Length;
        uint lengthInTrailer = ReadTrailer(file, path);
        using var stream = new GZipStream(file, CompressionMode.Decompress);
        int[] shape = ReadHeader(stream, path, out long claim);
        if (claim > compressed * HighestInflation)
            throw WrongLength(path, shape, claim, $"at most {compressed * HighestInflation} (from {compressed} gzipped bytes)");
        long whole = claim + 4 + 4 * shape.Length;
        if (lengthInTrailer != (uint)whole) // also finds bytes after the gzip stream, which the decompressor passes over
            throw new MezzotintException(
                $"{path}: its idx header needs {whole} bytes, but its gzip trailer says {lengthInTrailer}: the file is truncated "
                + $"or has something appended. Get it again.");

        byte[] values = new byte[Math.Min(claim, FirstBuffer)];
        long count = 0;
        while (count < claim)
        {
            if (count == values.Length) // only what has really been decompressed earns a larger buffer
                Array.Resize(ref values, (int)Math.Min(claim, 2L * values.Length));
            int read = stream.Read(values, (int)count, values.Length - (int)count);
            if (read == 0)
                throw WrongLength(path, shape, claim, $"{count}");
            count += read;
        }
        if (stream.ReadByte() >= 0) // reading to the end also checks the CRC
            throw WrongLength(path, shape, claim, "more");
        return (shape, values);
    }

    /// <summary>The last field of a gzip file: the length of what it holds, modulo 2^32 (RFC 1952, ISIZE).</summary>
    private static uint ReadTrailer(Stream file, string path)
    {
        if (file.Length < 18)
            throw new MezzotintException($"{path} is truncated: {file.Length} bytes are too few for a gzip file. Get it again.");
        byte[] trailer = new byte[4];
        file.Seek(-4, SeekOrigin.End);
        file.ReadExactly(trailer);
        file.Position = 0;
        return BinaryPrimitives.ReadUInt32LittleEndian(trailer);
    }

    private static int[] ReadHeader(Stream stream, string path, out long claim)
    {
        byte[] header = new byte[4 + 4 * HighestRank];
        int read = stream.ReadAtLeast(header.AsSpan(0, 4), 4, throwOnEndOfStream: false);
        if (read < 4)
            throw new MezzotintException(
                $"{path} is truncated: its idx header needs 4 bytes and more, and {read} are there. Get the file again.");
        if (header[0] != 0 || header[1] != 0)
            throw new MezzotintException($"{path} is not an idx file: it begins with {header[0]:x2} {header[1]:x2}, not 00 00.");
        if (header[2] != UnsignedByte)
            throw new MezzotintException($"{path} holds {TypeName(header[2])}; only unsigned bytes (type 0x08) are read.");
        int rank = header[3];
        if (rank is < 1 or > HighestRank)
            throw new MezzotintException($"{path} has {rank} dimensions; 1 to {HighestRank} are read.");

        var lengths = header.AsSpan(4, 4 * rank);
        read = stream.ReadAtLeast(lengths, lengths.Length, throwOnEndOfStream: false);
        if (read < lengths.Length)
            throw new MezzotintException(
                $"{path} is truncated: the idx header of {rank} dimensions needs {4 + 4 * rank} bytes, and {4 + read} are there. "
                + $"Get the file again.");
        int[] shape = new int[rank];
        UInt128 product = 1; // four lengths of 32 bits cannot overflow it
        for (int i = 0; i < rank; i++)
        {
            uint length = BinaryPrimitives.ReadUInt32BigEndian(lengths[(4 * i)..]);
            if (length > int.MaxValue)
                throw new MezzotintException(
                    $"{path}: its dimension {i + 1} claims a length of {length}; at most {int.MaxValue} is read.");
            shape[i] = (int)length;
            product *= length;
        }
        if (product > (ulong)Array.MaxLength)
            throw new MezzotintException(
                $"{path}: its header claims {string.Join(" x ", shape)} = {product} bytes; at most {Array.MaxLength} are read.");
        claim = (long)product;
        return shape;
    }

    private static MezzotintException WrongLength(string path, int[] shape, long claim, string found) =>
        new($"{path}: its header claims {string.Join(" x ", shape)} = {claim} bytes, but {found} are there. Get the file again.");

    private static string TypeName(byte type) => type switch
    {
        0x09 => "signed bytes (type 0x09)",
        0x0B => "16-bit integers (type 0x0b)",
        0x0C => "32-bit integers (type 0x0c)",
        0x0D => "32-bit floats (type 0x0d)",
        0x0E => "64-bit floats (type 0x0e)",
        _ => $"values of an unknown type (0x{type:x2})",
    };
}
