using System.CommandLine;
using System.Globalization;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Engine;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Models.SingleFiles;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Training;
using TorchSharp;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint inspect MODEL</c>: the network as PyTorch prints it, and the number of its parameters.</summary>
internal static class InspectVerb
{
    public static Command Create(Terminal terminal)
    {
        var model = Options.Required(
            "MODEL",
            "A model folder, a run folder, a PyTorch checkpoint folder, a single file of Stable Diffusion, the name of a model "
            + "in ./models, or a configuration (a TOML file).");
        var opening = new OpeningChoice();
        var json = Options.Json();
        var command = new Command(
            "inspect",
            "Print a model's module tree, as PyTorch prints it, and the number of its parameters; before it, of a model of "
            + "several parts, what they are, what it predicts and how it is sampled.") { model, json };
        foreach (var option in opening.All)
            command.Add(option);
        command.SetAction(result =>
            Run(terminal, result.GetRequiredValue(model), opening.Read(result), result.GetValue(json)));
        return command;
    }

    private static int Run(Terminal terminal, string named, ModelOpening opening, bool json)
    {
        if (IsConfiguration(named) && Configuration.Read(named).Model.EstimateMemory() is { Fits: false } need)
            return Figures(terminal, named, need, json);
        var (path, network, info) = Open(named, opening);
        using var _ = network;
        if (info is not null)
            terminal.Say(ComputePrecision.InWords(ComputePrecision.Automatic, torch.CPU, info.Model, info.Numbers.Height,
                info.Numbers.Width));
        var parts = info is null ? [] : ModelPath.PartsOf(path, opening);
        string facts = info is null || parts.Count < 2 ? "" : ModelFacts.Text(info, parts, ModelPath.NotesOf(path, opening));
        string tree = ModuleTree.Print(network);
        long parameters = network.parameters().Sum(parameter => parameter.numel());
        long frozen = network.parameters().Where(parameter => !parameter.requires_grad).Sum(parameter => parameter.numel());
        terminal.Result(json, new
        {
            Path = path,
            Parameters = parameters,
            Frozen = frozen,
            info?.Name,
            info?.Height,
            info?.Width,
            info?.ClassNames,
            info?.Dataset,
            info?.Background,
            info?.Steps,
            info?.Epochs,
            info?.TrainLoss,
            info?.EvalLoss,
            Sha256 = info is null ? null : ModelPath.Hash(path, opening),
            Parts = parts.Count > 1 ? parts.Select(part => new
            {
                part.Name, part.Parameters, part.Bytes, Types = part.Types.Select(type => $"{type}".ToLowerInvariant()),
            }) : null,
            Facts = info is not null && parts.Count > 1 ? ModelFacts.Of(info, ModelPath.NotesOf(path, opening)) : null,
            Tree = tree,
        }, string.Create(CultureInfo.InvariantCulture,
            $"{facts}{tree}\n\n{parameters:N0} parameters, {frozen:N0} of them frozen"));
        return CommandLine.Done;
    }

    private static bool IsConfiguration(string named) => named.EndsWith(".toml", StringComparison.OrdinalIgnoreCase);

    /// <summary>What can be said of a network that is too large to be made.</summary>
    private static int Figures(Terminal terminal, string path, MemoryNeed need, bool json)
    {
        long parameters = Configuration.Read(path).Model.ParameterCount;
        terminal.Result(json, new { Path = path, Parameters = parameters, need.Bytes }, string.Create(
            CultureInfo.InvariantCulture,
            $"{parameters:N0} parameters, {need.Bytes / 1e9:F1} GB: too many for this machine, "
                + $"which has {MemoryNeed.Available / 1e9:F1} GB"));
        return CommandLine.Done;
    }

    private static (string Path, DenoisingNetwork Network, ModelInfo? Info) Open(string named, ModelOpening opening)
    {
        if (IsConfiguration(named))
            return (named, Configuration.Read(named).Model.Build(), null);
        string folder = ModelSource.Find(named);
        if (SingleFile.Exists(folder)) // its tokenizer is not needed, nor are its numbers
        {
            var info = ModelPath.ReadInfo(folder, opening);
            return (folder, info.Model.Build(), info);
        }
        var model = ModelPath.Read(folder, opening);
        return (folder, model.Network, model.Info);
    }
}
