using Mezzotint.Data;

namespace Mezzotint.Cli.Tests;

/// <summary>A few images in MNIST's files: big-endian headers (magic number, lengths of the axes), then the bytes.</summary>
internal static class TinyMnist
{
    /// <summary>Writes drawn digits, label i mod 10 the i-th: up to 65,535 of each part.</summary>
    public static void Write(string folder, int train, int test)
    {
        Directory.CreateDirectory(folder);
        foreach (var (name, images) in new[] { ("train", Strokes.Make(train, seed: 1)), ("t10k", Strokes.Make(test, seed: 2)) })
        {
            byte[] count = [0, 0, (byte)(images.Count >> 8), (byte)images.Count];
            File.WriteAllBytes(
                Path.Combine(folder, $"{name}-images-idx3-ubyte"),
                [0, 0, 8, 3, .. count, 0, 0, 0, 28, 0, 0, 0, 28, .. images.Pixels]);
            File.WriteAllBytes(Path.Combine(folder, $"{name}-labels-idx1-ubyte"), [0, 0, 8, 1, .. count, .. images.Labels]);
        }
    }
}
