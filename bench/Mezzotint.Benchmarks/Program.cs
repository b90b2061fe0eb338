using System.CommandLine;
using Mezzotint.Benchmarks;

var json = new Option<bool>("--json") { Description = "Print the result as JSON." };
var save = new Option<string?>("--save") { Description = "Write DATE-NAME.md and DATE-NAME.json into this folder.", HelpName = "FOLDER" };
var rounds = new Option<int>("--rounds") { Description = "How often each contestant has its turn.", DefaultValueFactory = _ => 9 };
var seconds = new Option<double>("--seconds") { Description = "How long a turn is at least.", DefaultValueFactory = _ => 4 };
var steps = new Option<int>("--steps") { Description = "Training steps before and after the first evaluation.", DefaultValueFactory = _ => 150 };
var childSteps = new Argument<int>("steps");
rounds.Validators.Add(result => { if (result.GetValueOrDefault<int>() < 1) result.AddError("--rounds is 1 or more."); });
seconds.Validators.Add(result => { if (!(result.GetValueOrDefault<double>() is > 0 and <= 600)) result.AddError("--seconds is more than 0, and 600 at most."); });
steps.Validators.Add(result => { if (result.GetValueOrDefault<int>() < 1) result.AddError("--steps is 1 or more."); });

var compare = new Command("compare", "Training and sampling beside a straight port to TorchSharp, interleaved in one process, as medians.") { rounds, seconds, json, save };
compare.SetAction(parsed =>
{
    using var comparison = new Comparison();
    var result = comparison.Run(parsed.GetValue(rounds), TimeSpan.FromSeconds(parsed.GetValue(seconds)), Console.Error.WriteLine);
    Console.Write(parsed.GetValue(json) ? Report.Json(result) : Report.Table(result));
    Console.Error.Write(Report.Quietness(result));
    if (parsed.GetValue(save) is { } folder)
        Report.Save(folder, "compare", result.Date, result, Report.Markdown(result));
});

var memory = new Command("memory", "The peak of resident memory of training the seed's preset; exit code 1 above the limit.") { steps, json, save };
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
var model = new Option<string>("--model") { Description = "The folder of the model that is served.", DefaultValueFactory = _ => "models/mnist" };
clients.Validators.Add(result => { if (result.GetValueOrDefault<int>() is < 1 or > 1000) result.AddError("--clients is 1 to 1000."); });
time.Validators.Add(result => { if (!(result.GetValueOrDefault<double>() is > 0 and <= 3600)) result.AddError("--time is more than 0, and 3600 at most."); });
var load = new Command("load", "Many clients at once on the server: errors, mixed-up images, latency, throughput beside the sampler's own, memory; exit code 1 where an answer was wrong.") { clients, time, model, json, save };
load.SetAction(async parsed =>
{
    using var run = new LoadRun(Path.GetFullPath(parsed.GetValue(model)!));
    var result = await run.RunAsync(parsed.GetValue(clients), TimeSpan.FromSeconds(parsed.GetValue(time)), Console.Error.WriteLine);
    Console.Write(parsed.GetValue(json) ? Report.Json(result) : Report.Table(result));
    if (parsed.GetValue(save) is { } folder)
        Report.Save(folder, "load", result.Date, result, Report.Markdown(result));
    return result.IsSound ? 0 : 1;
});

var repeats = new Option<int>("--repeats") { Description = "Of how many the best counts.", DefaultValueFactory = _ => 30 };
repeats.Validators.Add(result => { if (result.GetValueOrDefault<int>() < 1) result.AddError("--repeats is 1 or more."); });
var operators = new Command("operators", "The operators of the networks one by one: number types and orders of memory.") { repeats, json, save };
operators.SetAction(parsed =>
{
    var result = Operators.Run(parsed.GetValue(repeats), Console.Error.WriteLine);
    Console.Write(parsed.GetValue(json) ? Report.Json(result) : Operators.Table(result));
    if (parsed.GetValue(save) is { } folder)
        Report.Save(folder, "operators", result.Date, result, Report.Markdown(result));
});

var served = new Argument<string>("model");
var loadChild = new Command(LoadRun.ChildCommand, "What load puts under load.") { served };
loadChild.Hidden = true;
loadChild.SetAction(parsed => LoadRun.ServeAsync(parsed.GetValue(served)!));

return await new RootCommand("Measurements of Mezzotint beside what it is compared with.") { compare, memory, memoryChild, load, loadChild, operators }.Parse(args).InvokeAsync();
