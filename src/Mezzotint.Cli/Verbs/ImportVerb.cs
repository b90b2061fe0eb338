using System.CommandLine;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Models.SingleFiles;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint import SOURCE --out MODEL</c>: a PyTorch checkpoint, or a single file of Stable Diffusion, becomes a
/// model folder.</summary>
internal static class ImportVerb
{
    private sealed record Request(
        string Source, string Output, string? Key, ElementType? To, ModelOpening Opening, bool Force, bool Json);

    public static Command Create(Terminal terminal)
    {
        var source = Options.Required("SOURCE",
            "The checkpoint: a folder with config.json and weights.pt, a state dict saved by PyTorch, or a checkpoint that holds "
            + "one; or a single file of Stable Diffusion 1 or 2 (.safetensors or .ckpt). Nothing in it is executed.");
        var output = Options.Text("--out", "MODEL", "The model folder to make; of a single file one of diffusers.");
        output.Required = true;
        var force = new Option<bool>("--force") { Description = "Replace the model that may be there." };
        var key = Options.Text(
            "--key", "NAME",
            "Which weights to take where weights.pt holds several, as in ema; deeper ones after a dot, as in nets.ema.");
        var to = new WeightsChoice();
        var opening = new OpeningChoice();
        var json = Options.Json();
        var command = new Command(
            "import", "Turn a PyTorch checkpoint, or a single file of Stable Diffusion, into a model folder.")
        {
            source, output, key, to.Option, force, json,
        };
        foreach (var option in opening.All)
            command.Add(option);
        command.SetAction(result => Run(terminal, new(
            result.GetRequiredValue(source), result.GetRequiredValue(output)!, result.GetValue(key), to.Read(result),
            opening.Read(result), result.GetValue(force), result.GetValue(json))));
        return command;
    }

    private static int Run(Terminal terminal, Request request)
    {
        CheckOutput(request);
        using var model = Read(request);
        ModelFolder.Write(
            request.Output, model.Network, model.Info, request.To ?? ModelPath.PrecisionOf(request.Source, request.Opening));
        long parameters = model.Network.parameters().Sum(parameter => parameter.numel());
        terminal.Result(
            request.Json,
            new
            {
                Model = request.Output, Parameters = parameters, Sha256 = ModelFolder.Hash(request.Output), model.Info.Provenance,
            },
            $"{request.Output}: {parameters} parameters from {request.Source}. {model.Info.Provenance}".TrimEnd());
        return CommandLine.Done;
    }

    private static void CheckOutput(Request request)
    {
        string output = request.Output;
        if (ModelFolder.Exists(output) && !request.Force)
            throw new MezzotintException(
                $"There is a model in '{output}' already: add --force to replace it, or choose another folder with --out.");
        if (!ModelFolder.Exists(output) && (File.Exists(output) || SeedCheckpoint.Exists(output)))
            throw new MezzotintException(
                $"--out '{output}' is {(File.Exists(output) ? "a file" : "a PyTorch checkpoint itself")}: choose another "
                + $"folder.");
    }

    private static LoadedModel Read(Request request)
    {
        string source = request.Source;
        bool single = SingleFile.Exists(source);
        if (!single && !Directory.Exists(source))
            throw new MezzotintException(File.Exists(source)
                ? $"'{source}' is no single file of Stable Diffusion, which ends in .safetensors or .ckpt."
                : $"There is no folder '{source}', and no file of that name.");
        bool isModel = single || ModelFolder.Exists(source) && !SeedCheckpoint.Exists(source);
        if (isModel && request.Key is { } key)
            throw new MezzotintException(
                $"--key {key}: '{source}' is a {(single ? "single file" : "model folder")}, which holds one set of weights. "
                + "Leave it out.") { Key = "--key" };
        if (single || request.Opening.Variant is not null)
            return ModelPath.Read(source, request.Opening);
        if ((request.Opening.Prediction ?? request.Opening.Tokenizer) is not null)
            throw new MezzotintException(
                $"'{source}' is a folder: --prediction and --tokenizer are for single files. Leave them out.")
                { Key = request.Opening.Prediction is null ? "--tokenizer" : "--prediction" };
        var model = isModel ? ModelFolder.Read(source, unwrap: true) : SeedCheckpoint.Read(source, request.Key);
        return request.Opening.Autoencoder is { } other ? model.WithAutoencoder(other) : model;
    }
}
