using System.Globalization;

namespace Mezzotint.Text;

/// <summary>Prompts to labels, by a rule that fits on a page, not by a language model.</summary>
/// <remarks>
/// <para>1. The name of a class is that class: "7", "T-shirt/top". Upper and lower case are one.</para>
/// <para>2. A number with a sign or behind a point is no class: "-1" and ".7" are refused. A hyphen separates words only between
/// letters and digits.</para>
/// <para>3. Otherwise words that say only that a drawing is wanted are left out: articles, "a picture of", "handwritten",
/// "digit", "number", "please" and their like. What remains must be one class: its name; the English word of its number from zero
/// to twenty ("seven" where a class is called "7", and the other way round); or the plural of one of these ("sevens",
/// "7s").</para>
/// <para>4. Where classes have names that are no numbers, a number alone is the label: "3" is the fourth class.</para>
/// <para>5. Everything else is refused, with what is understood: a model of ten digits has nothing to do with "a cat on a roof",
/// and drawing something would hide that.</para>
/// </remarks>
public static class PromptLabels
{
    private static readonly string[] Numbers =
    [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
        "fourteen", "fifteen", "sixteen",
        "seventeen", "eighteen", "nineteen", "twenty",
    ];

    private static readonly HashSet<string> Fillers = new(
    [
        "a", "an", "the", "of", "some", "please", "draw", "paint", "write", "show", "generate", "make", "me", "drawing",
        "picture", "image", "photo", "sketch", "painting",
        "handwritten", "hand", "written", "drawn", "digit", "digits", "number", "numbers", "numeral", "numerals", "figure",
        "class", "label",
    ], StringComparer.Ordinal);

    /// <summary>The label that a prompt asks for.</summary>
    /// <param name="prompt">What is wanted.</param>
    /// <param name="classNames">The model's classes, from label 0 on.</param>
    /// <exception cref="InvalidRequestException">No class is meant, or several are; the message says what is
    /// understood.</exception>
    public static int Parse(string prompt, IReadOnlyList<string> classNames)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentNullException.ThrowIfNull(classNames);
        string whole = prompt.Trim().TrimStart('"', '\'', '!', '?').TrimEnd('"', '\'', '.', '!', '?').Trim();
        if (Named(whole, classNames) is { } exact)
            return exact;
        string[] words =
            [.. WithoutJoints(whole.ToLowerInvariant())
            .Split([' ', '\t', '\n', '\r', ',', '!', '?', '"', '\'', ':', '_'], StringSplitOptions.RemoveEmptyEntries)];
        var meant = words.Where(word => !Fillers.Contains(word)).ToList();
        // A class may be called by a word that is left out elsewhere: "a figure" of a model that draws figures.
        foreach (string text in meant.Count > 0 ? new[] { string.Join(' ', meant), string.Join('-', meant) } : words)
            if (Meant(text, classNames) is { } label)
                return label;
        throw new InvalidRequestException(
            $"The prompt {Printable.Quote(prompt)} is not understood. This model draws {Known(classNames)}; "
            + $"{Example(classNames)}") { Key = "prompt" };
    }

    /// <summary>
    /// The label that a text gives exactly: the name of a class, in upper or lower case. Where classes are not called by numbers,
    /// it may be the number of a class. Unlike a prompt it is not interpreted: no sign, blank or other word is left out of it.
    /// </summary>
    /// <param name="text">The label.</param>
    /// <param name="classNames">The model's classes, from label 0 on.</param>
    /// <exception cref="InvalidRequestException">The model has no such class; the message lists those that it has.</exception>
    public static int ParseLabel(string text, IReadOnlyList<string> classNames)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(classNames);
        if (Named(text, classNames) is { } label)
            return label;
        // A name comes before a number, should classes be called by other numbers than their own.
        bool numbered = classNames.All(name => int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out _));
        return !numbered && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            && number < classNames.Count
            ? number
            : throw new InvalidRequestException($"The model has no label {Printable.Quote(text)}. It knows {Known(classNames)}.")
                { Key = "label" };
    }

    /// <summary>The text with a blank for each hyphen inside a word and each point behind one; a minus and a decimal point
    /// stay.</summary>
    private static string WithoutJoints(string text) => string.Create(text.Length, text, (parted, whole) =>
    {
        for (int i = 0; i < parted.Length; i++)
        {
            char before = i > 0 ? whole[i - 1] : ' ', after = i + 1 < whole.Length ? whole[i + 1] : ' ';
            bool joint = whole[i] == '-' && char.IsLetterOrDigit(before) && char.IsLetterOrDigit(after)
                || whole[i] == '.' && !char.IsDigit(after);
            parted[i] = joint ? ' ' : whole[i];
        }
    });

    private static int? Meant(string text, IReadOnlyList<string> classNames)
    {
        string?[] singular =
        [
            text, text.EndsWith("es", StringComparison.Ordinal) ? text[..^2] : null, text.EndsWith('s') ? text[..^1] : null,
        ];
        foreach (string? candidate in singular)
        {
            if (string.IsNullOrEmpty(candidate))
                continue;
            if (Named(candidate, classNames) is { } label)
                return label;
            if (Array.IndexOf(Numbers, candidate) is >= 0 and var number
                && Named(number.ToString(CultureInfo.InvariantCulture), classNames) is { } digit)
                return digit;
            if (int.TryParse(candidate, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value < Numbers.Length
                && Named(Numbers[value], classNames) is { } word)
                return word;
        }
        bool numbered = classNames.Any(name => int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out _));
        return !numbered && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int index)
            && index < classNames.Count ? index : null;
    }

    private static int? Named(string text, IReadOnlyList<string> classNames)
    {
        for (int label = 0; label < classNames.Count; label++)
            if (classNames[label].Equals(text, StringComparison.OrdinalIgnoreCase))
                return label;
        return null;
    }

    private static string Known(IReadOnlyList<string> classNames)
    {
        string names = string.Join(", ", classNames.Take(20).Select(name => Printable.Line(name, 40)));
        return classNames.Count > 20 ? $"{names} and {classNames.Count - 20} more" : names;
    }

    private static string Example(IReadOnlyList<string> classNames)
    {
        string name = Printable.Line(classNames[^1], 40);
        return int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number < Numbers.Length
            ? $"ask for one of them, as in \"{name}\", \"{Numbers[number]}\", \"a {Numbers[number]}\" or \"a handwritten "
                + $"{name}\"."
            : $"ask for one of them, as in \"{name}\" or \"a picture of {name}\".";
    }
}
