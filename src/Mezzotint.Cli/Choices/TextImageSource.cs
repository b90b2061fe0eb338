using Mezzotint.Models;

namespace Mezzotint.Cli.Choices;

/// <summary>Text-image models as they are named on the command line: a folder, a run's, or the name of one in
/// <c>models</c>.</summary>
internal static class TextImageSource
{
    /// <summary>The folder; null where that is no text-image model.</summary>
    public static string? Known(string name) =>
        ModelSource.Shelves().Select(shelf => Path.Combine(shelf, name)).Prepend(Path.Combine(name, "model")).Prepend(name)
            .FirstOrDefault(TextImageFolder.Exists);

    /// <summary>Reads the judge of prompts.</summary>
    /// <exception cref="MezzotintException">None was named, or it is none.</exception>
    public static LoadedTextImageModel Judge(string? name)
    {
        const string remedy = "train one that the model has had no part of with `mezzotint train configs/emoji-judge.toml` (or "
            + "such a configuration for your pictures), and name its folder with --judge FOLDER.";
        if (name is null)
            throw new MezzotintException($"Images of prompts need a judge, a text-image model: {remedy}") { Key = "--judge" };
        return TextImageFolder.Read(Known(name)
            ?? throw new MezzotintException($"--judge '{name}' is no text-image model: {remedy}") { Key = "--judge" });
    }
}
