using System.CommandLine.Parsing;
using System.CommandLine;
using Mezzotint.Cli.Choices;
using Mezzotint.Models;
using Mezzotint.Serving;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>sample --like FILE</c>: what a PNG file says of how it was drawn, and the model that it was drawn with.</summary>
internal sealed record SampleLike(string Folder, ImageReceipt Receipt)
{
    /// <summary>Refuses options that say what the file says.</summary>
    /// <exception cref="MezzotintException">There is one on the command line.</exception>
    public static void RefuseOthers(ParseResult result, IEnumerable<Option> others, string[] prompts)
    {
        if (prompts.Length > 0)
            throw new MezzotintException("--like draws a picture again as it was: a prompt does not go with it.")
                { Key = "prompt" };
        if (others.FirstOrDefault(option => result.GetResult(option) is { Implicit: false }) is { } option)
            throw new MezzotintException($"--like draws a picture again as it was: {option.Name} does not go with it.");
    }

    /// <summary>Reads a file, and finds its model: the one that is named, or any at hand with the file's fingerprint.</summary>
    /// <exception cref="MezzotintException">The file does not say how it was drawn, or its model is not at hand.</exception>
    public static SampleLike Find(string file, string? model, ModelOpening opening)
    {
        var receipt = ImageReceipt.Read(file);
        if (model is null)
        {
            if (receipt.ModelHash is null)
                throw new MezzotintException(
                    $"'{file}' was drawn with a model without a fingerprint, a PyTorch checkpoint: name that as MODEL.");
            return new SampleLike(
                ModelSource.Known().FirstOrDefault(known => ModelPath.Hash(known) == receipt.ModelHash)
                    ?? throw new MezzotintException(
                $"'{file}' was drawn with the model of the fingerprint {Short(receipt.ModelHash)}, which none of those at hand "
                + $"has: name its folder as MODEL."), receipt);
        }
        string folder = ModelSource.Find(model);
        string? hash = ModelPath.Hash(folder, opening);
        return hash == receipt.ModelHash ? new SampleLike(folder, receipt) : throw new MezzotintException(
            $"'{file}' was drawn with another model than '{model}': their fingerprints are {Short(receipt.ModelHash)} and "
            + $"{Short(hash)}. Name the model that it was drawn with.");
    }

    private static string Short(string? hash) => hash is null ? "none" : Shown(hash.Length > 12 ? hash[..12] + "..." : hash);

    /// <summary>A file may say anything.</summary>
    private static string Shown(string text) => string.Concat(text.Where(c => c is > ' ' and <= '~'));
}
