using System.Globalization;

namespace Mezzotint.Data;

/// <summary>A point of a pen's path.</summary>
/// <param name="X">To the right.</param>
/// <param name="Y">Downwards.</param>
/// <param name="Corner">Whether the path turns sharply here, and not in a curve.</param>
internal readonly record struct PathPoint(double X, double Y, bool Corner);

/// <summary>
/// How the digits 0 to 9 are written: for each digit a few variants, each of one or more strokes of a pen.
/// </summary>
/// <remarks>
/// A stroke is a list of points <c>x,y</c> in percent of the unit square, x to the right and y downwards, in the order in which a
/// hand passes them. The path through them is smooth, except at a point marked <c>!</c>, which is a corner. Strokes are divided
/// by <c>;</c>.
/// </remarks>
internal static class DigitShapes
{
    /// <summary>By digit, then by variant, then by stroke.</summary>
    public static readonly PathPoint[][][][] ByDigit =
    [
        [
            Parse("56,3 34,9 18,34 17,66 34,93 60,94 81,68 83,36 70,9 50,4"),
            Parse("66,10 44,3 20,24 13,58 28,90 56,97 80,74 86,40 72,12 54,8"),
            Parse("44,4 22,22 16,56 32,92 60,96 82,66 82,30 64,6 38,6"),
        ],
        [
            Parse("52,3 50,50 48,97"),
            Parse("56,3 50,48 46,97"),
            Parse("38,17 52,4! 51,50 50,97"),
            Parse("36,19 52,4! 51,50 50,96 ; 32,96 70,96"),
        ],
        [
            Parse("16,26 30,7 56,4 76,20 70,44 44,70 16,94! 48,93 86,90"),
            Parse("18,24 40,5 68,9 74,32 54,62 28,88 14,90 18,76 36,76 60,90 86,92"),
            Parse("20,16 46,4 72,14 72,38 46,68 14,95! 50,96 84,95"),
        ],
        [
            Parse("18,14 44,4 70,12 70,34 42,46! 72,54 80,76 54,96 16,88"),
            Parse("20,8 48,5 76,8! 44,42! 74,52 80,78 54,97 18,88"),
            Parse("20,16 46,3 70,14 66,36 42,46 70,56 78,80 52,97 18,84"),
        ],
        [
            Parse("24,6 20,32 14,56! 48,56 86,52 ; 70,6 67,50 62,97"),
            Parse("60,97 63,50 66,4! 38,36 12,64! 50,64 90,61"),
            Parse("20,8 16,34 22,52 46,56 70,42 ; 78,4 73,48 68,97"),
            Parse("30,4 22,30 12,56! 50,58 88,55 ; 66,30 63,62 58,97"),
        ],
        [
            Parse("78,6 52,6 28,8! 22,42! 50,36 76,50 78,76 52,95 14,88"),
            Parse("28,8 20,44! 50,38 78,54 74,84 46,97 14,88 ; 28,8 54,7 82,5"),
            Parse("74,4 50,8 32,12! 28,44 52,44 74,60 68,86 44,97 18,90"),
        ],
        [
            Parse("70,4 40,24 18,58 24,88 50,97 76,82 72,60 48,52 22,70"),
            Parse("58,3 34,30 20,64 30,92 56,96 74,78 64,60 42,62 24,78"),
            Parse("78,8 50,12 24,44 18,76 40,97 72,88 74,62 48,52 22,68"),
        ],
        [
            Parse("10,6 50,8 87,9! 62,48 42,97"),
            Parse("4,19 6,9! 48,8 90,8! 62,50 42,97"),
            Parse("14,10 46,10 84,6! 58,50 38,97 ; 34,52 56,50 80,48"),
            Parse("4,9 44,6 88,10 82,28 58,56 44,97"),
        ],
        [
            Parse("76,18 52,3 26,14 32,38 58,52 78,74 56,97 24,86 28,62 54,46 76,18"),
            Parse("50,46 28,34 30,10 52,3 74,12 72,34 50,46 24,62 22,86 50,97 78,86 76,62 50,46"),
            Parse("70,10 44,4 24,20 42,42 68,60 72,84 48,97 24,82 38,58 66,36 76,16 66,8"),
        ],
        [
            Parse("74,20 54,4 26,14 20,38 44,50 70,36 76,14! 72,56 66,97"),
            Parse("74,22 52,4 24,16 22,42 48,52 72,34 75,18! 76,56 62,90 32,95"),
            Parse("70,12 44,4 22,24 30,46 56,46 74,22 72,10 70,50 50,97"),
        ],
    ];

    private static PathPoint[][] Parse(string strokes) =>
        [.. strokes.Split(';', StringSplitOptions.TrimEntries).Select(stroke => stroke.Split(' ').Select(ParsePoint).ToArray())];

    private static PathPoint ParsePoint(string point)
    {
        string[] xy = point.TrimEnd('!').Split(',');
        return new(Percent(xy[0]), Percent(xy[1]), point.EndsWith('!'));
    }

    private static double Percent(string number) => double.Parse(number, CultureInfo.InvariantCulture) / 100;
}
