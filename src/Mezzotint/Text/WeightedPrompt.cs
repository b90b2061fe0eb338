using System.Globalization;
using System.Text;

namespace Mezzotint.Text;

/// <summary>
/// A prompt in the way in which the widely used web interface writes weights: <c>(more)</c> is 1.1 times as strong,
/// <c>(much more:1.5)</c> 1.5 times, <c>[less]</c> 1/1.1 times; brackets lie within each other, and <c>\(</c> is a bracket
/// itself. <c>BREAK</c> begins a new chunk of 75 tokens.
/// </summary>
internal static class WeightedPrompt
{
    public const double Factor = 1.1;

    private const string Break = "BREAK";

    /// <summary>The parts of a prompt, each with its weight; null for the text of a break.</summary>
    public static IReadOnlyList<(string? Text, double Weight)> Parse(string prompt)
    {
        var letters = new List<(char Letter, double Weight)>();
        Stack<int> round = new(), square = new(); // where each that is open began
        for (int at = 0; at < prompt.Length; at++)
        {
            char letter = prompt[at];
            if (letter == '\\' && at + 1 < prompt.Length && "()[]\\".Contains(prompt[at + 1]))
                letters.Add((prompt[++at], 1));
            else if (letter is '(')
                round.Push(letters.Count);
            else if (letter is '[')
                square.Push(letters.Count);
            else if (letter is ')' && round.TryPop(out int start))
                Multiply(letters, start, WeightAtEnd(letters, start, out int taken) is { } weight
                    ? Without(letters, taken, weight) : Factor);
            else if (letter is ']' && square.TryPop(out start))
                Multiply(letters, start, 1 / Factor);
            else
                letters.Add((letter, 1));
        }
        foreach (int start in round) // never closed: they reach to the end
            Multiply(letters, start, Factor);
        foreach (int start in square)
            Multiply(letters, start, 1 / Factor);
        return Joined(letters);
    }

    /// <summary>The number behind the last colon since a bracket, where nothing else is behind it.</summary>
    private static double? WeightAtEnd(List<(char Letter, double Weight)> letters, int start, out int taken)
    {
        int colon = letters.FindLastIndex(letter => letter.Letter == ':');
        colon = colon < start ? -1 : colon;
        taken = letters.Count - colon;
        string number = colon < 0 ? "" : string.Concat(letters[(colon + 1)..].Select(letter => letter.Letter)).Trim();
        const NumberStyles plain = NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign;
        return double.TryParse(number, plain, CultureInfo.InvariantCulture, out double weight) && double.IsFinite(weight)
            ? Math.Clamp(weight, -10, 10) : null;
    }

    private static double Without(List<(char Letter, double Weight)> letters, int count, double weight)
    {
        letters.RemoveRange(letters.Count - count, count);
        return weight;
    }

    private static void Multiply(List<(char Letter, double Weight)> letters, int start, double factor)
    {
        for (int i = Math.Min(start, letters.Count); i < letters.Count; i++)
            letters[i] = (letters[i].Letter, letters[i].Weight * factor);
    }

    /// <summary>Letters of one weight as one text, cut at breaks.</summary>
    private static List<(string? Text, double Weight)> Joined(List<(char Letter, double Weight)> letters)
    {
        var parts = new List<(string?, double)>();
        for (int at = 0; at < letters.Count;)
        {
            double weight = letters[at].Weight;
            var text = new StringBuilder();
            while (at < letters.Count && letters[at].Weight == weight)
                text.Append(letters[at++].Letter);
            string[] pieces = $" {text} ".Split($" {Break} ");
            for (int i = 0; i < pieces.Length; i++)
            {
                if (i > 0)
                    parts.Add((null, 1));
                if (pieces[i].Trim().Length > 0)
                    parts.Add((pieces[i].Trim(), weight));
            }
        }
        return parts;
    }
}
