using static Mezzotint.Sampling.LinearCombination;

namespace Mezzotint.Sampling.Methods;

/// <summary>Euler's and Heun's method with churn: Karras et al. 2022, arXiv 2206.00364, algorithms 1 and 2.</summary>
internal static class Edm
{
    public static Solver Euler(Churn churn)
    {
        churn.Validate();
        return new Solver
        {
            Name = "euler",
            Order = 1,
            Stochastic = churn.Amount > 0,
            Renoises = true,
            Evaluations = (steps, _) => steps,
            Options = SolverOptions.Of(churn),
            Source = "Karras et al. 2022, arXiv 2206.00364, algorithm 2 without its lines 7 to 9",
            Walk = input => churn.Walk(input, step =>
            {
                var (x, sigma) = churn.Raise(step);
                var here = step.EvaluateToRenoise(x, sigma);
                return (here.Renoised(step.To / sigma), here);
            }),
        };
    }

    public static Solver Heun(Churn churn)
    {
        churn.Validate();
        return new Solver
        {
            Name = "heun",
            Order = 2,
            Stochastic = churn.Amount > 0,
            Evaluations = (steps, toZero) => toZero ? 2 * steps - 1 : 2 * steps,
            Options = SolverOptions.Of(churn),
            Coordinates = LinearMultistep.Slopes,
            OwnCoordinate = SolverCoordinate.Sigma,
            Source = "Karras et al. 2022, arXiv 2206.00364, algorithm 2",
            Walk = input => churn.Walk(input, step =>
            {
                var here = churn.Evaluate(step);                                   // xHat, sigmaHat
                double h = step.To - here.Sigma;
                var d = here.Slope();
                var next = Sum((1, here.X), (h, d));                               // line 7: Euler
                if (step.To > 0)
                    next = Sum((1, here.X), (h / 2, d), (h / 2, step.Evaluate(next, step.To).Slope()));
                return (next, here);
            }),
        };
    }
}
