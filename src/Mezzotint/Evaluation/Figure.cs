using System.Globalization;

namespace Mezzotint.Evaluation;

/// <summary>Which way a figure is to go.</summary>
public enum Better
{
    /// <summary>More is better, up to what real images get.</summary>
    Higher,

    /// <summary>Less is better, down to what real images get.</summary>
    Lower,

    /// <summary>As near as can be to what real images get, from either side.</summary>
    AsReal,
}

/// <summary>How a figure is written.</summary>
public enum FigureUnit
{
    /// <summary>A number as it is.</summary>
    Number,

    /// <summary>A share from 0 to 1, written in per cent.</summary>
    Share,

    /// <summary>Seconds.</summary>
    Seconds,
}

/// <summary>One figure of an evaluation, and what real images get by the same computation.</summary>
public sealed record Figure
{
    /// <summary>Its name for programs, in snake_case: it stays the same from version to version.</summary>
    public required string Key { get; init; }

    /// <summary>What it belongs to, a heading for people.</summary>
    public required string Group { get; init; }

    /// <summary>Its name for people.</summary>
    public required string Name { get; init; }

    /// <summary>Its value; null where it could not be had.</summary>
    public double? Value { get; init; }

    /// <summary>Why there is no value; null where there is one.</summary>
    public string? Missing { get; init; }

    /// <summary>What must be known to read it, such as its convention; null where the name says all.</summary>
    public string? Note { get; init; }

    /// <summary>The standard error of the value, where it is known.</summary>
    public double? StandardError { get; init; }

    /// <summary>What as many real images get: the floor, or the ceiling, that no generator can be asked to pass. Null where real
    /// images have no such figure.</summary>
    public double? Real { get; init; }

    /// <summary>How many times <see cref="Real"/> the value is, with an interval of 95 %; null where that says nothing.</summary>
    public RatioInterval? Ratio { get; init; }

    /// <summary>What the same images get with the captions of others: chance. Null where a figure has no captions.</summary>
    public double? Shuffled { get; init; }

    /// <summary>How it is written.</summary>
    public FigureUnit Unit { get; init; }

    /// <summary>Which way it is to go.</summary>
    public Better Better { get; init; }

    /// <summary>A value of this figure as people read it: four digits that count, or per cent.</summary>
    public string Written(double value) => Unit switch
    {
        FigureUnit.Share => string.Create(CultureInfo.InvariantCulture, $"{100 * value:0.00} %"),
        FigureUnit.Seconds => string.Create(CultureInfo.InvariantCulture, $"{value:0.0000} s"),
        _ => Math.Abs(value) switch
        {
            >= 100 => value.ToString("#,0.0", CultureInfo.InvariantCulture),
            >= 10 => value.ToString("0.00", CultureInfo.InvariantCulture),
            >= 1 => value.ToString("0.000", CultureInfo.InvariantCulture),
            >= 0.001 or 0 => value.ToString("0.0000", CultureInfo.InvariantCulture),
            _ => value.ToString("0.0e+00", CultureInfo.InvariantCulture),
        },
    };
}
