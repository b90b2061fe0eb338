using Mezzotint.Noise;

namespace Mezzotint.Sampling;

/// <summary>
/// A coordinate as a change of variables, from (sigma, xHat) to (tau, y = a xHat). A solver that steps by its slope dy/dtau = (y
/// - E) / tau works there as it does in sigma, with the estimate E = p y + q D.
/// </summary>
internal sealed record CoordinateFrame
{
    /// <summary>tau of sigma: above 0 where sigma is, and growing with it.</summary>
    public required Func<double, double> Tau { get; init; }

    /// <summary>The inverse.</summary>
    public required Func<double, double> Sigma { get; init; }

    /// <summary>a of sigma.</summary>
    public required Func<double, double> Scale { get; init; }

    /// <summary>p and q of tau and sigma.</summary>
    public required Func<double, double, (double Own, double Denoised)> Estimate { get; init; }

    /// <summary>Whether tau is 0 where sigma is, and E is D there. If not, a last step to 0 is to D.</summary>
    public bool ReachesZero { get; init; }

    /// <summary>tau = sigma / (1 + sigma) and a = 1 - tau. Then dy/dtau is the velocity of flow matching, (xHat - D) / sigma - D,
    /// and E is D.</summary>
    public static CoordinateFrame Flow { get; } = new()
    {
        Tau = sigma => sigma / (1 + sigma),
        Sigma = t => t / (1 - t),
        Scale = sigma => 1 / (1 + sigma),
        Estimate = (_, _) => (0, 1),
        ReachesZero = true,
    };

    /// <summary>tau = 1 + ln(sigma / least), which is above 0, and a = 1. The slope is xHat - D; no slope knows of the
    /// constant.</summary>
    /// <param name="least">The least level of the walk above 0.</param>
    public static CoordinateFrame Log(double least) => new()
    {
        Tau = sigma => 1 + Math.Log(sigma / least),
        Sigma = tau => least * Math.Exp(tau - 1),
        Scale = _ => 1,
        Estimate = (tau, _) => (1 - tau, tau),
    };

    /// <summary>tau = t and a = alpha: the probability flow of the process, dx/dt = f x + c (xHat - D) / sigma with c = alpha
    /// d sigma / dt = g^2 / (2 alpha sigma).</summary>
    public static CoordinateFrame Time(NoiseProcess process) => new()
    {
        Tau = process.Time,
        Sigma = process.Level,
        Scale = sigma => process.Alpha(process.Time(sigma)),
        Estimate = (t, sigma) =>
        {
            double alpha = process.Alpha(t), g = process.Diffusion(t), c = g * g / (2 * alpha * sigma);
            return (1 - t * (process.Drift(t) + c / (alpha * sigma)), t * c / sigma);
        },
    };
}
