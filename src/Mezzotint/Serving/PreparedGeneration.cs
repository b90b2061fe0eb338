using Mezzotint.Sampling;

namespace Mezzotint.Serving;

/// <summary>A request that was found to be sound, and can be drawn.</summary>
public sealed class PreparedGeneration
{
    private readonly PipelineWalks _walks;
    private readonly GenerationPlan _plan;
    private readonly Lazy<long> _evaluations; // counting them may take a walk over all levels

    internal PreparedGeneration(PipelineWalks walks, GenerationPlan plan, ImageReceipt receipt) =>
        (_walks, _plan, Receipt, _evaluations) =
            (walks, plan, receipt, new(() => walks.ImagesHere(plan) * walks.EvaluationsOf(plan)));

    /// <summary>How it will be drawn: labels, seed, sampler, steps.</summary>
    public ImageReceipt Receipt { get; }

    /// <summary>The guidance, as "cfg 2, levels 0.2 to 5"; null for none.</summary>
    public Guidance? Guidance => _plan.Request.Guidance;

    /// <summary>How many images it makes.</summary>
    public int Images => _plan.Labels.Count;

    /// <summary>Steps that are walked for each: fewer than asked for where drawing begins from a picture.</summary>
    public int Steps => _plan.Steps;

    /// <summary>Network evaluations that it takes in this process in all; an estimate where the solver chooses its own
    /// steps.</summary>
    public long Evaluations => _evaluations.Value;

    /// <summary>Draws.</summary>
    /// <param name="seen">Is given each image after each step, by the threads that draw; null where nobody watches. It must be
    /// quick: other images wait for it.</param>
    /// <param name="wanted">Which steps are shown, by number and of how many; all where null. The last one always is.</param>
    /// <param name="progress">Is given the evaluations so far after each step of each walk, by the threads that draw.</param>
    /// <param name="noisy">Whether <see cref="GenerationStep.Noisy"/> is wanted.</param>
    /// <param name="cancellation">Stops after the step that is under way.</param>
    public Task<GeneratedImages> RunAsync(
        Action<GenerationStep>? seen = null, Func<int, int, bool>? wanted = null, IProgress<SamplingProgress>? progress = null,
        bool noisy = false, CancellationToken cancellation = default) =>
        MezzotintTelemetry.ObservedAsync(_walks.Name, this, async () =>
        {
            var watch = new GenerationWatch(seen, wanted ?? ((_, _) => true), progress, progress is null ? 0 : Evaluations)
                { Noisy = noisy };
            return new(await _walks.RunAsync(_plan, watch, cancellation).ConfigureAwait(false), Receipt);
        });

    /// <summary>Asks the model once, without drawing: adds the noise of each image's seed to the picture that drawing would
    /// begin from, and estimates the picture from that.</summary>
    /// <param name="level">The standard deviation of the noise in the numbers that the network knows: one of the levels of the
    /// model's process.</param>
    /// <param name="cancellation">Gives it up.</param>
    /// <exception cref="InvalidRequestException">The level is out of its range, there is no picture, or it has a
    /// mask.</exception>
    /// <exception cref="OperationCanceledException">It was given up.</exception>
    public Task<NoisyEstimates> EstimateAsync(double level, CancellationToken cancellation = default) =>
        _walks.EstimateAsync(_plan, level, cancellation);

    /// <summary>Checks what <see cref="EstimateAsync"/> would be asked, and does nothing yet.</summary>
    /// <param name="level">The level.</param>
    /// <exception cref="InvalidRequestException">As of <see cref="EstimateAsync"/>.</exception>
    public void CheckEstimate(double level) => NoisyWalk.Check(_plan, level);

    /// <summary>Asks the model once in the same way, and tells what it attends to: how much each place of its maps looks at each
    /// token. It asks for what is wanted alone, without guidance, and libtorch computes it in float32 on one thread, one at
    /// a time.</summary>
    /// <param name="level">As of <see cref="EstimateAsync"/>.</param>
    /// <param name="cancellation">Gives it up after the layer that is under way.</param>
    /// <exception cref="InvalidRequestException">As of <see cref="EstimateAsync"/>; or there is more than one image, or the
    /// network has no attention to what is asked for; or its maps do not fit into memory.</exception>
    /// <exception cref="OperationCanceledException">It was given up.</exception>
    public Task<AttentionMaps> AttendAsync(double level, CancellationToken cancellation = default) =>
        _walks.AttendAsync(_plan, level, cancellation);

    /// <summary>Checks what <see cref="AttendAsync"/> would be asked, and does nothing yet.</summary>
    /// <param name="level">The level.</param>
    /// <param name="layer">A layer whose maps are wanted, by its <see cref="Networks.AttentionLayer.Name"/>; null for
    /// any.</param>
    /// <exception cref="InvalidRequestException">As of <see cref="AttendAsync"/>; or there is no such layer.</exception>
    public void CheckAttention(double level, string? layer = null) => _walks.CheckAttention(_plan, level, layer);
}
