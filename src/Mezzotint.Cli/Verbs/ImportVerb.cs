using System.CommandLine;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Models;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint import FOLDER --out MODEL</c>: a PyTorch checkpoint becomes a model folder.</summary>
internal static class ImportVerb
{
    public static Command Create(Terminal terminal)
    {
        var folder = Options.Required("FOLDER", 
            "The checkpoint: a folder with config.json and weights.pt, a state dict saved by PyTorch, or a checkpoint that holds "
            + "one. Nothing in it is executed.");
        var output = Options.Text("--out", "MODEL", "The model folder to make.");
        output.Required = true;
        var force = new Option<bool>("--force") { Description = "Replace the model that may be there." };
        var key = Options.Text(
            "--key", "NAME",
            "Which weights to take where weights.pt holds several, as in ema; deeper ones after a dot, as in nets.ema.");
        var json = Options.Json();
        var command = new Command("import", "Turn a PyTorch checkpoint into a model folder.")
        {
            folder, output, key, force, json,
        };
        command.SetAction(result => Run(
            terminal, result.GetRequiredValue(folder), result.GetRequiredValue(output)!, result.GetValue(key),
            result.GetValue(force), result.GetValue(json)));
        return command;
    }

    private static int Run(Terminal terminal, string folder, string output, string? key, bool force, bool json)
    {
        if (!Directory.Exists(folder))
            throw new MezzotintException($"There is no folder '{folder}'.");
        if (ModelFolder.Exists(output) && !force)
            throw new MezzotintException(
                $"There is a model in '{output}' already: add --force to replace it, or choose another folder with --out.");
        if (!ModelFolder.Exists(output) && (File.Exists(output) || SeedCheckpoint.Exists(output)))
            throw new MezzotintException(
                $"--out '{output}' is {(File.Exists(output) ? "a file" : "a PyTorch checkpoint itself")}: choose another "
                + $"folder.");
        bool isModel = ModelFolder.Exists(folder) && !SeedCheckpoint.Exists(folder);
        if (isModel && key is not null)
            throw new MezzotintException(
                $"--key {key}: '{folder}' is a model folder, which holds one set of weights. Leave it out.")
                { Key = "--key" };
        using var model = isModel ? ModelFolder.Read(folder, unwrap: true) : SeedCheckpoint.Read(folder, key);
        ModelFolder.Write(output, model.Network, model.Info);
        long parameters = model.Network.parameters().Sum(parameter => parameter.numel());
        terminal.Result(
            json,
            new { Model = output, Parameters = parameters, Sha256 = ModelFolder.Hash(output), model.Info.Provenance },
            $"{output}: {parameters} parameters from {folder}. {model.Info.Provenance}".TrimEnd());
        return CommandLine.Done;
    }
}
