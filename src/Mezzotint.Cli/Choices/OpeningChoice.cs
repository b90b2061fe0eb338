using System.CommandLine;
using System.CommandLine.Parsing;
using Mezzotint.Models;

namespace Mezzotint.Cli.Choices;

/// <summary>What a model's files do not say, or say otherwise: --prediction, --tokenizer, --variant and --autoencoder.</summary>
internal sealed class OpeningChoice
{
    private readonly Option<string?> _prediction = new("--prediction")
    {
        HelpName = "NAME",
        Description = $"What the network of a single file predicts: {ModelOpening.Epsilon} (noise) or {ModelOpening.Velocity}. "
            + $"[default: what the file or the .yaml beside it says, else {ModelOpening.Epsilon} for Stable Diffusion 1]",
        CustomParser = result => Options.Chosen(result, [ModelOpening.Epsilon, ModelOpening.Velocity]),
    };

    private readonly Option<string?> _tokenizer = Options.Text(
        "--tokenizer", "FOLDER",
        "The tokenizer of a single file: a folder with vocab.json and merges.txt, as tokenizer/ in any Stable Diffusion. "
        + "[default: the one beside the file]");

    private readonly Option<string?> _variant = Options.Text(
        "--variant", "NAME",
        "Which weights of a folder of diffusers are read where it has several: the word before their ending, such as fp16. "
        + "[default: those without a word]");

    private readonly Option<string?> _autoencoder = Options.Text(
        "--autoencoder", "PATH",
        "Another autoencoder (VAE) than the model's own: a folder of diffusers, or a file of the original "
        + "(.safetensors or .ckpt).");

    public IReadOnlyList<Option> All => [_prediction, _tokenizer, _variant, _autoencoder];

    public ModelOpening Read(ParseResult result) => new()
    {
        Prediction = result.GetValue(_prediction), Tokenizer = result.GetValue(_tokenizer),
        Variant = result.GetValue(_variant), Autoencoder = result.GetValue(_autoencoder),
    };
}
