using System.CommandLine;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Models.Onnx;
using Mezzotint.Networks;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint export MODEL --out FILE.onnx</c>: the network for other programs.</summary>
internal static class ExportVerb
{
    private const string Extension = ".onnx";

    public static Command Create(Terminal terminal)
    {
        var model = Options.Required("MODEL", ModelSource.Required);
        var output = Options.Text(
            "--out", $"FILE{Extension}", $"The file. [default: the model's name, with {Extension}, in the current folder]");
        var json = Options.Json();
        var command = new Command(
            "export",
            "Write a model's network, and each other part, as an ONNX file, for ONNX Runtime and whatever else reads that.")
            { model, output, json };
        command.SetAction(result =>
            Run(terminal, result.GetRequiredValue(model), result.GetValue(output), result.GetValue(json)));
        return command;
    }

    private static int Run(Terminal terminal, string named, string? output, bool json)
    {
        if (output is not null && !output.EndsWith(Extension, StringComparison.OrdinalIgnoreCase))
            throw new MezzotintException($"--out '{output}' must end in {Extension}.");
        string folder = ModelSource.Find(named);
        output ??= Path.GetFileName(Path.GetFullPath(folder)) + Extension;
        using var model = ModelSource.Load(folder);
        OnnxFile.Write(output, model.Network, model.Info);
        var parts = OnnxFile.WriteParts(output, model);
        long bytes = new FileInfo(output).Length;
        var (_, height, width) = model.Info.Numbers;
        string asked = model.Info.Model is not ConditionalUNetConfig unet ? "labels [batch, tokens]"
            : $"context [batch, tokens, {unet.CrossAttentionDim}]"
                + (unet.ProjectionClassEmbeddingsInputDim is { } pooled ? $", pooled [batch, {pooled}]" : "");
        terminal.Result(
            json, new { Path = output, Bytes = bytes, Parts = parts, model.Info.Name, model.Info.Height, model.Info.Width },
            FormattableString.Invariant(
                $"{output}: {bytes / 1e6:F1} MB. Inputs x [batch, {model.Info.Model.InChannels}, {height}, {width}], ")
                + "t [batch], "
                + $"{asked}; output of the same shape as x."
                + (parts.Count == 0 ? "" : $" Beside it: {string.Join(", ", parts)}."));
        return CommandLine.Done;
    }
}
