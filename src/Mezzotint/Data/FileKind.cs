using Mezzotint.Formats;

namespace Mezzotint.Data;

/// <summary>What a file is by its first bytes, as a phrase for people.</summary>
internal static class FileKind
{
    public const string Zip = "a zip archive", Idx = "an idx file";

    private const int StartLength = 512, TarMark = 257;

    /// <summary>The kind of a file.</summary>
    /// <exception cref="MezzotintException">It cannot be read.</exception>
    public static string Of(string path) => InputFile.Read(path, stream =>
    {
        Span<byte> start = stackalloc byte[StartLength];
        start = start[..stream.ReadAtLeast(start, StartLength, throwOnEndOfStream: false)];
        return Of(start, Path.GetFileName(path));
    });

    private static string Of(ReadOnlySpan<byte> start, string name) =>
        start.StartsWith("PK"u8) ? Zip
        : start.StartsWith((ReadOnlySpan<byte>)[0, 0, 8]) ? Idx
        : start.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B])
            ? name.Contains("idx", StringComparison.OrdinalIgnoreCase) ? Idx : "a gzip file: unpack it first"
        : start.Length > TarMark + 5 && start[TarMark..].StartsWith("ustar"u8) ? "a tar archive: unpack it first"
        : start.StartsWith("PAR1"u8) ? "a Parquet file: write its pictures into a folder first"
        : PictureFile.FormatOf(start) is { } format ? $"a single {format} picture: name its folder"
        : name.EndsWith(".bin", StringComparison.Ordinal) ? "a .bin file: for CIFAR name the folder of its files"
        : start.IsEmpty ? "empty"
        : $"of an unknown kind, its first byte is {start[0]:x2}";
}
