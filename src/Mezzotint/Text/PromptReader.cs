using Mezzotint.Networks;
using Mezzotint.Settings;

namespace Mezzotint.Text;

/// <summary>Turns prompts into what a network is asked for: the table <c>[prompts]</c> of a configuration.</summary>
/// <remarks>A program adds its own kind by <see cref="SettingsKinds.Register"/>.</remarks>
[SettingsKind("class-names", typeof(ClassNamePrompts))]
[SettingsKind("text", typeof(TextPrompts))]
public abstract record PromptReader
{
    /// <summary>Reads prompts.</summary>
    /// <param name="prompts">What is wanted, one an image.</param>
    /// <param name="classNames">The model's classes, from label 0 on.</param>
    /// <returns>A row for each prompt.</returns>
    /// <exception cref="InvalidRequestException">A prompt is not understood; the message says what is.</exception>
    public abstract Condition Read(IReadOnlyList<string> prompts, IReadOnlyList<string> classNames);

    /// <summary>Checks the settings.</summary>
    /// <exception cref="MezzotintException">One is out of its range; the message names it.</exception>
    public virtual void Validate()
    {
    }
}

/// <summary>Prompts that name a class, by the rule of <see cref="PromptLabels"/>.</summary>
public sealed record ClassNamePrompts : PromptReader
{
    /// <inheritdoc/>
    public override Condition Read(IReadOnlyList<string> prompts, IReadOnlyList<string> classNames)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        return Condition.OfLabels(prompts.Select(prompt => PromptLabels.Parse(prompt, classNames)));
    }
}
