using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>A student learns to draw in few steps what a teacher draws in many: <see cref="DistributionMatching"/>. Of the data it
/// takes the classes alone.</summary>
/// <param name="model">The shape of the networks, with the classes and channels of the data.</param>
/// <param name="objective">The process, what the networks predict, at which levels the critic learns, and at which it is compared
/// with the teacher.</param>
/// <param name="matching">The settings.</param>
/// <param name="levels">Of the student's steps, from the highest on.</param>
public sealed class MatchingTask(
    NetworkConfig model, TrainingObjective objective, DistributionMatching matching, IReadOnlyList<double> levels)
    : DenoisingTask(model, objective)
{
    private readonly Tensor _chain = MatchingLoss.FactorsOf(objective, [.. levels], _ => 1).DetachFromDisposeScope(); // [K, 6]

    /// <summary>The network whose images are matched; null where its weights come from another process.</summary>
    public DenoisingNetwork? Teacher { get; init; }

    /// <inheritdoc/>
    public override nn.Module Build(long seed = 0) => new TaughtNetworks(Model, Teacher, hasCritic: true, seed);

    /// <inheritdoc/>
    public override BatchDraw Draw(Generator generator, ResidentImages data, Tensor indices, double progress) =>
        Draw(generator, indices.shape[0], data.Shape, progress < matching.CriticLead ? 0 : 1.0 / matching.CriticSteps);

    /// <inheritdoc/>
    public override BatchDraw DrawForTest(Generator generator, ResidentImages data, Tensor indices) =>
        Draw(generator, indices.shape[0], data.Shape, teaching: 1);

    /// <inheritdoc/>
    public override Tensor Losses(nn.Module network, Tensor images, Tensor labels, BatchDraw draw)
    {
        var networks = (TaughtNetworks)network;
        return Losses(new(networks.Student.call, networks.Critic!.call, networks.Teacher.call), labels, (MatchingDraw)draw);
    }

    /// <summary>The loss of each image, that of the student and that of the critic: [B].</summary>
    internal Tensor Losses(MatchedCalls networks, Tensor labels, MatchingDraw draw)
    {
        var condition = Of(labels);
        var made = MatchingLoss.Draw(networks.Student, condition, draw, _chain.to(labels.device));
        var critic = DenoisingLoss.Terms(made.Image, condition, draw.Critic);
        var losses = critic.Losses(networks.Critic(critic.X, critic.Times, condition));
        if (!draw.TeachesStudent)
            return losses;
        var student = MatchingLoss.OfStudent(made, networks, Model, condition, draw.Match);
        return losses.Plus(student.Losses(networks.Student(student.X, student.Times, condition)));
    }

    /// <summary>The images that the student makes.</summary>
    internal StudentImages Made(NetworkCall student, Tensor labels, MatchingDraw draw) =>
        MatchingLoss.Draw(student, Of(labels), draw, _chain);

    /// <summary>What the student learns from them.</summary>
    internal RegressionTerms OfStudent(StudentImages made, MatchedCalls networks, Tensor labels, MatchingDraw draw) =>
        MatchingLoss.OfStudent(made, networks, Model, Of(labels), draw.Match);

    /// <summary>What the critic learns from them.</summary>
    internal RegressionTerms OfCritic(StudentImages made, Tensor labels, MatchingDraw draw) =>
        DenoisingLoss.Terms(made.Image, Of(labels), draw.Critic);

    internal override Replica NewReplica(
        nn.Module network, int height, int width, Device device, string precision, bool training) =>
        MatchingReplica.Of(this, (TaughtNetworks)network, height, width, device, precision, training)
            ?? (Replica)new LibtorchReplica(this, network);

    private Condition Of(Tensor labels) => Model.InRows(Condition.OfClasses(labels));

    /// <param name="generator">The source.</param>
    /// <param name="count">B.</param>
    /// <param name="shape">C, H and W.</param>
    /// <param name="teaching">The probability that the student learns too.</param>
    private MatchingDraw Draw(
        Generator generator, long count, (long Channels, long Height, long Width) shape, double teaching)
    {
        var noises = Objective with { FilledStep = 0, DrawsNumbers = false };
        float[] lots;
        using (NewDisposeScope())
            lots = rand(count + 1, generator: generator).data<float>().ToArray();
        long[] steps = [.. lots.Take((int)count).Select(StepOf)];
        return new(
            tensor(steps),
            randn([count, levels.Count, shape.Channels, shape.Height, shape.Width], generator: generator),
            NoiseDraw.From(generator, noises, count, shape, factors: times => MatchingLoss.FactorsOf(
                Objective, Array.ConvertAll(times, Objective.Process.Level),
                matching.Teacher.At)),
            NoiseDraw.From(generator, noises, count, shape),
            TeachesStudent: lots[^1] < teaching);
    }

    /// <summary>The step of a lot, 0 to 1.</summary>
    private long StepOf(float lot)
    {
        if (lot < matching.FirstShare || levels.Count == 1)
            return 0;
        double rest = (lot - matching.FirstShare) / (1 - matching.FirstShare);
        return 1 + Math.Min((long)(rest * (levels.Count - 1)), levels.Count - 2);
    }
}
