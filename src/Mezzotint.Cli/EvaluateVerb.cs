using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.IO;
using Mezzotint.Runtime;
using TorchSharp;

namespace Mezzotint.Cli;

/// <summary><c>mezzotint evaluate MODEL --loss</c>: how good a model is, in figures.</summary>
internal static class EvaluateVerb
{
    private sealed record Request(string Model, bool Loss, string? Data, long Seed, long Count, bool Json);

    public static Command Create(Terminal terminal)
    {
        var model = Options.Required("MODEL", "A model folder, a run folder, a PyTorch checkpoint folder, or the name of a model in ./models.");
        var loss = new Option<bool>("--loss") { Description = "The training loss on the test images: one random time and one noise an image." };
        var data = Options.Text("--data", "SET", "mnist, strokes, or a folder with MNIST's files or with images by class. [default: what the model was trained on, else mnist]");
        var seed = Options.Seed("The seed of times and noise");
        var count = Options.Whole("--count", null, 1, int.MaxValue, "Only so many test images, from the first on", "all");
        var json = Options.Json();
        var command = new Command("evaluate", "Measure a model on test images.") { model, loss, data, seed, count, json };
        command.SetAction(result => Run(terminal, new Request(
            result.GetRequiredValue(model), result.GetValue(loss), result.GetValue(data), result.GetValue(seed), result.GetValue(count), result.GetValue(json))));
        return command;
    }

    private static int Run(Terminal terminal, Request request)
    {
        if (!request.Loss)
            throw new MezzotintException("evaluate needs to know what: add --loss, the one figure that it measures.");
        string folder = ModelSource.Find(request.Model);
        using var model = ModelSource.Load(folder);
        var images = LoadData(terminal, request, model.Info);
        CheckFit(model.Info, images);

        terminal.Say($"Evaluating the loss on {Quantity.Of(images.Count, "image")} of {images.Name}.");
        var clock = Stopwatch.StartNew();
        using var threads = new WorkerThreads(0);
        using var resident = new ResidentImages(images, torch.CPU);
        var (loss, error) = LossEvaluation.Evaluate(model.Network, model.Info.Process, resident, threads, request.Seed, cancellation: terminal.Stop);
        double seconds = clock.Elapsed.TotalSeconds;
        terminal.Result(request.Json, new
        {
            Model = folder,
            Data = images.Name,
            images.Count,
            request.Seed,
            Loss = Math.Round(loss, 4),
            StandardError = Math.Round(error, 4),
            Seconds = Math.Round(seconds, 2),
        }, string.Create(CultureInfo.InvariantCulture, $"loss {loss:F3}, standard error {error:F3}, on {Quantity.Of(images.Count, "image")} of {images.Name} in {seconds:F1} s"));
        return CommandLine.Done;
    }

    private static ImageSet LoadData(Terminal terminal, Request request, ModelInfo info)
    {
        string name = request.Data ?? info.Dataset ?? DataSource.MnistName;
        string? folder = null;
        if (Directory.Exists(name) && (Mnist.MissingFrom(name).Count == 0 || Mnist.MissingFrom(Path.Combine(name, DataSource.MnistName)).Count == 0))
            (name, folder) = (DataSource.MnistName, name);
        if (name == DataSource.MnistName)
            MnistFiles.Ensure(terminal, folder);
        return DataSource.Load(name, folder, train: false, request.Count > 0 ? (int)request.Count : null, info.Model.InChannels);
    }

    private static void CheckFit(ModelInfo info, ImageSet images)
    {
        if ((images.Channels, images.Height, images.Width) != (info.Model.InChannels, info.Height, info.Width))
            throw new MezzotintException($"{images.Name} has images of {images.Channels} x {images.Height} x {images.Width}, the model of {info.Model.InChannels} x {info.Height} x {info.Width}: choose other data with --data.");
        if (images.ClassNames.Count > info.Model.CorpusLength)
            throw new MezzotintException($"{images.Name} has {images.ClassNames.Count} classes, the model knows {info.Model.CorpusLength}: choose other data with --data.");
    }
}
