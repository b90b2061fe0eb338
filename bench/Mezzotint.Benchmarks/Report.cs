using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Mezzotint.Benchmarks;

/// <summary>Results as people and programs read them: a table, a Markdown page that can be checked in, and JSON.</summary>
internal static class Report
{
    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static string Json<T>(T result) => JsonSerializer.Serialize(result, Options) + "\n";

    /// <summary>Writes <c>DATE-NAME.md</c> and <c>DATE-NAME.json</c>.</summary>
    public static void Save<T>(string folder, string name, DateTime date, T result, string markdown)
    {
        Directory.CreateDirectory(folder);
        string path = Path.Combine(folder, Invariant($"{date:yyyy-MM-dd}-{name}"));
        File.WriteAllText(path + ".md", markdown);
        File.WriteAllText(path + ".json", Json(result));
    }

    public static string Markdown(ComparisonResult result)
    {
        var page = new StringBuilder();
        page.Append(Invariant($"# Comparison with the straight port, {result.Date:yyyy-MM-dd}\n\n"));
        page.Append(Table(result));
        page.Append(Invariant(
            $"\n{result.Rounds} rounds, interleaved in one process, each at least {result.SecondsEach:0.#} s; the seed's "));
        page.Append(Invariant(
            $"preset (`[model]` of `configs/seed.toml`), batch {result.BatchSize}; where no precision is told it is float32. "));
        page.Append("Rates are medians over the rounds, ratios the medians of each round's own ratio. ");
        page.Append("The limit of a row is what the matrix product of the same precision does in the same round, ");
        page.Append("for 0.18 GFLOP an evaluation and 0.54 a training image. The networks in float32, with the same weights, ");
        page.Append(Invariant($"differ by {result.NetworksDiffer:0.0E-0} of the largest output; {result.Precision} changes "));
        page.Append(Invariant($"the output by {result.RoundingDiffers:0.0E-0} of its size (root mean square).\n\n"));
        page.Append(Quietness(result)).Append('\n');
        bool python = result.Measurements.Any(row => row.Name.StartsWith("pytorch", StringComparison.Ordinal));
        string options = python ? " --pytorch python3" : "";
        page.Append(Command(Invariant(
            $"compare --rounds {result.Rounds} --seconds {result.SecondsEach:0.###}{options} --save bench/results")));
        return page.Append(Description(result.Machine)).ToString();
    }

    public static string Markdown(MemoryResult result)
    {
        var page = new StringBuilder();
        page.Append(Invariant($"# Peak memory of training, {result.Date:yyyy-MM-dd}\n\n{Verdict(result)}\n\n"));
        page.Append("| after | resident, MB | peak so far, MB |\n| --- | ---: | ---: |\n");
        foreach (var phase in result.Phases)
            page.Append(Invariant($"| {phase.Phase} | {phase.ResidentMegabytes:F0} | {phase.PeakMegabytes:F0} |\n"));
        page.Append(
            "\nThe seed's preset at batch 64 on 60,000 training and 10,000 test images of 28 x 28, in a process of its own; 1 MB "
            + "is 10^6 bytes.\n\n");
        page.Append(Command(Invariant($"memory --steps {result.Steps} --save bench/results")));
        return page.Append(Description(result.Machine)).ToString();
    }

    public static string Markdown(OperatorsResult result)
    {
        var page = new StringBuilder();
        page.Append(Invariant($"# Operator by operator, {result.Date:yyyy-MM-dd}\n\n"));
        page.Append(Operators.Table(result));
        page.Append(Invariant($"\nOne thread, 32 images, the best of {result.Repeats}.\n\n"));
        page.Append(Command(Invariant($"operators --repeats {result.Repeats} --save bench/results")));
        return page.Append(Description(result.Machine)).ToString();
    }

    public static string Markdown(LoadResult result)
    {
        var page = new StringBuilder();
        page.Append(Invariant($"# The server under load, {result.Date:yyyy-MM-dd}\n\n"));
        page.Append(Table(result));
        page.Append(Invariant(
            $"\nThe model `{result.Model}`; each client asks over and over for 1 to 4 digits by euler (20 steps), heun (10) or ")
            + "dpmpp-2m-sde (20), a third as streams, and compares every pixel of the answer with the image drawn alone from "
            + "its seed. ");
        page.Append(
            "Clients and server share the machine. Alone: the same kinds of image by the pipeline in a process of its own, the "
            + "mean of before and after. 1 MB is 10^6 bytes.\n\n");
        page.Append(Command(Invariant(
            $"load --clients {result.Clients} --time {result.AskedSeconds:F0} --model models/{result.Model} --save ")
            + Invariant($"bench/results")));
        return page.Append(Description(result.Machine)).ToString();
    }

    public static string Markdown(SizingResult result)
    {
        var page = new StringBuilder();
        page.Append(Invariant($"# Servers and cores, {result.Date:yyyy-MM-dd}\n\n{result.Table()}\n"));
        page.Append(Invariant(
            $"The model `{result.Model}`, {result.Clients} clients for {result.AskedSeconds:F0} s each way, as "));
        page.Append("`load` has them: they check every pixel. All ways go through a balancer (a reverse proxy that asks the ");
        page.Append("servers in turn). Clients, balancer and servers share the machine's cores, so the rate of a core is over ");
        page.Append("the processor's time of the servers alone. 1 MB is 10^6 bytes.\n\n");
        page.Append(Command(Invariant($"sizing --clients {result.Clients} --time {result.AskedSeconds:F0} ")
            + Invariant($"--model models/{result.Model} --save bench/results")));
        return page.Append(Description(result.Machine)).ToString();
    }

    public static string Markdown(FiguresResult result)
    {
        var page = new StringBuilder();
        page.Append(Invariant($"# {result.Title}, {result.Date:yyyy-MM-dd}\n\n{result.Table()}\n{result.Explanation}\n\n"));
        if (result.CoresTakenByOthers is { } others)
            page.Append(Invariant($"Other processes took {others:F2} of the machine's cores meanwhile.\n\n"));
        page.Append(Command(result.Command));
        return page.Append(Description(result.Machine)).ToString();
    }

    public static string Table(LoadResult result)
    {
        var table = new StringBuilder("| what | |\n| --- | ---: |\n");
        void Row(string what, FormattableString value) => table.Append(Invariant($"| {what} | {Invariant(value)} |\n"));
        Row("clients, seconds", $"{result.Clients}, {result.Seconds:F0}");
        Row("requests, images", $"{result.Requests}, {result.Images}");
        Row("refused with 429", $"{result.TooMany}");
        Row("other errors", $"{result.OtherErrors}");
        Row("images that are not those of their seed", $"{result.WrongImages}");
        Row("latency, median and 99 %, s", $"{result.MedianLatency:F2}, {result.P99Latency:F2}");
        Row("network evaluations/s, under load", $"{result.Rate:F0}");
        Row("network evaluations/s, alone", $"{result.RateAlone:F0}");
        Row("ratio", $"{result.Ratio:F2} x");
        ServerMemory first = result.Memory[0], middle = result.Memory[result.Memory.Count / 2], last = result.Memory[^1];
        Row("resident memory at the start, in the middle, at the end, highest, MB",
            $"{first.Resident:F0}, {middle.Resident:F0}, {last.Resident:F0}, {result.PeakMegabytes:F0}");
        Row(
            "of it .NET's heap at the start, in the middle, at the end, MB",
            $"{first.Heap:F0}, {middle.Heap:F0}, {last.Heap:F0}");
        Row("of that in use, MB", $"{first.Live:F0}, {middle.Live:F0}, {last.Live:F0}");
        return table.ToString();
    }

    public static string Table(ComparisonResult result)
    {
        var table = new StringBuilder("| what | rate | lowest - highest | ratio | share of its precision's limit |\n");
        table.Append("| --- | ---: | ---: | ---: | ---: |\n");
        foreach (var row in result.Measurements)
        {
            string ratio = row.Ratio is { } times ? Invariant($"{times:F2} x")
                : row.Name.StartsWith("port_", StringComparison.Ordinal) ? "1" : "";
            string share = row.LimitShare is { } part ? Invariant($"{part:F2}") : "";
            table.Append(Invariant($"| {row.Title} | {row.Median:F0} {row.Unit} | {row.Lowest:F0} - {row.Highest:F0} | "));
            table.Append(Invariant($"{ratio} | {share} |\n"));
        }
        return table.ToString();
    }

    public static string Quietness(ComparisonResult result) => result switch
    {
        { CoresTakenByOthers: null } => "This system does not tell whether other processes took time meanwhile.\n",
        { WasQuiet: true } =>
            Invariant($"The machine was quiet: other processes took {result.CoresTakenByOthers:F2} of its cores meanwhile.\n"),
        _ =>
            Invariant(
                $"**Not to be published: other processes took {result.CoresTakenByOthers:F2} cores meanwhile** (quiet is ")
                + Invariant($"{OtherLoad.Quiet} at most). The straight port's OpenMP threads wait by spinning and collapse ")
                + "then, so the ratios flatter this project.\n",
    };

    public static string Verdict(MemoryResult result) =>
        Invariant(
            $"Peak {result.PeakMegabytes:F0} MB, {(result.IsWithin ? "within" : "ABOVE")} the limit of ")
            + Invariant($"{result.LimitMegabytes:F0} MB.");

    private static string Command(string arguments) =>
        $"```\ndotnet run -c Release --project bench/Mezzotint.Benchmarks -- {arguments}\n```\n";

    private static string Description(Machine machine)
    {
        var text = new StringBuilder("\n## Machine\n\n");
        text.Append(Invariant(
            $"- {machine.Processor}, {machine.Cores} cores{(machine.Virtual ? ", virtual machine" : "")}, ")
            + Invariant($"{machine.MemoryGigabytes:F1} GB of memory\n"));
        if (machine.VectorFlags.Count > 0)
            text.Append(Invariant($"- vector instructions: {string.Join(' ', machine.VectorFlags)}\n"));
        text.Append(Invariant($"- {machine.OperatingSystem}, kernel {machine.Kernel}\n"));
        text.Append(Invariant(
            $"- {machine.Dotnet}, libtorch {machine.Libtorch}, TorchSharp {machine.Torchsharp}, Mezzotint {machine.Version}\n"));
        string environment = machine.Environment.Count == 0 ? "nothing set that matters"
            : string.Join(", ", machine.Environment.Select(variable => $"{variable.Key}={variable.Value}"));
        text.Append(Invariant($"- environment: {environment}\n"));
        return text.ToString();
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
