using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Mezzotint.Models;

namespace Mezzotint.Cli.Choices;

/// <summary>Adapters of a model, with their weights: --adapter.</summary>
internal sealed class AdapterChoice
{
    private readonly Option<string[]> _files = Options.Names(
        "--adapter", "FILE[:WEIGHT]",
        "A low-rank adapter (LoRA) of the model, as kohya's scripts, PEFT or diffusers write it, and how much of it. Repeat the "
        + "option for several. [default: none]");

    public Option Option => _files;

    public string[] Read(ParseResult result) => result.GetValue(_files) ?? [];

    /// <summary>Adds adapters to a model.</summary>
    /// <exception cref="MezzotintException">One is not there, or belongs to another model.</exception>
    public static LoadedModel Apply(LoadedModel model, string[] adapters)
    {
        try
        {
            foreach (string adapter in adapters)
            {
                var (file, weight) = Parse(adapter);
                model.Adapt(file, weight);
            }
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>File and weight: what stands behind the last colon, where that is a number.</summary>
    private static (string File, double Weight) Parse(string adapter)
    {
        int colon = adapter.LastIndexOf(':');
        return colon > 0 && double.TryParse(adapter.AsSpan(colon + 1), NumberStyles.Float, CultureInfo.InvariantCulture,
            out double weight) ? (adapter[..colon], weight) : (adapter, 1);
    }
}
