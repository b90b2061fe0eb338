using static Mezzotint.Sampling.LinearCombination;

namespace Mezzotint.Sampling.Methods;

/// <summary>
/// DDPM, DDIM and Euler's method with or without fresh noise: in these coordinates they are one formula,
/// x' = D + (sigma_down / sigma) (x - D) + sigma_up z, sigma_down^2 + sigma_up^2 = sigma'^2.
/// </summary>
internal static class Ancestral
{
    public static Solver Create(string name, double eta, bool takesEta, string source)
    {
        Check.Range("eta", eta, eta is >= 0 and <= 1, "0 to 1");
        return new Solver
        {
            Name = name,
            Order = 1,
            Stochastic = eta > 0,
            FollowsPath = eta > 0,
            Renoises = true,
            Evaluations = (steps, _) => steps,
            Options = takesEta ? new() { Eta = eta } : new(),
            Source = source,
            Walk = input => SolverLoop.Walk(input, stochastic: eta > 0, step: step =>
            {
                var here = step.EvaluateToRenoise(step.X, step.From);
                var (down, up) = Split(step.From, step.To, eta);
                return (Sum((1, here.Renoised(down / step.From)), step.Noise(up, step.From, step.To)), here);
            }),
        };
    }

    /// <summary>
    /// How much of the level's noise is kept from x and how much is drawn: sigma_up = eta sigma' sqrt(1 - sigma'^2 / sigma^2).
    /// DDIM's equation 16 divided by alpha; for eta = 1 it is the standard deviation of DDPM's posterior (equation 7 there).
    /// </summary>
    public static (double Down, double Up) Split(double from, double to, double eta)
    {
        if (eta == 0)
            return (to, 0);
        double ratio = to / from;
        double up = eta * to * Math.Sqrt((1 - ratio) * (1 + ratio));
        return (Math.Sqrt((to - up) * (to + up)), up);
    }
}
