using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// The loss of <see cref="ConsistencyTuning"/>: (sqrt(|D(x_0 + t z, t) - D(x_0 + r z, r)|^2 + c^2) - c) / (t - r), where D at r
/// has no gradient, and is x_0 at r = 0.
/// </summary>
internal static class ConsistencyLoss
{
    /// <summary>
    /// The columns of a draw's factors: those of the higher level, then those of the lower, then c, 1 / (t - r), and the
    /// weight of a teacher's guidance at t.
    /// </summary>
    private const int Skip = 0, Out = 1, In = 2, Time = 3, Level = 4, Columns = 5, Huber = 10, Weight = 11,
        Guidance = 12, All = 13;

    /// <summary>One row a time: float32 [B, 13].</summary>
    public static Tensor FactorsOf(TrainingObjective objective, ConsistencyTuning tuning, double[] times, double progress)
    {
        var (process, parameterisation) = (objective.Process, objective.Parameterisation);
        var factors = new float[times.Length * All];
        for (int i = 0; i < times.Length; i++)
        {
            double level = process.Level(times[i]), lower = tuning.Lower(level, process.MinimumLevel, progress);
            var row = factors.AsSpan(All * i, All);
            Fill(row, parameterisation.At(process, times[i], level), level);
            // At 0 the end of the path is where it stands; the network is asked at the least level it knows, for nothing.
            Fill(row[Columns..], lower > 0 ? parameterisation.At(process, process.Time(lower))
                : parameterisation.At(process, process.MinimumTime) with { Skip = 1, Out = 0 }, lower);
            row[Huber] = (float)tuning.Huber;
            row[Weight] = (float)(1 / (level - lower));
            row[Guidance] = (float)(tuning.Guidance?.At(level) ?? 1);
        }
        return tensor(factors, [times.Length, All]);
    }

    /// <summary>D at t less D at r is Out F - (D at r - Skip xHat).</summary>
    /// <param name="network">Gives the estimate at r; its gradients are not followed.</param>
    /// <param name="teacher">Whose path leads to r; null for the line to the image.</param>
    /// <param name="model">The shape of both.</param>
    /// <param name="images">x_0: [B, C, H, W].</param>
    /// <param name="condition">What they show.</param>
    /// <param name="draw">With factors of <see cref="FactorsOf"/>.</param>
    public static RegressionTerms Terms(
        NetworkCall network, NetworkCall? teacher, NetworkConfig model, Tensor images, Condition condition, NoiseDraw draw)
    {
        using var noGrad = no_grad();
        Tensor Factors(int index) => draw.Factors.select(1, index);                                 // [B]
        Tensor Column(int index) => Factors(index).view(-1, 1, 1, 1);                               // [B, 1, 1, 1]
        var x0 = draw.Numbers(images);                                                               // [B, C, H, W]
        Tensor Noisy(int first) => x0.Plus(Column(first + Level) * draw.Noise);                     // xHat: [B, C, H, W]
        var x = Noisy(0);
        var lower = teacher is null ? Noisy(Columns) : Step();
        var f = network(Column(Columns + In) * lower, Factors(Columns + Time), condition);
        var end = (Column(Columns + Skip) * lower).Plus(Column(Columns + Out) * f);                 // D at r
        return new(
            Column(In) * x, Factors(Time), condition, Scale: Factors(Out), Target: end - Column(Skip) * x, Factors(Weight),
            Factors(Huber));

        Tensor Step() // of Euler's method: x + (r - t) (x - D) / t
        {
            var estimate = TeacherEstimate.Guided(teacher!, model, x, draw.Factors, Factors(Guidance), condition);
            return estimate.Plus(Column(Columns + Level) / Column(Level) * (x - estimate));
        }
    }

    private static void Fill(Span<float> row, Scalings scalings, double level)
    {
        row[Skip] = (float)scalings.Skip;
        row[Out] = (float)scalings.Out;
        row[In] = (float)scalings.In;
        row[Time] = (float)scalings.Time;
        row[Level] = (float)level;
    }
}
