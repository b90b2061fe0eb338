using System.CommandLine;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Models.Onnx;
using Mezzotint.Models.SingleFiles;
using Mezzotint.Networks;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint export MODEL --out FILE.onnx</c>: the network for other programs; with <c>--single-file</c> a Stable
/// Diffusion as the original programs keep it, with <c>--onnx</c> as a folder of ONNX files.</summary>
internal static class ExportVerb
{
    private const string Extension = ".onnx";

    public static Command Create(Terminal terminal)
    {
        var model = Options.Required("MODEL", ModelSource.Required);
        var output = Options.Text(
            "--out", $"FILE{Extension}", $"The file. [default: the model's name, with {Extension}, in the current folder]");
        var single = Options.Text(
            "--single-file", "FILE.safetensors",
            "Instead: a Stable Diffusion in one file, as the original programs and the web interface read it, and its .yaml.");
        var folder = Options.Text(
            "--onnx", "FOLDER",
            "Instead: a Stable Diffusion as a folder of ONNX files with the names of optimum, for images of any size.");
        var to = new WeightsChoice();
        var opening = new OpeningChoice();
        var json = Options.Json();
        var command = new Command(
            "export",
            "Write a model's network, and each other part, as an ONNX file, for ONNX Runtime and whatever else reads that.")
            { model, output, single, folder, to.Option, json };
        foreach (var option in opening.All)
            command.Add(option);
        command.SetAction(result =>
        {
            string named = result.GetRequiredValue(model);
            var asked = new[] { output, single, folder }.Where(option => result.GetValue(option) is not null).ToList();
            if (asked is [var one, var other, ..])
                throw new MezzotintException($"{one.Name} and {other.Name} are two exports: ask for one of them.")
                    { Key = one.Name };
            bool asJson = result.GetValue(json);
            if (result.GetValue(single) is { } file)
                return RunSingle(terminal, named, opening.Read(result), file, to.Read(result), asJson);
            if (to.Read(result) is not null)
                throw new MezzotintException("--to is for --single-file: files of ONNX have float32.") { Key = "--to" };
            return result.GetValue(folder) is { } onnx ? RunFolder(terminal, named, opening.Read(result), onnx, asJson)
                : Run(terminal, named, opening.Read(result), result.GetValue(output), asJson);
        });
        return command;
    }

    private static int RunSingle(
        Terminal terminal, string named, ModelOpening opening, string file, ElementType? to, bool json)
    {
        string folder = ModelSource.Find(named);
        using var model = ModelPath.Read(folder, opening);
        SingleFile.Write(file, model, to ?? ModelPath.PrecisionOf(folder, opening));
        long bytes = new FileInfo(file).Length;
        string beside = Path.ChangeExtension(file, ".yaml");
        terminal.Result(json, new { Path = file, Bytes = bytes, Configuration = beside, model.Info.Name },
            FormattableString.Invariant($"{file}: {bytes / 1e6:F1} MB. Beside it: {beside}, which other programs need too."));
        return CommandLine.Done;
    }

    /// <summary>Weights of 16 bits stay so: each is widened as it is written.</summary>
    private static LoadedModel Opened(string path, ModelOpening opening) =>
        ModelPath.Read(path, opening with { Narrow = true });

    private static int RunFolder(Terminal terminal, string named, ModelOpening opening, string folder, bool json)
    {
        using var model = Opened(ModelSource.Find(named), opening);
        OnnxFolder.Write(folder, model);
        var files = new DirectoryInfo(folder).GetFiles($"{OnnxFolder.PartFile}*", SearchOption.AllDirectories);
        long bytes = files.Sum(file => file.Length);
        string[] parts = [.. files.Select(file => file.Directory!.Name).Distinct().Order(StringComparer.Ordinal)];
        terminal.Result(json, new { Path = folder, Bytes = bytes, Parts = parts, model.Info.Name },
            FormattableString.Invariant($"{folder}: {bytes / 1e6:F1} MB. Parts: {string.Join(", ", parts)}."));
        return CommandLine.Done;
    }

    private static int Run(Terminal terminal, string named, ModelOpening opening, string? output, bool json)
    {
        if (output is not null && !output.EndsWith(Extension, StringComparison.OrdinalIgnoreCase))
            throw new MezzotintException($"--out '{output}' must end in {Extension}.");
        string folder = ModelSource.Find(named);
        output ??= (File.Exists(folder) ? Path.GetFileNameWithoutExtension(folder)
            : Path.GetFileName(Path.GetFullPath(folder))) + Extension;
        using var model = Opened(folder, opening);
        string? weights = OnnxFile.Write(output, model.Network, model.Info);
        string[] parts = [.. weights is null ? [] : new[] { weights }, .. OnnxFile.WriteParts(output, model)];
        long bytes = new FileInfo(output).Length + (weights is null ? 0 : new FileInfo(weights).Length);
        var (_, height, width) = model.Info.Numbers;
        string asked = model.Info.Model is not ConditionalUNetConfig unet ? "labels [batch, tokens]"
            : $"context [batch, tokens, {unet.CrossAttentionDim}]"
                + ((unet.ProjectionClassEmbeddingsInputDim ?? unet.TimeCondProjDim) is { } pooled
                    ? $", pooled [batch, {pooled}]" : "");
        terminal.Result(
            json, new { Path = output, Bytes = bytes, Parts = parts, model.Info.Name, model.Info.Height, model.Info.Width },
            FormattableString.Invariant(
                $"{output}: {bytes / 1e6:F1} MB. Inputs x [batch, {model.Info.Model.InChannels}, {height}, {width}], ")
                + "t [batch], "
                + $"{asked}; output of the same shape as x."
                + (parts.Length == 0 ? "" : $" Beside it: {string.Join(", ", parts)}."));
        return CommandLine.Done;
    }
}
