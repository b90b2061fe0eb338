using Mezzotint.Models;
using Mezzotint.Serving;

namespace Mezzotint.AspNetCore;

/// <summary>A model that requests can ask for, loaded or not.</summary>
internal sealed class ServedModel
{
    /// <summary>The folder of an evaluation's report, in that of its model or run.</summary>
    public const string ReportName = "report";

    private readonly Func<DiffusionPipeline>? _load;

    /// <summary>A pipeline of the caller's, which is always there.</summary>
    public ServedModel(DiffusionPipeline pipeline)
    {
        (Name, Info, Hash) = (pipeline.Name, pipeline.Model, pipeline.ModelHash);
        (Device, Threads) = (pipeline.Device, pipeline.Threads);
        (Pipeline, Loaded) = (Task.FromResult(pipeline), pipeline);
    }

    /// <summary>A model of a folder, of which the description alone is read.</summary>
    /// <exception cref="MezzotintException">The folder is no model.</exception>
    public ServedModel(string name, ModelOptions options)
    {
        (Name, Info, Hash) = (name, ModelPath.ReadInfo(options.Folder), ModelPath.Hash(options.Folder));
        (Device, Threads) = (options.Device, options.Threads > 0 ? options.Threads : Environment.ProcessorCount);
        Bytes = DiffusionPipeline.EstimateBytes(Info, options.Threads, options.Precision);
        _load = () => DiffusionPipeline.Load(options.Folder, options.Threads, name, options.Device, options.Precision);
        Folder = options.Folder;
        ReportFolder = Path.Combine(options.Folder, ReportName);
    }

    /// <summary>A model that is put together when it is loaded.</summary>
    public ServedModel(string name, ModelInfo info, Func<DiffusionPipeline> load)
    {
        (Name, Info, Device, Threads) = (name, info, "cpu", Environment.ProcessorCount);
        Bytes = DiffusionPipeline.EstimateBytes(Info);
        _load = load;
    }

    public string Name { get; }

    /// <summary>Whether it is of the runs folder: few of these are loaded at once.</summary>
    public bool IsOfRun { get; init; }

    /// <summary>What an evaluation is told to take it from; null where it is of no folder.</summary>
    public string? Folder { get; init; }

    /// <summary>Where the report of its evaluation lies, if there is one; null where it is of no folder.</summary>
    public string? ReportFolder { get; init; }

    public ModelInfo Info { get; }

    public string? Hash { get; }

    public string Device { get; }

    public int Threads { get; }

    /// <summary>Memory that it takes where it is loaded: an estimate.</summary>
    public double Bytes { get; }

    /// <summary>Whether it can be loaded again, and so make room.</summary>
    public bool CanGo => _load is not null;

    /// <summary>Being loaded, or loaded; null where it is not. The owner's lock guards this and what follows.</summary>
    public Task<DiffusionPipeline>? Pipeline { get; set; }

    /// <summary>The same once it is loaded; null before.</summary>
    public DiffusionPipeline? Loaded { get; set; }

    /// <summary>Requests that draw with it.</summary>
    public int Leases { get; set; }

    /// <summary>When it was last asked for, by a count of all requests.</summary>
    public long LastUse { get; set; }

    /// <summary>Whether it takes no new request, because it makes room once the others are done.</summary>
    public bool IsLeaving { get; set; }

    /// <summary>Loads it.</summary>
    /// <exception cref="MezzotintException">It cannot be.</exception>
    public DiffusionPipeline Load()
    {
        var pipeline = _load!();
        try
        {
            pipeline.CheckFullLoad();
            return pipeline;
        }
        catch
        {
            pipeline.Dispose();
            throw;
        }
    }
}
