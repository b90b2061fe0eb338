namespace Mezzotint;

/// <summary>The known word that an unknown one was probably meant to be.</summary>
/// <remarks>
/// Distance is that of optimal string alignment: the fewest insertions, deletions, replacements and swaps of neighbours that make
/// one word of the other. Damerau 1964, "A technique for computer detection and correction of spelling errors".
/// </remarks>
internal static class Spelling
{
    private const int LongestWord = 64;

    /// <summary>The nearest of the known words, or null where none is within a third of its length.</summary>
    public static string? Nearest(string word, IEnumerable<string> known)
    {
        if (word.Length > LongestWord)
            return null;
        var (distance, nearest) = known
            .Select(candidate => (Distance: Distance(word.ToLowerInvariant(), candidate), candidate))
            .DefaultIfEmpty((int.MaxValue, ""))
            .MinBy(pair => pair.Item1);
        return distance <= Math.Max(1, nearest.Length / 3) ? nearest : null;
    }

    /// <summary>What ends the message about an unknown word: the one that was probably meant, and all that there are.</summary>
    public static string Remedy(string word, IEnumerable<string> known) =>
        (Nearest(word, known) is { } nearest ? $"; did you mean '{nearest}'? There" : "; there")
            + $" are {string.Join(", ", known)}.";

    /// <summary>The optimal string alignment distance.</summary>
    public static int Distance(string a, string b)
    {
        int[] beforeLast = new int[b.Length + 1];
        int[] last = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int[] row = new int[b.Length + 1];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                row[j] = Math.Min(replaced, 1 + Math.Min(last[j], row[j - 1]));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    row[j] = Math.Min(row[j], beforeLast[j - 2] + 1);
            }
            (beforeLast, last) = (last, row);
        }
        return last[^1];
    }
}
