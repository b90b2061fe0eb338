using System.Security.Cryptography;
using Mezzotint.Formats;
using static TorchSharp.torch;

namespace Mezzotint.Models;

/// <summary>Learned words of a text encoder (textual inversion), as diffusers and the widely used web interface keep them: a
/// tensor a word, of one vector or several.</summary>
/// <remarks>Gal et al. 2022, "An Image is Worth One Word", arXiv 2208.01618.</remarks>
internal sealed class TextualInversion
{
    private const string WebTensor = "emb_params", WebKey = "string_to_param", WebWord = "*";
    private const string Ending = ".safetensors";

    /// <summary>Far more than any such file has.</summary>
    private const int MostVectors = 1024;

    private TextualInversion(string sha256, IReadOnlyList<(string Word, Tensor Vectors)> words) =>
        (Sha256, Words) = (sha256, words);

    /// <summary>The SHA-256 of the file, in lower-case hexadecimal digits.</summary>
    public string Sha256 { get; }

    /// <summary>Each word with its vectors: [n, D].</summary>
    public IReadOnlyList<(string Word, Tensor Vectors)> Words { get; }

    /// <summary>Reads a file: safetensors, or what torch.save writes. Its numbers live in the caller's dispose scope.</summary>
    /// <exception cref="MezzotintException">It has no such words.</exception>
    public static TextualInversion Read(string path)
    {
        string hash = InputFile.Read(path, stream => Convert.ToHexStringLower(SHA256.HashData(stream)));
        // the web interface calls a word as its file is called
        string own = Path.GetFileNameWithoutExtension(path);
        var tensors = path.EndsWith(Ending, StringComparison.OrdinalIgnoreCase)
            ? SafetensorsFile.Read(path).Tensors : OfArchive(path);
        var words = new List<(string, Tensor)>();
        foreach (var (name, data) in tensors)
            words.Add((name is WebTensor or WebWord ? own : name, Vectors(path, name, data)));
        return words.Count > 0 ? new(hash, words)
            : throw new MezzotintException($"'{path}' has no words: it holds no tensor.");
    }

    private static OrderedDictionary<string, TensorData> OfArchive(string path)
    {
        try
        {
            return PyTorchArchive.Read(path, WebKey);
        }
        catch (MezzotintException)
        {
            return PyTorchArchive.Read(path); // diffusers' words are not under a key; what is wrong else, it says
        }
    }

    private static Tensor Vectors(string path, string name, TensorData data)
    {
        if (data.Shape.Length is not (1 or 2) || data.ElementCount == 0 || data.Shape.Length == 2 && data.Shape[0] > MostVectors)
            throw new MezzotintException(
                $"'{path}': {Printable.Quote(name)} is [{string.Join(", ", data.Shape)}]; the vectors of a word are [D], or [n, "
                + $"D] with n up to {MostVectors}.");
        var tensor = empty(data.Shape, dtype: float32);
        data.CopyTo(tensor);
        return tensor.isfinite().all().item<bool>() ? tensor.reshape(-1, data.Shape[^1])
            : throw new MezzotintException($"'{path}': {Printable.Quote(name)} is not finite.");
    }
}
