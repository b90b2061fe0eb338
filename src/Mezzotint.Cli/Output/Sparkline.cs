namespace Mezzotint.Cli.Output;

/// <summary>A curve in one line of text, by blocks of eight heights.</summary>
internal static class Sparkline
{
    private const string Blocks = "▁▂▃▄▅▆▇█";

    /// <summary>Draws numbers, the lowest and the highest of the limits as the lowest and the highest block.</summary>
    /// <param name="values">The numbers; where there are more than places, each place has the mean of its share.</param>
    /// <param name="width">Places, 1 or more.</param>
    /// <param name="low">The lower limit.</param>
    /// <param name="high">The upper limit.</param>
    public static string Of(IReadOnlyList<double> values, int width, double low, double high)
    {
        int places = Math.Min(width, values.Count);
        return string.Concat(Enumerable.Range(0, places).Select(place =>
        {
            int first = place * values.Count / places, end = (place + 1) * values.Count / places;
            double value = values.Skip(first).Take(end - first).Average();
            double share = high > low ? (value - low) / (high - low) : 0;
            return Blocks[(int)Math.Clamp(share * Blocks.Length, 0, Blocks.Length - 1)];
        }));
    }
}
