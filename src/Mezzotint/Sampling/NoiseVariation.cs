using System.Globalization;

namespace Mezzotint.Sampling;

/// <summary>A step from one noise towards another, on the great circle between them.</summary>
/// <param name="Seed">Whose noise it leads towards: 0 to 2^32 - 1.</param>
/// <param name="Share">How far: 0 (nothing changes) to 1 (that noise itself).</param>
public sealed record NoiseVariation(long Seed, double Share)
{
    /// <summary>More steps than this are no way that somebody took.</summary>
    public const int Most = 32;

    /// <summary>Reads steps as they are written: <c>17:0.2,90:0.1</c>, seed and share of each in order.</summary>
    /// <param name="text">At most <see cref="Most"/> of them.</param>
    /// <exception cref="InvalidRequestException">It is written otherwise, or a number is out of its range.</exception>
    public static IReadOnlyList<NoiseVariation> Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string[] parts = text.Split(',', StringSplitOptions.TrimEntries);
        if (parts.Length > Most)
            throw Wrong(text);
        var steps = new List<NoiseVariation>();
        foreach (string part in parts)
        {
            if (part.Split(':') is not [var seed, var share]
                || !long.TryParse(seed, NumberStyles.None, CultureInfo.InvariantCulture, out long number)
                || !double.TryParse(share, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double way))
                throw Wrong(text);
            steps.Add(new(number, way));
        }
        Check(steps, 1);
        return steps;
    }

    /// <summary>As it is written, <c>17:0.2</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Seed}:{Share}");

    /// <summary>Checks the numbers of steps, and that the last seed counts on for so many images.</summary>
    /// <exception cref="InvalidRequestException">One is out of its range.</exception>
    internal static void Check(IReadOnlyList<NoiseVariation> steps, int count)
    {
        if (steps.Count > Most || steps.Any(step => step.Seed is < 0 or > uint.MaxValue || !(step.Share is >= 0 and <= 1))
            || steps.Count > 0 && steps[^1].Seed + count - 1 > uint.MaxValue)
            throw Wrong(string.Join(",", steps.Take(Most)));
    }

    private static InvalidRequestException Wrong(string text) => new(
        $"variations is {Printable.Quote(text)}; it is up to {Most} steps SEED:SHARE with commas between, as 17:0.2,90:0.1: "
        + "seeds from 0 to 4294967295, of which the last counts on for further images, and shares from 0 to 1.")
        { Key = "variations" };
}
