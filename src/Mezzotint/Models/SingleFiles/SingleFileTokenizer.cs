using Mezzotint.Networks;
using Mezzotint.Text;

namespace Mezzotint.Models.SingleFiles;

/// <summary>The tokenizer of a single file, which has none in it: a folder that is named, or one beside the file.</summary>
internal static class SingleFileTokenizer
{
    private const string FirstToken = "!"; // with which OpenCLIP fills prompts up

    /// <summary>Finds the folder.</summary>
    /// <param name="file">The file of weights.</param>
    /// <param name="named">What the user names; null for nothing.</param>
    /// <exception cref="MezzotintException">There is none.</exception>
    public static string Find(string file, string? named)
    {
        string beside = Path.GetDirectoryName(Path.GetFullPath(file))!;
        string[] places = named is null ? [Path.Combine(beside, TextFolder.TokenizerFolder), beside]
            : [named, Path.Combine(named, TextFolder.TokenizerFolder)];
        return Array.Find(places, place => File.Exists(Path.Combine(place, ClipTokenizerFolder.VocabularyFile)))
            ?? throw new MezzotintException(named is null
                ? $"'{file}' has no tokenizer, as no single file has: name the folder tokenizer/ of any Stable Diffusion (with "
                    + $"{ClipTokenizerFolder.VocabularyFile} and {ClipTokenizerFolder.MergesFile}) with --tokenizer, or put it "
                    + "beside the file."
                : $"--tokenizer '{named}' has no {ClipTokenizerFolder.VocabularyFile}: name the folder tokenizer/ of a Stable "
                    + "Diffusion.") { Key = "tokenizer" };
    }

    /// <summary>Reads it.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="openClip">Whether it is for OpenCLIP's text encoder, which fills prompts up with the first token.</param>
    public static ClipTokenizer Read(string folder, bool openClip)
    {
        var tokenizer = ClipTokenizer.Read(folder);
        return openClip && tokenizer.Texts[tokenizer.Pad] != FirstToken ? tokenizer.PaddedWith(FirstToken) : tokenizer;
    }

    /// <summary>The shape of a text encoder with what the weights do not say, by the description beside the tokenizer.</summary>
    /// <param name="shape">What the weights say.</param>
    /// <param name="folder">The tokenizer's folder.</param>
    /// <param name="file">The file of weights, for messages.</param>
    /// <exception cref="MezzotintException">The number of heads is not known.</exception>
    public static TextEncoderConfig Complete(TextEncoderConfig shape, string folder, string file)
    {
        string beside = Path.Combine(
            Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))) ?? folder,
            TextFolder.EncoderFolder);
        if (File.Exists(Path.Combine(beside, TextEncoderFolder.ConfigFile)))
        {
            var known = TextEncoderFolder.ReadConfig(beside);
            if ((known.HiddenSize, known.IntermediateSize, known.HiddenAct)
                == (shape.HiddenSize, shape.IntermediateSize, shape.HiddenAct))
                return known with
                {
                    VocabSize = shape.VocabSize, NumHiddenLayers = shape.NumHiddenLayers,
                    MaxPositionEmbeddings = shape.MaxPositionEmbeddings,
                };
        }
        if (shape.NumAttentionHeads == 0)
            throw new MezzotintException(
                $"'{file}': its text encoder is {shape.HiddenSize} wide, and the weights do not say in how many heads: put the "
                + $"folder {TextFolder.EncoderFolder}/ with its {TextEncoderFolder.ConfigFile} beside the folder of the "
                + "tokenizer.");
        shape.Validate();
        return shape;
    }
}
