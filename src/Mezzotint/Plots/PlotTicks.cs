using System.Globalization;
using ScottPlot.TickGenerators;

namespace Mezzotint.Plots;

/// <summary>Where the axes of plots have numbers, and how they are written.</summary>
internal static class PlotTicks
{
    /// <summary>Of a plain axis.</summary>
    /// <param name="whole">Whether the axis counts things, which have no halves.</param>
    public static NumericAutomatic Linear(bool whole = false) =>
        new() { LabelFormatter = Format, IntegerTicksOnly = whole, TickDensity = 0.4 };

    /// <summary>Of an axis that stands for the powers of ten, from 10^least to 10^most.</summary>
    public static NumericManual Logarithmic(double least, double most)
    {
        var ticks = new NumericManual();
        foreach (double value in LogarithmicTicks(Math.Pow(10, Math.Min(least, most)), Math.Pow(10, Math.Max(least, most))))
            ticks.AddMajor(Math.Log10(value), Format(value));
        return ticks;
    }

    /// <summary>Round values from least to most: the coarsest set of leading digits that has four of them, else equal round
    /// steps.</summary>
    public static double[] LogarithmicTicks(double least, double most)
    {
        int first = (int)Math.Floor(Math.Log10(least)), last = (int)Math.Ceiling(Math.Log10(most));
        int stride = Math.Max((last - first) / 10, 1);
        foreach (int[] digits in new int[][] { [1], [1, 3], [1, 2, 5], [1, 2, 3, 4, 6, 8] })
        {
            double[] ticks = [.. from power in Enumerable.Range(first, last - first + 1)
                                 where power % stride == 0
                                 from digit in digits
                                 let value = double.Parse($"{digit}e{power}", CultureInfo.InvariantCulture)
                                 where value >= least && value <= most
                                 select value];
            if (ticks.Length >= 4) return ticks;
        }
        double rough = (most - least) / 8, unit = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        double step = unit * new[] { 1.0, 2, 5, 10 }.First(factor => factor * unit >= rough * 0.999);
        return
        [
            .. Enumerable.Range(0, 9).Select(index => (Math.Ceiling(least / step) + index) * step).Where(value =>
                value > 0 && value <= most),
        ];
    }

    /// <summary>A number as an axis shows it: 0.05, 12.5, 60k, 1.8M, 3e-07.</summary>
    public static string Format(double value) => Math.Abs(value) switch
    {
        0 => "0",
        < 1e-4 or >= 1e12 => value.ToString("0.###e+00", CultureInfo.InvariantCulture),
        < 1e4 => value.ToString("0.######", CultureInfo.InvariantCulture),
        < 1e6 => (value / 1e3).ToString("0.###k", CultureInfo.InvariantCulture),
        < 1e9 => (value / 1e6).ToString("0.###M", CultureInfo.InvariantCulture),
        _ => (value / 1e9).ToString("0.###G", CultureInfo.InvariantCulture),
    };
}
