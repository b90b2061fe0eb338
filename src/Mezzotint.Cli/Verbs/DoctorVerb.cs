using System.CommandLine;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Mezzotint.Cli.Choices;
using Mezzotint.Cli.Output;
using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Runtime;
using TorchSharp;

namespace Mezzotint.Cli.Verbs;

/// <summary><c>mezzotint doctor</c>: what the program found on this machine, what is missing, why, and what to do about
/// it.</summary>
internal static class DoctorVerb
{
    /// <summary>The state of libtorch: where it is and its version, or why it does not load.</summary>
    private sealed record Torch(
        string? TorchSharp, string? Libtorch, string? Loaded, int? Threads, bool Cuda, string? CudaProblem, string? Problem);

    public static Command Create(Terminal terminal)
    {
        var json = Options.Json();
        var data = Options.Data();
        var command = new Command(
            "doctor",
            "Report versions, libtorch, the processor, data and models; for whatever is missing, why, and what to do. Exits with "
            + "1 if nothing can be trained or sampled.") { data, json };
        command.SetAction(result => Run(terminal, result.GetValue(data), result.GetValue(json)));
        return command;
    }

    private static int Run(Terminal terminal, string? data, bool json)
    {
        var torch = FindTorch();
        var search = DataSource.Find(DataSource.MnistName, data);
        var models = ModelSource.Known().Select(folder => (Folder: folder, Problem: ProblemOf(folder))).ToList();
        string? cacheProblem = CacheProblem();
        terminal.Result(json, new
        {
            Mezzotint = CommandLine.Version,
            Dotnet = Environment.Version.ToString(),
            torch.TorchSharp,
            torch.Libtorch,
            LibtorchFrom = torch.Loaded,
            LibtorchProblem = torch.Problem,
            System = RuntimeInformation.OSDescription,
            RuntimeInformation.RuntimeIdentifier,
            Machine.Processor,
            Capabilities = Machine.Capabilities.Where(capability => capability.There).Select(capability => capability.Name),
            ComputePrecision.Engine,
            Cores = Environment.ProcessorCount,
            LibtorchThreads = torch.Threads,
            MemoryGigabytes = Math.Round(Machine.Memory / 1e9, 1),
            torch.Cuda,
            torch.CudaProblem,
            Mnist = search.Folder,
            MnistSearched = search.Places,
            Models = models.Select(model => new { model.Folder, model.Problem }),
            ModelsSearched = ModelSource.Shelves(),
            Cache = CacheFolder.Path,
            CacheProblem = cacheProblem,
        }, Text(torch, search, models, cacheProblem));
        return torch.Problem is null ? CommandLine.Done : CommandLine.Failed;
    }

    private static string NoEngine => Environment.GetEnvironmentVariable("MEZZOTINT_ENGINE") == "off"
        ? "off by MEZZOTINT_ENGINE: libtorch computes networks"
        : "none here: libtorch computes networks (the engine takes AVX2 or AVX-512 and leave to make memory executable, or ARM's "
            + "vectors)";

    private static string Text(
        Torch torch, DataSearch search, List<(string Folder, string? Problem)> models, string? cacheProblem)
    {
        var text = new StringBuilder();
        void Line(string name, string value) => text.Append(CultureInfo.InvariantCulture, $"{name,-12}{value}\n");
        void Remedy(string? value) { if (value is not null) Line("", $"-> {value}"); }

        Line("mezzotint", CommandLine.Version);
        Line(".NET", $"{Environment.Version} ({RuntimeInformation.RuntimeIdentifier})");
        Line("TorchSharp", torch.TorchSharp ?? "not found");
        Line("libtorch", torch.Problem is null ? $"{torch.Libtorch}, from {torch.Loaded}" : "does not load");
        Remedy(torch.Problem);
        Line("system", RuntimeInformation.OSDescription);
        Line("processor", Machine.Processor);
        Line(
            "",
            string.Join(
                ", ", Machine.Capabilities.Select(capability => $"{capability.Name}: {(capability.There ? "yes" : "no")}")));
        Line("engine", ComputePrecision.Engine is { } engine ? $"own, for {engine}" : NoEngine);
        Line(
            "cores",
            Environment.ProcessorCount.ToString(CultureInfo.InvariantCulture)
                + (torch.Threads is { } threads ? $"; libtorch alone would use {threads} threads" : ""));
        Line("memory", string.Create(CultureInfo.InvariantCulture, $"{Machine.Memory / 1e9:F1} GB"));
        Line("CUDA", torch.Cuda ? "yes" : $"no: {torch.CudaProblem}");
        Line("MNIST", search.Folder ?? "not found");
        foreach (var place in search.Places.Where(place => place.Folder != search.Folder))
            Line("", $"{place.Folder}: {place.Finding}");
        if (search.Folder is null)
            Remedy(
                "`mezzotint data fetch mnist` downloads it; --data FOLDER or MEZZOTINT_DATA name a copy. `strokes` needs no "
                + "files.");
        Line(
            "models",
            models.Count == 0
                ? $"none in {string.Join(", ", ModelSource.Shelves())}"
                : string.Join(", ", models.Where(model => model.Problem is null).Select(model => model.Folder)));
        foreach (var (folder, problem) in models)
            Remedy(problem);
        if (models.Count == 0)
            Remedy(
                "`mezzotint train configs/tiny.toml` makes one in about a minute; every command takes the folder of a model or "
                + "of a run.");
        Line("cache", $"{CacheFolder.Path}{(cacheProblem is null ? ", can be written" : ", cannot be written")}");
        Remedy(cacheProblem);
        return text.ToString();
    }

    /// <summary>Whatever is wrong with libtorch is a finding here, never a crash.</summary>
    private static Torch FindTorch()
    {
        string? version = null;
        try
        {
            version = TorchSharpVersion();
            string loaded = Libtorch.Load();
            return Working(version, loaded);
        }
#pragma warning disable CA1031 // all kinds of failures to load are reported
        catch (Exception problem)
#pragma warning restore CA1031
        {
            string line = problem.Message.Trim().Split('\n')[0].Trim();
            return new Torch(
                version, null, null, null, false, "libtorch does not load",
                problem is MezzotintException ? line : $"{problem.GetType().Name}: {line}");
        }
    }

    // TorchSharp's types are in methods of their own, so that a failure to load them is raised inside the try above.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static string? TorchSharpVersion() => typeof(torch).Assembly.GetName().Version?.ToString(3);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Torch Working(string? version, string loaded)
    {
        using (var ones = torch.ones(2)) // a library that loads can still lack what its kernels need
            _ = ones.sum().item<float>();
        bool cuda = torch.cuda_is_available();
        return new Torch(
            version, string.Join('.', torch.__version__.Split('.').Take(3)), loaded, torch.get_num_threads(), cuda,
            cuda ? null : CudaProblem(), null);
    }

    private static string CudaProblem()
    {
        if (OperatingSystem.IsMacOS())
            return "there is none on this system";
        string library = OperatingSystem.IsWindows() ? "torch_cuda.dll" : "libtorch_cuda.so";
        string folder = Libtorch.Folder ?? AppContext.BaseDirectory;
        if (!File.Exists(Path.Combine(folder, library)))
            return "this build has the CPU's libtorch; build with -p:Cuda=true for the other";
        return NativeLibrary.TryLoad(OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1", out _)
            ? "the NVIDIA driver shows no usable GPU; see nvidia-smi"
            : "no NVIDIA driver is installed";
    }

    private static string? ProblemOf(string folder)
    {
        try
        {
            if (ModelFolder.Exists(folder))
                ModelFolder.ReadInfo(folder);
            return null;
        }
        catch (MezzotintException problem)
        {
            return problem.Message;
        }
    }

    private static string? CacheProblem()
    {
        try
        {
            AtomicFile.Probe(CacheFolder.Path);
            return null;
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            return $"{refused.Message} Set MEZZOTINT_CACHE to a folder that can be written.";
        }
    }
}
