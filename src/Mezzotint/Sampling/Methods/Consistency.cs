using static Mezzotint.Sampling.LinearCombination;

namespace Mezzotint.Sampling.Methods;

/// <summary>
/// Multistep consistency sampling: x' = D(x, sigma) + sigma' z. It samples right with a model distilled to be consistent, whose D
/// is the end of the path from (x, sigma); an ordinary denoiser's average is too smooth for it.
/// </summary>
/// <remarks>Song et al. 2023, "Consistency Models", arXiv 2303.01469, algorithm 1; Luo et al. 2023, arXiv 2310.04378, algorithm
/// 3.</remarks>
internal static class Consistency
{
    public static Solver Lcm() => new()
    {
        Name = "lcm",
        Order = 1,
        Stochastic = true,
        Evaluations = (steps, _) => steps,
        Source = "Luo et al. 2023, arXiv 2310.04378, algorithm 3",
        Walk = input => SolverLoop.Walk(input, stochastic: true, repeats: true, step: step =>
        {
            var here = step.Evaluate();
            return (Sum((1, here.Denoised), step.Noise(step.To, step.From, step.To)), here);
        }),
    };
}
