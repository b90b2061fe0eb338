using System.CommandLine;
using Mezzotint;
using Mezzotint.Benchmarks;

var json = new Option<bool>("--json") { Description = "Print the result as JSON." };
var save = new Option<string?>("--save")
    { Description = "Write DATE-NAME.md and DATE-NAME.json into this folder.", HelpName = "FOLDER" };
var rounds = new Option<int>("--rounds")
    { Description = "How often each contestant has its turn.", DefaultValueFactory = _ => 9 };
var seconds = new Option<double>("--seconds") { Description = "How long a turn is at least.", DefaultValueFactory = _ => 4 };
var steps = new Option<int>("--steps")
    { Description = "Training steps before and after the first evaluation.", DefaultValueFactory = _ => 150 };
var childSteps = new Argument<int>("steps");
rounds.Validators.Add(result => { if (result.GetValueOrDefault<int>() < 1) result.AddError("--rounds is 1 or more."); });
seconds.Validators.Add(result =>
{
    if (!(result.GetValueOrDefault<double>() is > 0 and <= 600))
        result.AddError("--seconds is more than 0, and 600 at most.");
});
steps.Validators.Add(result => { if (result.GetValueOrDefault<int>() < 1) result.AddError("--steps is 1 or more."); });

var pytorch = new Option<string?>("--pytorch")
    { Description = "A Python that has PyTorch, for the same in PyTorch beside it all.", HelpName = "PYTHON" };
var compare = new Command(
    "compare",
    "Training and sampling beside a straight port to TorchSharp, ONNX Runtime and the matrix product, interleaved, as medians.")
    { rounds, seconds, pytorch, json, save };
compare.SetAction(parsed =>
{
    using var comparison = new Comparison(parsed.GetValue(pytorch));
    var result = comparison.Run(parsed.GetValue(rounds), TimeSpan.FromSeconds(parsed.GetValue(seconds)), Console.Error.WriteLine);
    Console.Write(parsed.GetValue(json) ? Report.Json(result) : Report.Table(result));
    Console.Error.Write(Report.Quietness(result));
    if (parsed.GetValue(save) is { } folder)
        Report.Save(folder, "compare", result.Date, result, Report.Markdown(result));
});

var memory = new Command("memory", "The peak of resident memory of training the seed's preset; exit code 1 above the limit.")
    { steps, json, save };
memory.SetAction(parsed =>
{
    var result = PeakMemory.Run(parsed.GetValue(steps), Console.Error.WriteLine);
    Console.Write(parsed.GetValue(json) ? Report.Json(result) : Report.Verdict(result) + "\n");
    if (parsed.GetValue(save) is { } folder)
        Report.Save(folder, "memory", result.Date, result, Report.Markdown(result));
    return result.IsWithin ? 0 : 1;
});

var memoryChild = new Command(PeakMemory.ChildCommand, "What memory measures.") { childSteps };
memoryChild.Hidden = true;
memoryChild.SetAction(parsed => PeakMemory.RunChild(parsed.GetValue(childSteps)));

var clients = new Option<int>("--clients") { Description = "How many ask at the same time.", DefaultValueFactory = _ => 64 };
var time = new Option<double>("--time") { Description = "Seconds of load.", DefaultValueFactory = _ => 60 };
var model = new Option<string>("--model")
    { Description = "The folder of the model that is served.", DefaultValueFactory = _ => "models/mnist" };
clients.Validators.Add(result =>
{
    if (result.GetValueOrDefault<int>() is < 1 or > 1000)
        result.AddError("--clients is 1 to 1000.");
});
time.Validators.Add(result =>
{
    if (!(result.GetValueOrDefault<double>() is > 0 and <= 3600))
        result.AddError("--time is more than 0, and 3600 at most.");
});
var load = new Command(
    "load",
    "Many clients at once on the server: errors, mixed-up images, latency, throughput beside the sampler's own, memory; exit "
    + "code 1 where an answer was wrong.") { clients, time, model, json, save };
load.SetAction(async parsed =>
{
    using var run = new LoadRun(Path.GetFullPath(parsed.GetValue(model)!));
    var result =
        await run.RunAsync(parsed.GetValue(clients), TimeSpan.FromSeconds(parsed.GetValue(time)), Console.Error.WriteLine);
    Console.Write(parsed.GetValue(json) ? Report.Json(result) : Report.Table(result));
    if (parsed.GetValue(save) is { } folder)
        Report.Save(folder, "load", result.Date, result, Report.Markdown(result));
    return result.IsSound ? 0 : 1;
});

var sizing = new Command(
    "sizing",
    "The same load on a server of one thread, one of all cores, and a server for each core behind a balancer; exit code 1 "
    + "where an answer was wrong.") { clients, time, model, json, save };
sizing.SetAction(async parsed =>
{
    var result = await SizingResult.OfAsync(
        Path.GetFullPath(parsed.GetValue(model)!), parsed.GetValue(clients), TimeSpan.FromSeconds(parsed.GetValue(time)),
        Console.Error.WriteLine);
    Console.Write(parsed.GetValue(json) ? Report.Json(result) : result.Table());
    if (parsed.GetValue(save) is { } folder)
        Report.Save(folder, "sizing", result.Date, result, Report.Markdown(result));
    return result.IsSound ? 0 : 1;
});

var repeats = new Option<int>("--repeats") { Description = "Of how many the best counts.", DefaultValueFactory = _ => 30 };
repeats.Validators.Add(result => { if (result.GetValueOrDefault<int>() < 1) result.AddError("--repeats is 1 or more."); });
var operators = new Command("operators", "The operators of the networks one by one: number types and orders of memory.")
    { repeats, json, save };
operators.SetAction(parsed =>
{
    var result = Operators.Run(parsed.GetValue(repeats), Console.Error.WriteLine);
    Console.Write(parsed.GetValue(json) ? Report.Json(result) : Operators.Table(result));
    if (parsed.GetValue(save) is { } folder)
        Report.Save(folder, "operators", result.Date, result, Report.Markdown(result));
});

var partsTimes = new Option<int>("--times") { Description = "Of how many the median counts.", DefaultValueFactory = _ => 50 };
var parts = new Command("parts", "What each part of a training step costs.") { partsTimes, json, save };
parts.SetAction(parsed =>
    Show(
        parsed, "parts", "The parts of a training step",
        "The seed's preset at batch 64, random images of MNIST's size and number. The rows after the first are measured one by "
        + "one, outside of a step.",
        $"parts --times {parsed.GetValue(partsTimes)}", add => StepParts.Measure(add, parsed.GetValue(partsTimes))));

var curves = new Command("curves", "The rates of training and sampling by batch, image size and threads.")
    { seconds, json, save };
curves.SetAction(parsed =>
    Show(
        parsed, "curves", "Rates by batch, image size and threads",
        "The seed's network; where nothing else is said batch 64, 28 x 28 pixels, a thread a core. Medians of five turns.",
        $"curves --seconds {parsed.GetValue(seconds)}", add => Curves.Measure(add, parsed.GetValue(seconds))));

var widths = new Command("widths", "Networks of widths that are no whole vectors, by the engine and by libtorch.")
    { partsTimes, json, save };
widths.SetAction(parsed => Show(parsed, "widths", "Widths that are no whole vectors",
    "Eight images on one thread, in float32. Fresh weights.", $"widths --times {parsed.GetValue(partsTimes)}",
    add => Widths.Measure(add, parsed.GetValue(partsTimes))));

var layersConfig = new Argument<string>("configuration") { Description = "A TOML file of a training." };
var layersSide = new Option<int>("--side") { Description = "Rows and columns that the network sees.",
    DefaultValueFactory = _ => 16 };
var layersTokens = new Option<int>("--tokens") { Description = "Tokens of its context.", DefaultValueFactory = _ => 24 };
var layers = new Command("layers", "Where the engine's time goes in a configuration's network, by kind and size of layer.")
    { layersConfig, layersSide, layersTokens, partsTimes, json, save };
layers.SetAction(parsed => Show(parsed, "layers", "The layers of a network",
    "One image, one thread, float32, forward and backward; medians of each layer. In brackets: forward - backward.",
    $"layers {parsed.GetValue(layersConfig)} --side {parsed.GetValue(layersSide)} --tokens {parsed.GetValue(layersTokens)}",
    add => Layers.Measure(add, parsed.GetValue(layersConfig)!, parsed.GetValue(layersSide), parsed.GetValue(layersTokens),
        parsed.GetValue(partsTimes))));

var shared = new Command(
    "shared", "Training and sampling while another process takes a core, beside this program alone on one core.")
    { rounds, seconds, json, save };
shared.SetAction(parsed =>
    Show(
        parsed, "shared", "One core taken by another process",
        "The seed's preset at batch 64. The other process spins on the last core; alone means confined to the first core, with "
        + "one thread. Ratios within a round.",
        $"shared --rounds {parsed.GetValue(rounds)} --seconds {parsed.GetValue(seconds)}",
        add => SharedCores.Measure(add, parsed.GetValue(rounds), parsed.GetValue(seconds))));

var otherBuild = new Option<string?>("--other")
    { Description = "A command line that starts another build of this program.", HelpName = "COMMAND" };
var builds = new Command(
    "builds", "Training and sampling by machine code, by vectors of 128 bits, by libtorch and by another build, in turn.")
    { otherBuild, rounds, seconds, json, save };
builds.SetAction(parsed =>
    Show(
        parsed, "builds", "What the engine computes with, and another build",
        "The seed's preset at batch 64 on all cores, each in a process of its own, in turn. In brackets: ratios to the first row "
        + "of the same work, by processor time.",
        $"builds{(parsed.GetValue(otherBuild) is null ? "" : " --other COMMAND")} --rounds {parsed.GetValue(rounds)} "
        + $"--seconds {parsed.GetValue(seconds)}",
        add => Builds.Measure(add, parsed.GetValue(otherBuild), parsed.GetValue(rounds), parsed.GetValue(seconds))));

var request = new Command("request", "64 images of one digit in the seed's 500 steps, beside the straight port.")
    { rounds, pytorch, json, save };
request.SetAction(parsed =>
    Show(
        parsed, "request", "64 images of one digit in 500 steps",
        "The seed's network and sampler (Euler-Maruyama), start to bytes, in a warm process; the two take turns.",
        $"request --rounds {parsed.GetValue(rounds)}{(parsed.GetValue(pytorch) is null ? "" : " --pytorch python3")}",
        add => WholeRequests.Request(add, parsed.GetValue(rounds), parsed.GetValue(pytorch))));

var startTimes = new Option<int>("--times") { Description = "Of how many the median counts.", DefaultValueFactory = _ => 10 };
var start = new Command(
    "start", "The command in cold processes: help, and a first image. Build it first: dotnet build -c Release src/Mezzotint.Cli.")
    { startTimes, json, save };
start.SetAction(parsed =>
    Show(parsed, "start", "Cold processes", "From the start of the process to its end, its files in the system's cache.",
    $"start --times {parsed.GetValue(startTimes)}", add => WholeRequests.Start(add, parsed.GetValue(startTimes))));

var sharedCores = new Argument<long>("cores");
var rateWorker = new Command(RateWorker.Command, "What shared and builds measure.") { sharedCores };
rateWorker.Hidden = true;
rateWorker.SetAction(parsed => RateWorker.Work(parsed.GetValue(sharedCores)));
var sharedSpin = new Command(SharedCores.SpinCommand, "What takes a core for shared.") { sharedCores };
sharedSpin.Hidden = true;
sharedSpin.SetAction(parsed => SharedCores.Spin(parsed.GetValue(sharedCores)));

var served = new Argument<string>("model");
var servedThreads = new Argument<int>("threads");
var loadChild = new Command(LoadServers.ServerCommand, "What load puts under load.") { served, servedThreads };
loadChild.Hidden = true;
loadChild.SetAction(parsed => LoadServers.ServeAsync(parsed.GetValue(served)!, parsed.GetValue(servedThreads)));
var balanced = new Argument<string[]>("servers");
var balancerChild = new Command(LoadServers.BalancerCommand, "What sizing asks through.") { balanced };
balancerChild.Hidden = true;
balancerChild.SetAction(parsed => LoadServers.BalanceAsync(parsed.GetValue(balanced)!));

var processes = new Command(
    "processes", "A training step over 1, 2 and 4 processes under mpirun: its time, and the exchange's share.")
    { partsTimes, json, save };
processes.SetAction(parsed => Show(parsed, "processes", "A training step over several processes",
    "The seed's preset at batch 64, float32 or bfloat16 as the processor has it; each process has one replica. The sums are "
    + "those of the losses and the gradients, with the wait for the slowest process.",
    $"processes --times {parsed.GetValue(partsTimes)}",
    add => SharedProcesses.Measure(add, parsed.GetValue(partsTimes))));

var diffusionSize = new Option<string>("--size")
    { Description = "The published widths (full), or half of them.", DefaultValueFactory = _ => StableDiffusionShape.Full };
diffusionSize.AcceptOnlyFromAmong(StableDiffusionShape.Full, StableDiffusionShape.Half);
var diffusionSides = new Option<int[]>("--latents")
    { Description = "Sides of the latents.", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [32, 64] };
var diffusionPart = new Option<string>("--part")
    { Description = "What of it.", DefaultValueFactory = _ => StableDiffusion.Parts[0] };
diffusionPart.AcceptOnlyFromAmong(StableDiffusion.Parts);
var withoutOnnx = new Option<bool>("--without-onnx")
    { Description = "Leave ONNX Runtime out, which has no switch that holds it to AVX2." };
var diffusion = new Command(
    "stable-diffusion",
    "Stable Diffusion 1.5 with random weights: guided steps, autoencoder, text encoder, a cold process and its memory.")
    { diffusionSize, diffusionSides, diffusionPart, withoutOnnx, rounds, json, save };
diffusion.SetAction(parsed => Show(parsed, "stable-diffusion", "The parts of Stable Diffusion 1.5",
    "Random weights in float32; the cold process opens float16 files, and draws 512 x 512 with guidance in 2 steps. Works take "
    + "turns; ratios are medians of those within a round. The straight port is the same layers in libtorch, with its fused "
    + "attention and its own threads.",
    $"stable-diffusion --size {parsed.GetValue(diffusionSize)} --latents {string.Join(' ', parsed.GetValue(diffusionSides)!)} "
    + $"--rounds {parsed.GetValue(rounds)} --part {parsed.GetValue(diffusionPart)}"
    + (parsed.GetValue(withoutOnnx) ? " --without-onnx" : ""),
    add => StableDiffusion.Measure(
        add, parsed.GetValue(diffusionSize)!, parsed.GetValue(rounds), parsed.GetValue(diffusionSides)!,
        parsed.GetValue(diffusionPart)!, !parsed.GetValue(withoutOnnx))));
var diffusionFolder = new Argument<string>("folder");
var diffusionChild = new Command(StableDiffusion.ChildCommand, "What stable-diffusion measures.") { diffusionFolder };
diffusionChild.Hidden = true;
diffusionChild.SetAction(parsed => StableDiffusion.RunChild(parsed.GetValue(diffusionFolder)!));

var processesWorker = new Command(SharedProcesses.WorkerCommand, "What processes measures.") { childSteps };
processesWorker.Hidden = true;
processesWorker.SetAction(parsed => SharedProcesses.Work(parsed.GetValue(childSteps)));

var colour = new Command(
    "colour", "Training on images in colour, 32 x 32 and 64 x 64, beside a straight port: images a second and memory.")
    { rounds, seconds, json, save };
colour.SetAction(parsed => Show(parsed, "colour", "Training in colour beside a straight port",
    "The seed's network for three channels, batch 32, random images. Each turn is a process of its own, and the turns alternate.",
    $"colour --rounds {parsed.GetValue(rounds)} --seconds {parsed.GetValue(seconds)}",
    add => Colour.Measure(add, parsed.GetValue(rounds), parsed.GetValue(seconds))));
var childArgument = new Argument<string>("argument");
var colourChild = new Command(Colour.ChildCommand, "What colour measures.") { childArgument };
colourChild.Hidden = true;
colourChild.SetAction(parsed => Colour.RunChild(parsed.GetValue(childArgument)!));

var gigabytes = new Option<double>("--gigabytes")
    { Description = "The size of the decoded pictures.", DefaultValueFactory = _ => 10 };
gigabytes.Validators.Add(result =>
{
    if (!(result.GetValueOrDefault<double>() is >= 0.05 and <= 1000))
        result.AddError("--gigabytes is 0.05 to 1000.");
});
var large = new Command(
    "large", "The memory of a training on a set that is larger than memory; it needs as much room on the disk, for a while.")
    { gigabytes, json, save };
large.SetAction(parsed => Show(parsed, "large", "A training on a set larger than memory",
    "Pictures in a zip archive, decoded into the cache and read from there; a residual U-Net on 128 x 128 x 3.",
    FormattableString.Invariant($"large --gigabytes {parsed.GetValue(gigabytes)}"),
    add => LargeSet.Measure(add, parsed.GetValue(gigabytes))));
var largeChild = new Command(LargeSet.ChildCommand, "What large measures.") { childArgument };
largeChild.Hidden = true;
largeChild.SetAction(parsed => LargeSet.RunChild(parsed.GetValue(childArgument)!));

var root = new RootCommand("Measurements of Mezzotint beside what it is compared with.")
{
    compare, parts, layers, widths, curves, shared, builds, rateWorker, sharedSpin, request, start, memory, memoryChild, load,
    loadChild, balancerChild, sizing, operators, processes, processesWorker, colour, colourChild, large, largeChild, diffusion,
    diffusionChild,
};
try
{
    return await root.Parse(args).InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (MezzotintException e)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}

void Show(
    ParseResult parsed, string name, string title, string explanation, string command, Func<Action<Figure>, double?> measure)
{
    var result = FiguresResult.Of(
        name, title, explanation, FormattableString.Invariant($"{command} --save bench/results"), measure,
        Console.Error.WriteLine);
    Console.Write(parsed.GetValue(json) ? Report.Json(result) : result.Table());
    if (parsed.GetValue(save) is { } folder)
        Report.Save(folder, name, result.Date, result, Report.Markdown(result));
}
