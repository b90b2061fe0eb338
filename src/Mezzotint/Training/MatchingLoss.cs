using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using TorchSharp;
using static Mezzotint.Training.TeacherEstimate;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>The networks of <see cref="DistributionMatching"/>, by whatever computes them.</summary>
internal sealed record MatchedCalls(NetworkCall Student, NetworkCall Critic, NetworkCall Teacher);

/// <summary>What the student made, and how.</summary>
/// <param name="X">What it saw in its last step, without the factor In: [B, C, H, W].</param>
/// <param name="Factors">Of that step, as <see cref="MatchingLoss.FactorsOf"/> has them: [B, 6].</param>
/// <param name="F">Its output there.</param>
/// <param name="Image">Its estimate there, the image: [B, C, H, W].</param>
internal sealed record StudentImages(Tensor X, Tensor Factors, Tensor F, Tensor Image);

/// <summary>
/// The loss of <see cref="DistributionMatching"/>. The student makes x; at a level t, with noise z, x_t = x + t z, and its gradient
/// by x is (D_critic(x_t) - D_teacher(x_t)) / mean|x - D_teacher(x_t)|, for each image by itself. That is the gradient of
/// |x - y|^2 / 2 with y = x less that gradient, held fast.
/// </summary>
/// <remarks>arXiv 2311.18828, equations 7 and 8, written with denoisers for scores.</remarks>
internal static class MatchingLoss
{
    private const int Level = 4, Guidance = 5, Columns = 6; // behind those of TeacherEstimate

    /// <summary>An image that the teacher returns as it is has no scale: below this the gradient is not made larger.</summary>
    private const double LeastScale = 1e-3;

    /// <summary>One row a level: float32 [N, 6].</summary>
    /// <param name="objective">What the network's output means.</param>
    /// <param name="levels">The levels.</param>
    /// <param name="guidance">The weight of the teacher's guidance at each.</param>
    public static Tensor FactorsOf(TrainingObjective objective, double[] levels, Func<double, double> guidance)
    {
        var (process, parameterisation) = (objective.Process, objective.Parameterisation);
        var factors = new float[levels.Length * Columns];
        for (int i = 0; i < levels.Length; i++)
        {
            var scalings = parameterisation.At(process, process.Time(levels[i]), levels[i]);
            var row = factors.AsSpan(i * Columns, Columns);
            row[Skip] = (float)scalings.Skip;
            row[Out] = (float)scalings.Out;
            row[In] = (float)scalings.In;
            row[Time] = (float)scalings.Time;
            row[Level] = (float)levels[i];
            row[Guidance] = (float)guidance(levels[i]);
        }
        return tensor(factors, [levels.Length, Columns]);
    }

    /// <summary>The student draws as the sampler lcm does: noise of the first level, an estimate, noise of the next level on it,
    /// and so on to the step that was drawn.</summary>
    /// <param name="student">The student.</param>
    /// <param name="condition">What is asked for: B rows.</param>
    /// <param name="draw">The steps and the noise.</param>
    /// <param name="chain">Of its levels: [K, 6].</param>
    public static StudentImages Draw(NetworkCall student, Condition condition, MatchingDraw draw, Tensor chain)
    {
        using var noGrad = no_grad();
        var steps = draw.Steps.to(draw.Noise.device);
        Tensor Noise(int step) => draw.Noise.select(1, step);
        Tensor Row(int step) => chain.narrow(0, step, 1).expand(steps.shape[0], Columns);
        var x = Column(Row(0), Level) * Noise(0);
        int last = (int)draw.Steps.max().item<long>();
        for (int step = 0; step < last; step++)
        {
            var next = Of(student, x, Row(step), condition).Plus(Column(Row(step + 1), Level) * Noise(step + 1));
            using Scalar now = step;
            x = where(steps.gt(now).view(-1, 1, 1, 1), next, x);
        }
        var factors = chain.index_select(0, steps);
        var f = Output(student, x, factors, condition);
        return new(x, factors, f, (Column(factors, Skip) * x).Plus(Column(factors, Out) * f));
    }

    /// <summary>What the student learns from its images.</summary>
    /// <param name="made">The images.</param>
    /// <param name="networks">Critic and teacher.</param>
    /// <param name="model">Their shape.</param>
    /// <param name="condition">What was asked for.</param>
    /// <param name="match">Levels and noise.</param>
    public static RegressionTerms OfStudent(
        StudentImages made, MatchedCalls networks, NetworkConfig model, Condition condition, NoiseDraw match)
    {
        using var noGrad = no_grad();
        using Scalar least = LeastScale; // held while libtorch reads it: see TensorArithmetic
        var noisy = made.Image.Plus(Column(match.Factors, Level) * match.Noise);
        var critic = Of(networks.Critic, noisy, match.Factors, condition);
        var teacher = Guided(
            networks.Teacher, model, noisy, match.Factors, match.Factors.select(1, Guidance), condition);
        var scale = (made.Image - teacher).abs().mean([1, 2, 3], keepdim: true).clamp_min(least);
        var wanted = made.Image - (critic - teacher) / scale;
        var half = full_like(made.Factors.select(1, In), 0.5);
        return new(
            Column(made.Factors, In) * made.X, made.Factors.select(1, Time), condition, Scale: made.Factors.select(1, Out),
            Target: wanted - Column(made.Factors, Skip) * made.X, half, Huber: null);
    }
}
