using System.Globalization;

namespace Mezzotint.Formats;

/// <summary>The colour behind what is transparent in a picture, each part 0 to 255; black unless said otherwise.</summary>
/// <param name="Red">The red part.</param>
/// <param name="Green">The green part.</param>
/// <param name="Blue">The blue part.</param>
public readonly record struct Background(byte Red, byte Green, byte Blue)
{
    /// <summary>What <see cref="TryParse"/> takes, for messages.</summary>
    public const string Values = "black, white or a colour as #RRGGBB, each pair of digits from 00 to FF";

    /// <summary>Black, the background of grey sets such as MNIST.</summary>
    public static Background Black => default;

    /// <summary>White, as on paper.</summary>
    public static Background White => new(255, 255, 255);

    /// <summary>Whether it has no colour.</summary>
    public bool IsGrey => Red == Green && Green == Blue;

    /// <summary>Reads <c>black</c>, <c>white</c> or a colour as <c>#RRGGBB</c>.</summary>
    /// <param name="text">The text.</param>
    /// <exception cref="MezzotintException">It is none of these.</exception>
    public static Background Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return TryParse(text, out var background) ? background
            : throw new MezzotintException($"{Printable.Quote(text)} is no colour: give {Values}.");
    }

    /// <summary>As <see cref="Parse"/>, without an error.</summary>
    /// <param name="text">The text.</param>
    /// <param name="background">The colour; black where it is none.</param>
    public static bool TryParse(string? text, out Background background)
    {
        Background? read = text switch
        {
            "black" => Black,
            "white" => White,
            ['#', ..] when text.Length == 7
                && int.TryParse(text.AsSpan(1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int rgb)
                => new Background((byte)(rgb >> 16), (byte)(rgb >> 8), (byte)rgb),
            _ => null,
        };
        background = read ?? Black;
        return read is not null;
    }

    /// <inheritdoc/>
    public override string ToString() => this == Black ? "black" : this == White ? "white" : $"#{Red:X2}{Green:X2}{Blue:X2}";
}
