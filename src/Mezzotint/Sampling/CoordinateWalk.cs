using static Mezzotint.Sampling.LinearCombination;
using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>A solver's walk in another coordinate: its levels, state and estimates are changed on the way in, and back on the
/// way out.</summary>
internal static class CoordinateWalk
{
    /// <summary>The steps of a deterministic solver in a frame, as a walk over the levels of the input.</summary>
    /// <param name="solver">The solver in its own coordinate.</param>
    /// <param name="frameOf">The frame for the least level above 0.</param>
    /// <param name="input">In variance-exploding coordinates.</param>
    public static IEnumerable<SamplingStep> Of(Solver solver, Func<double, CoordinateFrame> frameOf, SolverInput input)
    {
        ArgumentNullException.ThrowIfNull(input);
        SolverLoop.Check(input.Levels, stochastic: false);
        var frame = frameOf(input.Levels.Where(level => level > 0).Min());
        bool endsByEstimate = input.Levels[^1] == 0 && !frame.ReachesZero;
        double[] walked = endsByEstimate ? input.Levels[..^1] : input.Levels;
        return Steps(solver, frame, input, walked, endsByEstimate);
    }

    private static IEnumerable<SamplingStep> Steps(
        Solver solver, CoordinateFrame frame, SolverInput input, double[] walked, bool endsByEstimate)
    {
        double[] levels = [.. walked.Select(frame.Tau)];
        using var denoiser = new FrameDenoiser(input.Denoiser, frame, levels, walked);
        var x = input.X.clone().DetachFromDisposeScope();
        var estimate = x;
        int evaluations = 0;
        try
        {
            if (walked.Length > 1)
            {
                using var y = Scaled(x, frame.Scale(walked[0]));
                foreach (var step in solver.Walk(input with { Denoiser = denoiser, Levels = levels, X = y }))
                {
                    x.Dispose();
                    x = Scaled(step.X, 1 / frame.Scale(walked[step.Index + 1]));
                    evaluations = step.Evaluations;
                    yield return new(step.Index, walked[step.Index], x, denoiser.First!) { Evaluations = evaluations };
                    denoiser.Show();
                }
            }
            if (!endsByEstimate)
                yield break;
            estimate = input.Denoiser.Denoise(x, walked[^1]).DetachFromDisposeScope();
            yield return new(walked.Length - 1, walked[^1], estimate, estimate) { Evaluations = evaluations + 1 };
        }
        finally
        {
            x.Dispose();
            estimate.Dispose();
        }
    }

    private static Tensor Scaled(Tensor x, double by) => Sum((by, x)).DetachFromDisposeScope();

    /// <summary>E in the frame; and D of the first time that a step asks, which is the estimate that it shows.</summary>
    private sealed class FrameDenoiser(IDenoiser inner, CoordinateFrame frame, double[] levels, double[] walked)
        : IDenoiser, IDisposable
    {
        // The levels of the walk are asked for as they are, to the last bit: an interval of guidance may end at one.
        private readonly Dictionary<double, double> _sigmas = levels.Zip(walked).DistinctBy(pair => pair.First)
            .ToDictionary(pair => pair.First, pair => pair.Second);

        private bool _shown;

        public Tensor? First { get; private set; }

        public Tensor Denoise(Tensor x, double sigma)
        {
            double level = _sigmas.TryGetValue(sigma, out double own) ? own : frame.Sigma(sigma);
            using var scope = NewDisposeScope();
            var denoised = inner.Denoise(Sum((1 / frame.Scale(level), x)), level);
            if (First is null || _shown)
            {
                First?.Dispose();
                First = denoised.clone().DetachFromDisposeScope();
                _shown = false;
            }
            var (ofState, ofDenoised) = frame.Estimate(sigma, level);
            return Sum((ofDenoised, denoised), (ofState, x)).MoveToOuterDisposeScope();
        }

        /// <summary>The estimate was shown: the next one takes its place. A step of no length shows it again.</summary>
        public void Show() => _shown = true;

        public void Dispose() => First?.Dispose();
    }
}
