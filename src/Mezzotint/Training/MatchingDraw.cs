using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>What <see cref="MatchingTask"/> draws for a batch.</summary>
/// <param name="Steps">Which of the student's steps makes each image, from 0: int64 [B], on the CPU.</param>
/// <param name="Noise">Of each of the student's steps: [B, K, C, H, W].</param>
/// <param name="Match">Where student and teacher are compared: factors of <see cref="MatchingLoss"/>.</param>
/// <param name="Critic">What the critic learns, as <see cref="DenoisingLoss"/> has it.</param>
/// <param name="TeachesStudent">Whether the student learns from this batch; the critic does always.</param>
public sealed record MatchingDraw(
    Tensor Steps, Tensor Noise, NoiseDraw Match, NoiseDraw Critic, bool TeachesStudent) : BatchDraw
{
    /// <inheritdoc/>
    public override MatchingDraw MoveTo(Device device) =>
        this with { Noise = Noise.to(device), Match = Match.MoveTo(device), Critic = Critic.MoveTo(device) };

    /// <inheritdoc/>
    public override MatchingDraw Slice(long start, long count) => this with
    {
        Steps = Steps.narrow(0, start, count),
        Noise = Noise.narrow(0, start, count),
        Match = Match.Slice(start, count),
        Critic = Critic.Slice(start, count),
    };
}
