using System.CommandLine.Parsing;
using System.CommandLine;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Noise;
using Mezzotint.Plots;

namespace Mezzotint.Cli.Plots;

/// <summary><c>mezzotint plot schedules</c>: how the signal fades and the noise grows in each process.</summary>
internal static class SchedulesPlot
{
    private const int Points = 400;

    private static readonly (string Name, string Label, bool Logarithmic, Func<NoiseProcess, double, double> Of)[] Quantities =
    [
        ("alpha", "alpha: the part of the image", false, (process, t) => process.Alpha(t)),
        ("sigma", "sigma: the noise", true, (process, t) => process.Std(t)),
        ("log-snr", "half log-SNR: ln(alpha / sigma)", false, (process, t) => process.HalfLogSnr(t)),
    ];

    /// <summary>ve and edm leave the image as it is, and it fades alike in vp and sub-vp: the second of each pair is dashed (pens
    /// from 8 on are), so that both are seen where one lies over the other.</summary>
    private static readonly Dictionary<string, int> Pens = new()
    {
        ["ve"] = 0, ["edm"] = 13, ["vp"] = 1, ["sub-vp"] = 8, ["vp-scaled-linear"] = 2, ["vp-cosine"] = 3, ["vp-sigmoid"] = 4,
        ["flow"] = 6,
    };

    public static Command Create(Terminal terminal)
    {
        var what = new Option<string?>("--what")
        {
            HelpName = "QUANTITY",
            Description =
                $"{string.Join(", ", Quantities.Select(quantity => quantity.Name))}. [default: all three, side by side]",
            CustomParser = result => Options.Chosen(result, [.. Quantities.Select(quantity => quantity.Name)]),
        };
        var output = new PlotOutput();
        var command = new Command(
            "schedules",
            "Draw how the image fades and the noise grows over time in every process; edm, whose time is the noise itself, over "
            + "t / 80.") { what };
        foreach (var option in output.All)
            command.Add(option);
        command.SetAction(result => Run(terminal, output, result, result.GetValue(what)));
        return command;
    }

    private static int Run(Terminal terminal, PlotOutput output, ParseResult result, string? what)
    {
        output.Prepare(result);
        var shown = Quantities.Where(quantity => what is null || quantity.Name == what).ToList();
        return output.Write(terminal, result, "noise processes over time", [.. shown.Select((quantity, i) => new LinePlot
        {
            Title = quantity.Name,
            XLabel = "time t; of edm, t / 80",
            YLabel = quantity.Label,
            LogarithmicY = quantity.Logarithmic,
            Series =
            [
                .. ProcessChoice.All.Select(entry => Curve(entry.Name, entry.Process, quantity.Of, named: i == shown.Count - 1)),
            ],
            Width = shown.Count == 1 ? 1200 : i == shown.Count - 1 ? 620 : 440,
            Height = shown.Count == 1 ? 720 : 460,
        })]);
    }

    /// <summary>The last panel names the curves for all.</summary>
    private static PlotSeries Curve(string name, NoiseProcess process, Func<NoiseProcess, double, double> of, bool named)
    {
        double unit = Math.Max(process.MaximumTime, 1);
        double[] times =
        [
            .. Enumerable.Range(0, Points + 1).Select(i =>
                process.MinimumTime + (process.MaximumTime - process.MinimumTime) * i / Points),
        ];
        return new(named ? name : "", [.. times.Select(t => t / unit)], [.. times.Select(t => of(process, t))])
            { Pen = Pens[name] };
    }
}
