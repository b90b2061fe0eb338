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
        long Probes, bool Extrapolate, bool Bound, long Seed, string Device, bool Json);

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
        var extrapolate = new Option<bool>("--extrapolate")
        {
            Description = "Walk once more in half the steps, and give the limit of ever more steps with its error.",
        };
        var bound = new Option<bool>("--bound")
        {
            Description = "The variational bound instead of the flow's density: the bits of the random walk. It has no steps and "
                + "no error of theirs, and needs no gradients; --steps says at how many levels an image is asked about.",
        };
        var seed = Options.Seed("The seed of the probes, the levels, the dequantisation and the noise");
        var device = Options.Device();
        var json = Options.Json();
        var command = new Command("likelihood", "Measure how likely a model takes test images to be, in bits per dimension.")
        {
            model, data, count, steps, sampler, levels, trace, probes, extrapolate, bound, seed, device, json,
        };
        foreach (var option in pictures.All)
            command.Add(option);
        command.SetAction(result =>
        {
            Option[] ofWalk = [sampler, levels, trace, probes, extrapolate];
            var given = ofWalk.FirstOrDefault(option => result.GetResult(option) is { Implicit: false });
            if (result.GetValue(bound) && given is not null)
                throw new MezzotintException(
                    $"{given.Name} belongs to the flow's walk, and --bound does not walk: leave one of them out.");
            return Run(terminal, new Request(
                result.GetRequiredValue(model), result.GetValue(data), pictures.Read(result), result.GetValue(count),
                new SamplerChoice.Chosen(
                    result.GetValue(sampler), result.GetValue(levels), (int)result.GetValue(steps), null, null),
                result.GetValue(trace)!, result.GetValue(probes), result.GetValue(extrapolate), result.GetValue(bound),
                result.GetValue(seed), result.GetValue(device)!, result.GetValue(json)));
        });
        return command;
    }

    private static int Run(Terminal terminal, Request request)
    {
        string folder = ModelSource.Find(request.Model);
        using var model = ModelPath.Read(folder).To(ComputeDevice.Named(request.Device));
        var measure = request.Bound ? Bound(model, request) : Flow(model, request);
        string data = request.Data ?? model.Info.Dataset ?? DataSource.MnistName;
        var (_, images) = EvaluateVerb.LoadData(
            terminal, data, model.Info.Channels, request.Pictures.Or(model.Info, data), train: false, (int)request.Count);
        EvaluateVerb.CheckFit(model.Info, images);

        var clock = Stopwatch.StartNew();
        using var threads = new WorkerThreads(model.Threads);
        string count = Quantity.Of(images.Count, "image");
        var (result, half) = ProgressDisplay.Show(terminal, "likelihood", display => measure(
            images, threads, new Reports<SamplingProgress>(report =>
                display.Report((double)report.Evaluations / report.TotalEvaluations, count)), terminal.Stop));
        double seconds = clock.Elapsed.TotalSeconds;
        var recipe = request.Sampler.RecipeForFlow();
        var limit = half is null ? null : result.Limit(half, Solvers.Named(recipe.Sampler).Order);
        string error = result.StandardError is { } known
            ? string.Create(CultureInfo.InvariantCulture, $"standard error {known:F4}")
            : "of one image, whose standard error is not known";
        string ofLimit = limit is null ? "" : string.Create(CultureInfo.InvariantCulture,
            $"{limit.BitsPerDimension:F4} bits/dim in the limit of ever more steps, within {limit.Error:F4}\n");
        string convention = request.Bound ? VariationalBound.Convention : LikelihoodResult.Convention;
        double least = model.Info.Process.MinimumLevel;
        terminal.Result(request.Json, new
        {
            Model = folder,
            Data = images.Name,
            result.Count,
            BitsPerDimension = Math.Round(result.BitsPerDimension, 5),
            StandardError = result.StandardError is { } value ? Math.Round(value, 5) : (double?)null,
            Limit = limit is null ? (double?)null : Math.Round(limit.BitsPerDimension, 5),
            LimitError = limit is null ? (double?)null : Math.Round(limit.Error, 5),
            MeanLogDensity = Math.Round(result.MeanLogDensity, 3),
            result.Dimensions,
            LeastLevel = least,
            request.Bound,
            Trace = request.Bound ? null : request.Trace,
            Probes = request.Bound || request.Trace == Exact ? (long?)null : request.Probes,
            Sampler = request.Bound ? null : recipe.Sampler,
            Levels = request.Bound ? null : recipe.Levels,
            recipe.Steps,
            request.Seed,
            result.Evaluations,
            Seconds = Math.Round(seconds, 2),
            Convention = convention,
        }, string.Create(CultureInfo.InvariantCulture, $"{result.BitsPerDimension:F4} bits/dim"
            + $"{(request.Bound ? " at most" : "")}, {error}, on {Quantity.Of(result.Count, "image")} of "
            + $"{images.Name} in {seconds:F1} s\n{ofLimit}"
            + $"{convention}: {least:G3}"));
        return CommandLine.Done;
    }

    private delegate (LikelihoodResult Whole, LikelihoodResult? Half) Measure(
        ImageSet images, WorkerThreads threads, IProgress<SamplingProgress> progress, CancellationToken stop);

    private static Measure Bound(LoadedModel model, Request request)
    {
        var bound = VariationalBound.Of(model) with { Draws = request.Sampler.RecipeForFlow().Steps, Seed = request.Seed };
        bound.Validate();
        return (images, threads, progress, stop) => (bound.Evaluate(images, threads, progress, stop), null);
    }

    private static Measure Flow(LoadedModel model, Request request)
    {
        var whole = Walk(request.Sampler);
        int steps = request.Sampler.RecipeForFlow().Steps;
        if (request.Extrapolate && steps < 2)
            throw new MezzotintException("--extrapolate walks in half the steps too: it takes --steps 2 or more.");
        if (request.Extrapolate && whole.Solver.Evaluations is null)
            throw new MezzotintException(
                $"{whole.Solver.Name} chooses its steps by itself: --extrapolate is for other samplers.");
        var half = request.Extrapolate ? Walk(request.Sampler with { Steps = steps / 2 }) : null;
        return (images, threads, progress, stop) =>
            (whole.Evaluate(images, threads, progress, stop), half?.Evaluate(images, threads, progress, stop));

        Likelihood Walk(SamplerChoice.Chosen chosen)
        {
            var (solver, levels) = chosen.Flow(model.Info.Process);
            var likelihood = Likelihood.Of(model) with
            {
                Solver = solver,
                Levels = levels,
                Trace = request.Trace == Exact ? TraceMethod.Exact : TraceMethod.Hutchinson,
                Probes = (int)request.Probes,
                Seed = request.Seed,
            };
            likelihood.Validate();
            return likelihood;
        }
    }
}
