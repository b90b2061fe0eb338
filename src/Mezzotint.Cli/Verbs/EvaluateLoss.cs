using System.Diagnostics;
using System.Globalization;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Data;
using Mezzotint.Runtime;
using Mezzotint.Text;
using Mezzotint.Training;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint evaluate MODEL --loss</c>: the training loss on the test images.</summary>
internal static class EvaluateLoss
{
    public static int Run(Terminal terminal, EvaluateRequest request)
    {
        string folder = ModelSource.Find(request.Target);
        using var model = request.Load(folder);
        string data = request.Data ?? model.Info.Dataset ?? DataSource.MnistName;
        var (_, images) = EvaluateVerb.LoadData(
            terminal, data, model.Info.Channels, request.Pictures.Or(model.Info, data), train: false,
            request.Count > 0 ? (int)request.Count : null);
        EvaluateVerb.CheckFit(model.Info, images);

        terminal.Say($"Evaluating the loss on {Quantity.Of(images.Count, "image")} of {images.Name}.");
        var clock = Stopwatch.StartNew();
        using var threads = new WorkerThreads(model.Threads);
        using var resident = new ResidentImages(images, model.Device, model.Info.Pixels);
        var task = new DenoisingTask(model.Info.Model, model.Info.Objective)
            { Codec = model.Info.Pixels, Prompts = model.Info.Prompts as TextPrompts };
        task.Check(images);
        var (loss, error) = LossEvaluation.Evaluate(
            task, model.Network, resident, threads, request.Seed, precision: model.Precision,
            cancellation: terminal.Stop);
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
        }, string.Create(CultureInfo.InvariantCulture, $"loss {loss:F3}, standard error {error:F3}, on "
            + $"{Quantity.Of(images.Count, "image")} of {images.Name} in {seconds:F1} s"));
        return CommandLine.Done;
    }
}
