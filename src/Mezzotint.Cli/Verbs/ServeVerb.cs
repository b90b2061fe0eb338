using System.CommandLine;
using Mezzotint.AspNetCore;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Models;
using Mezzotint.Runs;
using Mezzotint.Serving;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint serve</c>: draws images for whoever asks over HTTP, as OpenAI's clients do.</summary>
internal static class ServeVerb
{
    /// <summary>A key on the command line is seen by whoever lists the machine's processes.</summary>
    private const string KeyVariable = "MEZZOTINT_API_KEY";

    private static readonly StudioOptions Default = new();

    public static Command Create(Terminal terminal)
    {
        var model = new Argument<string[]>("MODEL")
        {
            Description = ModelSource.Description + " Several are served side by side, and a folder of models or runs stands for "
                + "all of them: requests name one, else the first draws.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var urls = Options.Text(
            "--urls", "URLS",
            $"Where to listen, separated by semicolons; port 0 is any free one. Other machines can reach addresses that are not "
            + $"loopback, for instance http://0.0.0.0:7860, and need the key. [default: {StudioOptions.DefaultUrl}]");
        var key = Options.Text(
            "--api-key", "KEY",
            $"What clients must send, as OpenAI's do: Authorization: Bearer KEY. Better than here it stands in the variable "
            + $"{KeyVariable}.");
        var proxies = Options.Names(
            "--proxy", "ADDRESS",
            "A proxy whose X-Forwarded headers are believed: its IP address, or a network as 10.0.0.0/8. Repeat the option for "
            + "several. [default: none]");
        var publicUrl = Options.Text(
            "--public-url", "URL",
            "The address that clients see where a proxy stands before the server, as https://draw.example/prefix: for the "
            + "addresses of images, and for requests of the page.");
        var runs = Options.Text("--runs", "FOLDER", $"The folder whose trainings the page shows. [default: {Default.Runs}]");
        var count = Options.Whole("--max-count", Default.MaxCount, 1, 10_000, "The most images of a request");
        var steps = Options.Whole("--max-steps", Default.MaxSteps, 1, 100_000, "The most steps of a request");
        var queue = Options.Whole(
            "--queue", Default.MaxRequests, 1, 100_000,
            "The most requests that are drawn or wait; one more is told when to come again (429)");
        var deadline = Options.Whole(
            "--deadline", (long)Default.Deadline.TotalSeconds, 1, 86_400,
            "The most seconds that a request may take, the waiting included");
        var memory = Options.Whole(
            "--memory-budget", 0, 0, 1_000_000_000,
            "The most megabytes that several models take together, by an estimate: those that were asked for least recently make "
            + "room (0: no limit)");
        var threads = Options.Whole("--threads", null, 1, 1024, "Threads that evaluate the network side by side", "one a core");
        var keep = new Option<bool>("--no-downloads")
        {
            Description = "Give no model away: else clients may download those that are served.",
        };
        var training = new Option<bool>("--allow-training")
        {
            Description = "Let the page begin, resume and stop trainings in the folder of --runs, each a process of its own.",
        };
        var adapter = new AdapterChoice();
        var place = new PlaceChoice();
        var opening = new OpeningChoice();
        var json = Options.Json();
        var command = new Command(
            "serve",
            "Draw images for whoever asks over HTTP: people on the page at /, programs as OpenAI's clients do. /openapi.json "
            + "says what there is. Ctrl-C or SIGTERM lets it finish what it has begun.")
        {
            model, urls, key, proxies, publicUrl, runs, count, steps, queue, deadline, memory, threads, keep, training, json,
        };
        foreach (var option in place.All.Concat(opening.All).Concat(adapter.All))
            command.Add(option);
        command.SetAction(result => RunAsync(terminal, result.GetValue(model) ?? [], PrometheusEndpoint.AddTo(new()
        {
            Urls = result.GetValue(urls) ?? Default.Urls,
            ApiKey =
                result.GetValue(key) ?? (Environment.GetEnvironmentVariable(KeyVariable) is { Length: > 0 } set ? set : null),
            Proxies = result.GetValue(proxies) ?? [],
            PublicUrl = result.GetValue(publicUrl),
            Runs = result.GetValue(runs) ?? Default.Runs,
            AllowDownloads = !result.GetValue(keep),
            TrainingCommand = result.GetValue(training) ? ThisProgram() : [],
            Templates = Templates(),
            MaxCount = (int)result.GetValue(count),
            MaxSteps = (int)result.GetValue(steps),
            MaxRequests = (int)result.GetValue(queue),
            MaxImages = (int)Math.Max(Default.MaxImages, result.GetValue(count)),
            Deadline = TimeSpan.FromSeconds(result.GetValue(deadline)),
            MemoryBudget = result.GetValue(memory),
            Classifiers = [.. ClassifierSource.All()],
        }), (int)result.GetValue(threads), place.Read(result), adapter.Read(result), opening.Read(result), result.GetValue(json))
            .GetAwaiter().GetResult());
        return command;
    }

    /// <summary>How this program is started: by itself, or by dotnet.</summary>
    private static string[] ThisProgram()
    {
        string program = Environment.ProcessPath ?? "mezzotint";
        return Path.GetFileNameWithoutExtension(program) == "dotnet" ? [program, Environment.GetCommandLineArgs()[0]] : [program];
    }

    /// <summary>The folder <c>configs</c>: in the current folder, else beside the models.</summary>
    private static string? Templates() => ModelSource.Shelves()
        .Select(shelf => Path.Combine(Path.GetDirectoryName(shelf)!, "configs")).FirstOrDefault(Directory.Exists);

    private static async Task<int> RunAsync(
        Terminal terminal, string[] named, StudioOptions options, int threads, PlaceChoice.Chosen place,
        AdapterChoice.Chosen adapters, ModelOpening opening, bool json)
    {
        options.Validate();
        string[] folders = named.Length == 0 ? [ModelSource.Find(null)] : [.. named.SelectMany(ModelSource.FindAll)];
        using var log = new TerminalLog(terminal);
        if (folders is [var folder])
        {
            var model = AdapterChoice.Apply(place.Load(folder, opening), adapters);
            using var pipeline = new DiffusionPipeline(
                model, NameOf(folder), ModelPath.Hash(folder, opening), threads, ownsModel: true);
            terminal.Say(pipeline.ComputedBy);
            await using var single = await StudioServer.StartAsync(pipeline, options, log).ConfigureAwait(false);
            return await ServeAsync(terminal, single, options, folders, json).ConfigureAwait(false);
        }
        if (adapters.Any)
            throw new MezzotintException("--adapter and --embedding change one model, and several are served: name one.")
                { Key = "--adapter" };
        if (opening != new ModelOpening())
            throw new MezzotintException(
                "--prediction, --tokenizer, --variant and --autoencoder are of one model, and several are served: name one.")
                { Key = "MODEL" };
        foreach (string each in folders)
            if (!options.Models.TryAdd(
                NameOf(each),
                new() { Folder = each, Threads = threads, Device = place.Device, Precision = place.Precision }))
                throw new MezzotintException(
                    $"Two models are called '{NameOf(each)}': requests could not tell them apart. Serve one of them from a "
                    + "folder of another name.") { Key = "MODEL" };
        await using var server = await StudioServer.StartAsync(options, log).ConfigureAwait(false);
        return await ServeAsync(terminal, server, options, folders, json).ConfigureAwait(false);
    }

    private static async Task<int> ServeAsync(
        Terminal terminal, StudioServer server, StudioOptions options, string[] folders, bool json)
    {
        string[] names = [.. folders.Select(NameOf)];
        terminal.Result(
            json, new { Urls = server.Addresses, Model = names[0], Folder = folders[0], Models = names },
            $"{string.Join(", ", names)} {(names.Length == 1 ? "draws" : "draw")} at {string.Join(", ", server.Addresses)}; "
            + "Ctrl-C ends it.");
        terminal.Out.Flush();
        await Task.Delay(Timeout.Infinite, terminal.Stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        terminal.Say("mezzotint: finishing what has begun; once more ends it at once.");
        await server.StopAsync(options.Deadline).ConfigureAwait(false);
        return CommandLine.Done;
    }

    /// <summary>The model of a run is called as the run is.</summary>
    private static string NameOf(string folder)
    {
        if (File.Exists(folder))
            return Path.GetFileNameWithoutExtension(folder);
        var place = new DirectoryInfo(folder);
        return place is { Name: "model", Parent: { } run } && RunFolder.Exists(run.FullName) ? run.Name : place.Name;
    }
}
