using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Mezzotint.Models;

namespace Mezzotint.Cli.Choices;

/// <summary>What is added to a model: --adapter, --embedding.</summary>
internal sealed class AdapterChoice
{
    private readonly Option<string[]> _files = Options.Names(
        "--adapter", "FILE[:WEIGHT]",
        "A low-rank adapter (LoRA) of the model, as kohya's scripts, PEFT or diffusers write it, and how much of it. Repeat the "
        + "option for several. [default: none]");

    private readonly Option<string[]> _words = Options.Names(
        "--embedding", "FILE",
        "Words that the model's text encoder learns to know (textual inversion): a file of diffusers or of the web interface. "
        + "Repeat the option for several. [default: none]");

    public IReadOnlyList<Option> All => [_files, _words];

    public Chosen Read(ParseResult result) => new(result.GetValue(_files) ?? [], result.GetValue(_words) ?? []);

    /// <summary>What was chosen.</summary>
    public sealed record Chosen(string[] Adapters, string[] Words)
    {
        public bool Any => Adapters.Length + Words.Length > 0;
    }

    /// <summary>Adds adapters and words to a model.</summary>
    /// <exception cref="MezzotintException">One is not there, or belongs to another model.</exception>
    public static LoadedModel Apply(LoadedModel model, Chosen chosen)
    {
        try
        {
            foreach (string adapter in chosen.Adapters)
            {
                var (file, weight) = Parse(adapter);
                model.Adapt(file, weight);
            }
            foreach (string file in chosen.Words)
                model.AddWords(file);
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
