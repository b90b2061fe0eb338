using System.Text;

namespace Mezzotint.Text;

/// <summary>
/// Letters and the marks behind them as one character: normalisation form C, also where .NET has no Unicode data
/// (<c>InvariantGlobalization</c>), and leaves text as it is. There marks must stand in their canonical order, as programs write
/// them.
/// </summary>
/// <remarks>Unicode Standard Annex 15, section 1.3. The pairs are those of Unicode 14.0; Hangul follows by its formula.</remarks>
internal static class Composition
{
    private const int HangulBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TailBase = 0x11A7, Vowels = 21, Tails = 28,
        Leads = 19;

    private static readonly Lazy<Dictionary<(Rune First, Rune Second), Rune>> Pairs = new(Read);

    /// <summary>The text in normalisation form C.</summary>
    public static string Of(string text)
    {
        text = text.Normalize(NormalizationForm.FormC);
        if (text.All(char.IsAscii))
            return text;
        var runes = new List<Rune>();
        foreach (var rune in text.EnumerateRunes())
            if (runes.Count > 0 && Composed(runes[^1], rune) is { } one)
                runes[^1] = one;
            else
                runes.Add(rune);
        return string.Concat(runes);
    }

    private static Rune? Composed(Rune first, Rune second)
    {
        int lead = first.Value - LeadBase, vowel = second.Value - VowelBase;
        if (lead is >= 0 and < Leads && vowel is >= 0 and < Vowels)
            return new Rune(HangulBase + (lead * Vowels + vowel) * Tails);
        int syllable = first.Value - HangulBase, tail = second.Value - TailBase;
        if (syllable is >= 0 and < Leads * Vowels * Tails && syllable % Tails == 0 && tail is > 0 and < Tails)
            return new Rune(first.Value + tail);
        return Pairs.Value.TryGetValue((first, second), out var one) ? one : null;
    }

    private static Dictionary<(Rune First, Rune Second), Rune> Read()
    {
        using var stream = typeof(Composition).Assembly.GetManifestResourceStream("Mezzotint.Text.Compositions.txt")!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        var pairs = new Dictionary<(Rune, Rune), Rune>();
        while (reader.ReadLine() is { } line)
        {
            Rune[] three = [.. line.EnumerateRunes()];
            pairs[(three[0], three[1])] = three[2];
        }
        return pairs;
    }
}
