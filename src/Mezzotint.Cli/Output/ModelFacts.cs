using System.Globalization;
using System.Text;
using Mezzotint.Data;
using Mezzotint.Models;

namespace Mezzotint.Cli.Output;

/// <summary>What a model of several parts is, for people and programs: its parts, what it predicts, how it is sampled.</summary>
internal sealed record ModelFacts(
    int Height, int Width, IReadOnlyList<int> Latents, string Predicts, string Schedule, string Sampler, string Levels, int Steps,
    double? Guidance, double? ClassifierGuidance, IReadOnlyList<string> Notes)
{
    public static ModelFacts Of(ModelInfo info, IReadOnlyList<string> notes)
    {
        var (channels, rows, columns) = info.Numbers;
        return new(
            info.Height, info.Width, [channels, rows, columns], ModelWords.Predicts(info), ModelWords.Schedule(info),
            info.Sampling.Sampler, info.Sampling.Levels, info.Sampling.Steps, info.Sampling.Guidance,
            info.Sampling.Classifier?.Scale, notes);
    }

    public static string Text(ModelInfo info, IReadOnlyList<ModelPart> parts, IReadOnlyList<string> notes)
    {
        var facts = Of(info, notes);
        var text = new StringBuilder();
        void Line(FormattableString line) => text.Append(FormattableString.Invariant(line)).Append('\n');
        int width = parts.Max(part => part.Name.Length);
        foreach (var part in parts)
            Line($"{part.Name.PadRight(width)}  {part.Parameters,13:N0} parameters, {part.Bytes / 1e6:N1} MB of {Types(part)}");
        string latents = info.Pixels is LatentCodec ? $", latents {string.Join(" x ", facts.Latents)}" : "";
        Line($"images      {facts.Width} x {facts.Height}{latents}");
        Line($"predicts    {facts.Predicts}");
        Line($"schedule    {facts.Schedule}");
        string guidance = facts.Guidance is { } weight and not 1
            ? string.Create(CultureInfo.InvariantCulture, $", guidance {weight}") : "";
        if (facts.ClassifierGuidance is { } scale)
            guidance += string.Create(CultureInfo.InvariantCulture, $", guidance by its classifier {scale}");
        Line($"sampled by  {facts.Sampler}, {facts.Steps} steps over {facts.Levels}{guidance}");
        foreach (string note in notes)
            Line($"note        {note}");
        return text.Append('\n').ToString();
    }

    private static string Types(ModelPart part) =>
        string.Join(" and ", part.Types.Select(type => type.ToString().ToLowerInvariant()));
}
