using Mezzotint.Sampling;

namespace Mezzotint.Serving;

/// <summary>A request that was found to be sound, and can be drawn.</summary>
public sealed class PreparedGeneration
{
    private readonly DiffusionPipeline _pipeline;
    private readonly SamplingRequest _request;
    private readonly Lazy<long> _evaluations; // counting them may take a walk over all levels

    internal PreparedGeneration(DiffusionPipeline pipeline, SamplingRequest request, ImageReceipt receipt) =>
        (_pipeline, _request, Receipt, _evaluations) = (
            pipeline, request, receipt, new(() => request.Labels.Count * pipeline.EvaluationsOf(request)));

    /// <summary>How it will be drawn: labels, seed, sampler, steps.</summary>
    public ImageReceipt Receipt { get; }

    /// <summary>How many images it makes.</summary>
    public int Images => _request.Labels.Count;

    /// <summary>Steps that are walked for each: fewer than asked for where drawing begins from a picture.</summary>
    public int Steps => Sampler.StepsOf(_request);

    /// <summary>Network evaluations that it takes in all; an estimate where the solver chooses its own steps.</summary>
    public long Evaluations => _evaluations.Value;

    /// <summary>Draws.</summary>
    /// <param name="seen">Told each image after each step, from the threads that draw; null where nobody watches. It must be quick: other images wait for it.</param>
    /// <param name="wanted">Which steps are shown, by number and of how many; all where null. The last one always is.</param>
    /// <param name="cancellation">Stops after the step that is under way.</param>
    public async Task<GeneratedImages> RunAsync(Action<GenerationStep>? seen = null, Func<int, int, bool>? wanted = null, CancellationToken cancellation = default) =>
        new(await _pipeline.RunAsync(_request, seen, wanted ?? ((_, _) => true), cancellation).ConfigureAwait(false), Receipt);
}
