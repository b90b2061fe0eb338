using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Runtime;
using Mezzotint.Sampling;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint likelihood MODEL</c>: how likely a model takes test images to be, in bits per dimension.</summary>
internal static class LikelihoodVerb
{
    private const int CountOfNone = 100;
    private const string Hutchinson = "hutchinson", Exact = "exact";

    private sealed record Request(
        string Model, string? Data, FolderChoice.Chosen Pictures, long Count, SamplerChoice.Chosen Sampler, string Trace,
        long Probes, long Seed, string Device, bool Json);

    public static Command Create(Terminal terminal)
    {
        var model = Options.Required("MODEL", ModelSource.Required);
        var data = Options.Text(
            "--data", "SET",
            "mnist, strokes, or a folder with MNIST's files or with images by class: its test images. [default: what the model "
            + "was trained on, else mnist]");
        var pictures = new FolderChoice(ofModel: true);
        var count = Options.Whole("--count", CountOfNone, 1, int.MaxValue, "Only so many test images, from the first on");
        var steps =
            Options.Whole("--steps", null, 1, 100_000, "Steps from the images to their noise", $"{Inversion.DefaultSteps}");
        var sampler = Options.Text("--sampler", "NAME", "How the walk is done, by one that draws no noise. [default: heun]");
        var levels =
            Options.Text("--levels", "NAME", "How its levels are spread, from the most noise of the model on. [default: karras]");
        var trace = new Option<string>("--trace")
        {
            HelpName = $"{Hutchinson}|{Exact}",
            Description = "The Jacobian's trace: hutchinson estimates it without bias from random probes; exact computes it, a "
                + "walk back for each pixel.",
            DefaultValueFactory = _ => Hutchinson,
            CustomParser = result => Options.Chosen(result, [Hutchinson, Exact]),
        };
        var probes = Options.Whole("--probes", 1, 1, 1000, "Probes an image for hutchinson");
        var seed = Options.Seed("The seed of the probes, the dequantisation and the noise");
        var device = Options.Device();
        var json = Options.Json();
        var command = new Command("likelihood", "Measure how likely a model takes test images to be, in bits per dimension.")
        {
            model, data, count, steps, sampler, levels, trace, probes, seed, device, json,
        };
        foreach (var option in pictures.All)
            command.Add(option);
        command.SetAction(result => Run(terminal, new Request(
            result.GetRequiredValue(model), result.GetValue(data), pictures.Read(result), result.GetValue(count),
            new SamplerChoice.Chosen(result.GetValue(sampler), result.GetValue(levels), (int)result.GetValue(steps), null, null),
            result.GetValue(trace)!, result.GetValue(probes), result.GetValue(seed), result.GetValue(device)!,
            result.GetValue(json))));
        return command;
    }

    private static int Run(Terminal terminal, Request request)
    {
        string folder = ModelSource.Find(request.Model);
        using var model = ModelPath.Read(folder).To(ComputeDevice.Named(request.Device));
        var (solver, levels) = request.Sampler.Flow(model.Info.Process);
        var likelihood = Likelihood.Of(model) with
        {
            Solver = solver,
            Levels = levels,
            Trace = request.Trace == Exact ? TraceMethod.Exact : TraceMethod.Hutchinson,
            Probes = (int)request.Probes,
            Seed = request.Seed,
        };
        likelihood.Validate();
        string data = request.Data ?? model.Info.Dataset ?? DataSource.MnistName;
        var (_, images) = EvaluateVerb.LoadData(
            terminal, data, model.Info.Channels, request.Pictures.Or(model.Info, data), train: false, (int)request.Count);
        EvaluateVerb.CheckFit(model.Info, images);

        var clock = Stopwatch.StartNew();
        using var threads = new WorkerThreads(model.Threads);
        string count = Quantity.Of(images.Count, "image");
        var result = ProgressDisplay.Show(terminal, "likelihood", display => likelihood.Evaluate(
            images, threads, new Reports<SamplingProgress>(report =>
                display.Report((double)report.Evaluations / report.TotalEvaluations, count)), terminal.Stop));
        double seconds = clock.Elapsed.TotalSeconds, least = levels[^1];
        string error = result.StandardError is { } known
            ? string.Create(CultureInfo.InvariantCulture, $"standard error {known:F4}")
            : "of one image, whose standard error is not known";
        terminal.Result(request.Json, new
        {
            Model = folder,
            Data = images.Name,
            result.Count,
            BitsPerDimension = Math.Round(result.BitsPerDimension, 5),
            StandardError = result.StandardError is { } value ? Math.Round(value, 5) : (double?)null,
            MeanLogDensity = Math.Round(result.MeanLogDensity, 3),
            result.Dimensions,
            LeastLevel = least,
            request.Trace,
            Probes = request.Trace == Exact ? (long?)null : request.Probes,
            Sampler = solver.Name,
            request.Sampler.RecipeForFlow().Levels,
            request.Sampler.RecipeForFlow().Steps,
            request.Seed,
            result.Evaluations,
            Seconds = Math.Round(seconds, 2),
            LikelihoodResult.Convention,
        }, string.Create(CultureInfo.InvariantCulture, $"{result.BitsPerDimension:F4} bits/dim, {error}, on "
            + $"{Quantity.Of(result.Count, "image")} of {images.Name} in {seconds:F1} s\n{LikelihoodResult.Convention}: "
            + $"{least:G3}"));
        return CommandLine.Done;
    }
}
