using Mezzotint.Formats;
using static TorchSharp.torch;

namespace Mezzotint.Tests;

/// <summary>A whole Stable Diffusion of small random weights, and what the original packages compute with it.</summary>
internal static class TinyStableDiffusion
{
    private const string Name = "tiny-stable-diffusion";

    /// <summary>The path of a file or folder of it; skips the test where the data are not at hand.</summary>
    public static string PathOf(params string[] parts)
    {
        string? folder = TestData.Folder(Name);
        Assert.SkipWhen(folder is null, TestData.Missing(Name));
        return Path.Combine([folder!, .. parts]);
    }

    /// <summary>Copies the pipeline, which is read-only where it lies.</summary>
    /// <param name="folder">Where to.</param>
    /// <param name="variants">Whether with its weights in float16.</param>
    /// <returns>The folder.</returns>
    public static string CopyTo(string folder, bool variants = false)
    {
        string published = PathOf("pipeline");
        foreach (string path in Directory.GetFiles(published, "*", SearchOption.AllDirectories))
            if (variants || !path.Contains(".fp16.", StringComparison.Ordinal))
            {
                string to = Path.Combine(folder, Path.GetRelativePath(published, path));
                Directory.CreateDirectory(Path.GetDirectoryName(to)!);
                File.WriteAllBytes(to, File.ReadAllBytes(path)); // a copy of the file would be as read-only as it is
            }
        return folder;
    }

    /// <summary>The arrays of a file of golden numbers, in float32: tensors of the caller's dispose scope.</summary>
    public static Dictionary<string, Tensor> Golden(string file) =>
        Tensors(PathOf("golden", $"{file}.safetensors"));

    /// <summary>The tensors of a file, likewise.</summary>
    public static Dictionary<string, Tensor> Tensors(string path) =>
        SafetensorsFile.Read(path).Tensors.ToDictionary(pair => pair.Key, pair =>
        {
            var tensor = empty(pair.Value.Shape);
            pair.Value.CopyTo(tensor);
            return tensor;
        });
}
