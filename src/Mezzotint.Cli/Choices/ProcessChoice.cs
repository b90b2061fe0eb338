using System.CommandLine;
using Mezzotint.Noise;

namespace Mezzotint.Cli.Choices;

/// <summary>The noise processes by name, each with its default settings, for where no model says which one is meant.</summary>
internal static class ProcessChoice
{
    /// <summary>All of them in the order of the documentation; of the preserving one a process for each schedule.</summary>
    public static IReadOnlyList<(string Name, NoiseProcess Process)> All { get; } =
    [
        ("ve", new VarianceExploding()),
        ("vp", new VariancePreserving()),
        ("vp-scaled-linear", new VariancePreserving { Schedule = new ScaledLinearSchedule() }),
        ("vp-cosine", new VariancePreserving { Schedule = new CosineSchedule() }),
        ("vp-sigmoid", new VariancePreserving { Schedule = new SigmoidSchedule() }),
        ("sub-vp", new SubVariancePreserving()),
        ("edm", new Edm()),
        ("flow", new FlowMatching()),
    ];

    internal static IEnumerable<string> Names => All.Select(entry => entry.Name);

    public static Option<string?> Option(string fallback)
    {
        var option =
            Options.Text("--process", "NAME", $"The noise process, with its default settings: {string.Join(", ", Names)}.");
        option.DefaultValueFactory = _ => fallback;
        return option;
    }

    /// <summary>The process of a name.</summary>
    /// <exception cref="MezzotintException">No process has this name.</exception>
    public static NoiseProcess Named(string name) =>
        All.FirstOrDefault(entry => entry.Name == name).Process
        ?? throw new MezzotintException($"--process '{name}' is not known{Spelling.Remedy(name, Names)}");
}
