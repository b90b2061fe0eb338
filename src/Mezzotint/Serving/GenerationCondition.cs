using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using Mezzotint.Text;
using static TorchSharp.torch;

namespace Mezzotint.Serving;

/// <summary>What is asked for as the network is asked: a row for each image.</summary>
internal static class GenerationCondition
{
    /// <summary>The condition of classes or prompts.</summary>
    /// <param name="labels">The class of each image, or which of the prompts.</param>
    /// <param name="prompts">The prompts; null where classes are asked for.</param>
    /// <param name="last">The prompt of the last image: those between are on the straight line from the first one's context to
    /// its; null for none.</param>
    /// <param name="options">How prompts are read.</param>
    /// <param name="model">The model.</param>
    public static Condition Of(
        IReadOnlyList<int> labels, IReadOnlyList<string>? prompts, string? last, GenerationOptions options, ModelInfo model)
    {
        using var scope = NewDisposeScope();
        if (prompts is null)
            return Condition.OfLabels(labels).Detached();
        IReadOnlyList<string> all = last is null ? prompts : [.. prompts, last];
        var asked = Read(all, options, options.ClipSkip, model);
        var rows = tensor([.. labels.Select(label => (long)label)]);
        if (last is null)
            return asked.Map(each => each.index_select(0, rows.to(each.device))).Detached();
        var shares = linspace(0, 1, labels.Count, dtype: float32);
        return asked.Map(each => Between(each[0], each[1], shares.to(each.device))).Detached();
    }

    /// <summary>What guidance compares with; null for the network's own condition of nothing, or without guidance.</summary>
    /// <param name="prompt">In words; null for nothing.</param>
    /// <param name="options">How it is read.</param>
    /// <param name="guidance">The guidance; null for none.</param>
    /// <param name="model">The model.</param>
    /// <exception cref="InvalidRequestException">There are words, and no guidance; or the words are not understood.</exception>
    public static Condition? Negative(string? prompt, GenerationOptions options, Guidance? guidance, ModelInfo model)
    {
        if (prompt is not null && guidance is null or { NeedsWeaker: true })
            throw new InvalidRequestException(
                "A negative prompt is what guidance goes away from, and there is none that compares with it: give a weight of "
                + "guidance above 1, for instance 3.") { Key = "negative_prompt" };
        if (guidance is null or { NeedsWeaker: true } || prompt is null && !model.IsAskedInWords)
            return null;
        using var scope = NewDisposeScope();
        return Read([prompt ?? ""], options, skip: 0, model).Detached();
    }

    private static Condition Read(IReadOnlyList<string> prompts, GenerationOptions options, int skip, ModelInfo model) =>
        model.Prompts is not TextPrompts reader ? model.Reader.Read(prompts, model.ClassNames)
            : options.PromptWeights ? reader.ReadWeighted(prompts, skip)
            : skip > 0 ? reader.Read(prompts, skip) : reader.Read(prompts, model.ClassNames);

    /// <summary>(1 - w) a + w b for each share w: [N, ...].</summary>
    private static Tensor Between(Tensor a, Tensor b, Tensor shares)
    {
        var w = shares.view([-1, .. Enumerable.Repeat(1L, (int)a.dim())]);
        return a.unsqueeze(0).Plus(w * (b - a).unsqueeze(0));
    }
}
