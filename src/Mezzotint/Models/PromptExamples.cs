namespace Mezzotint.Models;

/// <summary>Prompts to try a model with that is asked in words.</summary>
public sealed record PromptExamples
{
    /// <summary>The most of each kind.</summary>
    public const int Most = 16;

    /// <summary>Captions that it has learned from: up to <see cref="Most"/> lines of up to 300 characters.</summary>
    public IReadOnlyList<string> Learned { get; init; } = [];

    /// <summary>Captions of images that it has never seen, of the same number.</summary>
    public IReadOnlyList<string> Unseen { get; init; } = [];

    internal void Validate()
    {
        foreach (var (key, prompts) in new[] { ("learned", Learned), ("unseen", Unseen) })
            Check.Range($"examples.{key}", $"{prompts.Count} prompts",
                prompts.Count <= Most && prompts.All(prompt => ModelInfo.IsLine(prompt, 300)),
                $"up to {Most} lines of 1 to 300 characters");
    }
}
