using Mezzotint.Runtime;
using static Mezzotint.Sampling.LinearCombination;
using static TorchSharp.torch;

namespace Mezzotint.Sampling.Methods;

/// <summary>
/// Dormand and Prince's embedded Runge-Kutta pair of orders 5 and 4 on dx/dsigma = (x - D) / sigma. Between two levels it takes
/// as many steps as the tolerances ask for, and lands on each level; a last level of 0 is reached by D from the one before.
/// </summary>
/// <remarks>
/// Dormand, Prince 1980, "A family of embedded Runge-Kutta formulae"; step control: Hairer, Norsett, Wanner 1993, Solving ODEs I,
/// II.4. A step is accepted when the image with the largest error would accept it: an image depends on its batch within the
/// tolerance.
/// </remarks>
internal static class DormandPrince
{
    private static readonly double[] C = [1 / 5.0, 3 / 10.0, 4 / 5.0, 8 / 9.0, 1, 1];

    /// <summary>The last row is the fifth-order result, so that its slope is the next step's first.</summary>
    private static readonly double[][] A =
    [
        [1 / 5.0],
        [3 / 40.0, 9 / 40.0],
        [44 / 45.0, -56 / 15.0, 32 / 9.0],
        [19372 / 6561.0, -25360 / 2187.0, 64448 / 6561.0, -212 / 729.0],
        [9017 / 3168.0, -355 / 33.0, 46732 / 5247.0, 49 / 176.0, -5103 / 18656.0],
        [35 / 384.0, 0, 500 / 1113.0, 125 / 192.0, -2187 / 6784.0, 11 / 84.0],
    ];

    /// <summary>Fifth order minus fourth.</summary>
    private static readonly double[] E = [71 / 57600.0, 0, -71 / 16695.0, 71 / 1920.0, -17253 / 339200.0, 22 / 525.0, -1 / 40.0];

    public static Solver Create(double relative, double absolute)
    {
        Check.Range("rtol", relative, double.IsFinite(relative) && relative > 0, "above 0");
        Check.Range("atol", absolute, double.IsFinite(absolute) && absolute > 0, "above 0");
        return new Solver
        {
            Name = "dopri5",
            Order = 5,
            Options = new() { Rtol = relative, Atol = absolute },
            Coordinates = LinearMultistep.Slopes,
            OwnCoordinate = SolverCoordinate.Sigma,
            Source = "Dormand, Prince 1980; Hairer, Norsett, Wanner 1993, II.4",
            Walk = input => SolverLoop.Walk(input, begin: () =>
            {
                double length = double.PositiveInfinity; // of the next step, carried from level to level
                return step =>
                {
                    var here = step.Evaluate();
                    return (step.To == 0 ? here.Denoised : Reach(step, here, ref length, relative, absolute), here);
                };
            }),
        };
    }

    private static Tensor Reach(SolverStep step, Evaluation here, ref double length, double relative, double absolute)
    {
        double sigma = here.Sigma, way = Math.Sign(step.To - sigma);
        var (x, slope) = (here.X, here.Slope());
        while (true)
        {
            double left = Math.Abs(step.To - sigma);
            bool last = length >= left * (1 - 1e-9);
            double h = way * (last ? left : length);
            var (next, nextSlope, error) = Attempt(step, x, slope, sigma, last ? step.To : sigma + h, h, relative, absolute);
            double factor = Math.Clamp(0.9 * Math.Pow(Math.Max(error, 1e-10), -0.2), 0.2, 5);
            if (!double.IsFinite(error) || error > 1 && Math.Abs(h) < 1e-13 * sigma)
                throw new MezzotintException(
                    $"dopri5 at sigma = {sigma:g6}: the denoiser gives no finite, continuous values there. Raise rtol and atol, "
                    + $"or take another sampler.");
            if (error > 1)
            {
                length = Math.Abs(h) * Math.Min(factor, 0.9);
                continue;
            }
            if (!last)
                length *= factor;
            else if (Math.Abs(h) * factor is var longer && (longer > length || double.IsInfinity(length)))
                length = longer;
            (x, slope, sigma) = (next, nextSlope, sigma + h);
            if (last)
                return x;
        }
    }

    /// <summary>One step of length h, and the largest error of an image over what is allowed.</summary>
    private static (Tensor Next, Tensor Slope, double Error) Attempt(
        SolverStep step, Tensor x, Tensor slope, double sigma, double end, double h, double relative, double absolute)
    {
        using var scope = NewDisposeScope();
        var k = new List<Tensor> { slope };
        var next = x;
        for (int stage = 0; stage < A.Length; stage++)
        {
            next = Sum([(1, x), .. A[stage].Select((a, j) => (h * a, k[j]))]);
            k.Add(step.Evaluate(next, C[stage] == 1 ? end : sigma + C[stage] * h).Slope());
        }
        var difference = Sum([.. E.Select((e, j) => (h * e, k[j]))]);
        using var floor = tensor(absolute, x.dtype, x.device);
        var allowed = floor.Plus(Sum((relative, x.abs().maximum(next.abs()))));
        var ratio = difference.div(allowed).flatten(1);
        // a NaN in one image is the maximum
        double error = ratio.mul(ratio).mean([1]).max().sqrt().to(ScalarType.Float64).item<double>();
        return (next.MoveToOuterDisposeScope(), k[^1].MoveToOuterDisposeScope(), error);
    }
}
