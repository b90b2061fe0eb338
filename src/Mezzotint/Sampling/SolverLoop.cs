using static TorchSharp.torch;

namespace Mezzotint.Sampling;

/// <summary>
/// The loop that all solvers share: it checks the levels, frees the tensors, keeps the multistep history and counts the
/// evaluations. A solver adds the one step that is its own, a function of <see cref="SolverStep"/> alone.
/// </summary>
public static class SolverLoop
{
    /// <summary>Repeats a step from level to level.</summary>
    /// <param name="input">The start, the levels, the denoiser, the noise.</param>
    /// <param name="step">
    /// Gives x at the step's last level, and the evaluation to remember (of the path's point, from which multistep methods
    /// extrapolate). It runs inside a dispose scope: it frees nothing itself, and what it returns must be new or the step's own
    /// x.
    /// </param>
    /// <param name="memory">How many evaluations later steps want to see again.</param>
    /// <param name="stochastic">Whether the step draws noise; then the levels must go down.</param>
    /// <param name="repeats">
    /// Whether the step does something from a level to the same one, as those do that put noise in and take it out. If not, such
    /// steps change nothing and ask nothing: the solver walks over the levels that differ.
    /// </param>
    /// <returns>The steps, computed as they are asked for. Their tensors live until the next one is.</returns>
    /// <exception cref="ArgumentException">Fewer than two levels; levels that are not finite, not monotone, negative, zero before
    /// the end, or going up in a stochastic walk; no noise for a stochastic one.</exception>
    public static IEnumerable<SamplingStep> Walk(
        SolverInput input, Func<SolverStep, (Tensor Next, Evaluation Here)> step, int memory = 0, bool stochastic = false,
        bool repeats = false)
    {
        ArgumentNullException.ThrowIfNull(step);
        return Walk(input, () => step, memory, stochastic, repeats);
    }

    /// <summary>The same for a step that carries numbers of its own from one step to the next: <paramref name="begin"/> makes a
    /// fresh one for each walk.</summary>
    internal static IEnumerable<SamplingStep> Walk(
        SolverInput input, Func<Func<SolverStep, (Tensor Next, Evaluation Here)>> begin, int memory = 0, bool stochastic = false,
        bool repeats = false)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentOutOfRangeException.ThrowIfNegative(memory);
        Check(input.Levels, stochastic);
        if (stochastic && input.Noise is null)
            throw new ArgumentException("This solver draws noise: the input has none.", nameof(input));
        double[] levels = input.Levels;
        int[] taken = [.. Enumerable.Range(0, levels.Length - 1).Where(i => repeats || !IsRepeat(levels[i], levels[i + 1]))];
        return taken.Length > 0 ? Steps(input, begin, memory, taken) : Standing(input);
    }

    /// <summary>Whether a step has no length: its levels are one, or so near that the logarithm of their ratio is 0.</summary>
    internal static bool IsRepeat(double from, double to) => from / to == 1;

    /// <summary>The steps that are taken, and those of no length between them.</summary>
    private static IEnumerable<SamplingStep> Steps(
        SolverInput input, Func<Func<SolverStep, (Tensor Next, Evaluation Here)>> begin, int memory, int[] taken)
    {
        double[] levels = input.Levels;
        var walked = input with { Levels = [.. taken.Select(i => levels[i]), levels[^1]] };
        var step = begin();
        var x = input.X.clone().DetachFromDisposeScope();
        var past = new List<Evaluation>();
        Tensor? from = null;
        int evaluations = 0, index = 0;
        try
        {
            for (int i = 0; i < taken.Length; i++)
            {
                var state = new SolverStep(walked, i, x, past);
                var (next, here) = Take(step, state);
                evaluations += state.Evaluations;

                from = x; // it is shown, too
                x = next;
                past.Insert(0, here); // the newest stays at least until the next step: its estimate is shown
                Forget(past, Math.Max(memory, 1));
                SamplingStep At(Tensor reached) =>
                    new(index, levels[index], reached, here.Denoised) { Evaluations = evaluations, From = from };
                for (; index < taken[i]; index++)
                    yield return At(from);
                yield return At(x);
                for (index++; i == taken.Length - 1 && index < levels.Length - 1; index++)
                    yield return At(x) with { From = x };
                if (!ReferenceEquals(here.X, from))
                    from.Dispose();
                Forget(past, memory);
            }
        }
        finally
        {
            x.Dispose();
            from?.Dispose();
            Forget(past, 0);
        }
    }

    /// <summary>A walk over one level, again and again: the start, and what the denoiser says of it.</summary>
    private static IEnumerable<SamplingStep> Standing(SolverInput input)
    {
        using var x = input.X.clone().DetachFromDisposeScope();
        using var denoised = Estimated(input);
        for (int i = 0; i < input.Levels.Length - 1; i++)
            yield return new SamplingStep(i, input.Levels[i], x, denoised) { Evaluations = 1, From = x };
    }

    private static Tensor Estimated(SolverInput input)
    {
        using var scope = NewDisposeScope();
        return input.Denoiser.Estimate(input.X, input.Levels[0]).Denoised.clone().DetachFromDisposeScope();
    }

    private static (Tensor Next, Evaluation Here) Take(Func<SolverStep, (Tensor Next, Evaluation Here)> step, SolverStep state)
    {
        using var scope = NewDisposeScope();
        var (next, here) = step(state);
        if (ReferenceEquals(next, here.Denoised) || ReferenceEquals(next, here.X) || ReferenceEquals(next, state.X))
            next = next.clone();
        here.X.DetachFromDisposeScope();
        here.Denoised.DetachFromDisposeScope();
        return (next.DetachFromDisposeScope(), here);
    }

    private static void Forget(List<Evaluation> past, int keep)
    {
        for (; past.Count > keep; past.RemoveAt(past.Count - 1))
        {
            past[^1].X.Dispose();
            past[^1].Denoised.Dispose();
        }
    }

    internal static void Check(double[] levels, bool stochastic)
    {
        if (levels.Length < 2)
            throw new ArgumentException($"{levels.Length} levels: a walk of n steps needs n + 1, at least 2.", nameof(levels));
        double next = levels.SkipWhile(level => level == levels[0]).FirstOrDefault(levels[0]);
        bool down = next <= levels[0];
        if (stochastic && !down)
            throw new ArgumentException(
                $"Levels from {levels[0]} to {next}: a solver that draws noise walks down only.", nameof(levels));
        for (int i = 0; i < levels.Length; i++)
        {
            if (!double.IsFinite(levels[i]) || levels[i] < 0 || levels[i] == 0 && i < levels.Length - 1)
                throw new ArgumentException(
                    $"Level {i} is {levels[i]}: levels are finite and above 0; only the last may be 0.", nameof(levels));
            if (i > 0 && levels[i] != levels[i - 1] && levels[i] < levels[i - 1] != down)
                throw new ArgumentException(
                    $"Levels {i - 1} and {i} are {levels[i - 1]} and {levels[i]}: levels go one way.", nameof(levels));
        }
    }
}
