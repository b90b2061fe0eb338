namespace Mezzotint.Sampling;

/// <summary>
/// The variable in which a solver's steps count as even, and in which what it extrapolates counts as a polynomial. It changes no
/// levels and no order, but the error: where levels start at thousands, by a factor of hundreds.
/// </summary>
public enum SolverCoordinate
{
    /// <summary>That of the solver's paper: sigma, ln sigma, or for <c>deis</c> the time of the VP process.</summary>
    Own,

    /// <summary>sigma.</summary>
    Sigma,

    /// <summary>ln sigma.</summary>
    Log,

    /// <summary>The time t of the model's process, with its own state x = alpha xHat.</summary>
    Time,

    /// <summary>t = sigma / (1 + sigma), the time of flow matching, with its state xHat / (1 + sigma): bounded where sigma is
    /// not.</summary>
    Flow,
}
