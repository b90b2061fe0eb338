using Mezzotint.Noise;

namespace Mezzotint.Training;

/// <summary>
/// What a network is trained for: how images become noise, what it predicts, and which levels count how much. The defaults are
/// the seed's.
/// </summary>
public sealed record TrainingObjective
{
    /// <summary>How images become noise: the table <c>[process]</c>.</summary>
    public NoiseProcess Process { get; init; } = new VarianceExploding();

    /// <summary>What the network's output means: the table <c>[parameterisation]</c>.</summary>
    public Parameterisation Parameterisation { get; init; } = new ScoreParameterisation();

    /// <summary>How much each level counts: the table <c>[loss]</c>.</summary>
    public LossWeighting Loss { get; init; } = new SeedWeighting();

    /// <summary>Which times are drawn: the table <c>[times]</c>.</summary>
    public TimeDistribution Times { get; init; } = new UniformTimes();

    /// <summary>
    /// The width of the steps between pixel values that training fills with uniform noise, in the network's numbers; 0 for none.
    /// See <see cref="Data.PixelScaling.Dequantise"/>.
    /// </summary>
    public double FilledStep { get; init; }

    /// <summary>Whether the numbers of an image are drawn anew each time: <see cref="Data.ImageCodec.IsDrawn"/>.</summary>
    public bool DrawsNumbers { get; init; }

    /// <summary>Checks the ranges of the settings, and that they fit each other.</summary>
    /// <exception cref="MezzotintException">They do not; the message names the key.</exception>
    public void Validate()
    {
        Process.Validate();
        Parameterisation.Validate(Process);
        Loss.Validate();
        Times.Validate();
    }
}
