using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
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
    /// The columns of a draw's factors: those of the higher level, then those of the lower, then c, 1 / (t - r), and at t the
    /// weight of a teacher's guidance and the factor of its classifier's gradient, and for a row that drifts its number in the
    /// batch, counted from 1, and its class; else 0.
    /// </summary>
    private const int Skip = 0, Out = 1, In = 2, Time = 3, Level = 4, Columns = 5, Huber = 10, Weight = 11,
        Guidance = 12, Classifier = 13, Drift = 14, Class = 15, All = 16;

    /// <summary>c of a loss of drift: so much more than its gradient that the loss is a square.</summary>
    private const double Quadratic = 1e3;

    /// <summary>One row a time: float32 [B, 16].</summary>
    /// <param name="objective">Says what the times mean.</param>
    /// <param name="tuning">How far the lower levels are.</param>
    /// <param name="times">One a row. Where it drifts, it is replaced by the greatest.</param>
    /// <param name="progress">The part of the training that is done, 0 to 1.</param>
    /// <param name="drifting">The class of each row that drifts, and null for the others; null for none.</param>
    public static Tensor FactorsOf(TrainingObjective objective, ConsistencyTuning tuning, double[] times, double progress,
        IReadOnlyList<int?>? drifting = null)
    {
        var (process, parameterisation) = (objective.Process, objective.Parameterisation);
        var factors = new float[times.Length * All];
        for (int i = 0; i < times.Length; i++)
        {
            int? drift = drifting?[i];
            if (drift is not null)
                times[i] = process.MaximumTime;
            double level = process.Level(times[i]), lower = tuning.Lower(level, process.MinimumLevel, progress);
            var row = factors.AsSpan(All * i, All);
            Fill(row, parameterisation.At(process, times[i], level), level);
            // At 0 the end of the path is where it stands; the network is asked at the least level it knows, for nothing.
            Fill(row[Columns..], lower > 0 ? parameterisation.At(process, process.Time(lower))
                : parameterisation.At(process, process.MinimumTime) with { Skip = 1, Out = 0 }, lower);
            row[Huber] = (float)tuning.Huber;
            row[Weight] = (float)(1 / (level - lower));
            row[Guidance] = (float)(tuning.Guidance?.At(level) ?? 1);
            row[Classifier] = (float)(tuning.Guidance?.ByClassifier?.FactorAt(level) ?? 0);
            row[Drift] = drift is null ? 0 : i + 1;
            row[Class] = drift ?? 0;
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
    /// <param name="byClassifier">Guides the teacher too, by a classifier of clean images; null for none.</param>
    public static RegressionTerms Terms(NetworkCall network, NetworkCall? teacher, NetworkConfig model, Tensor images,
        Condition condition, NoiseDraw draw, ClassifierGuidance? byClassifier = null)
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
            if (byClassifier is not null)
                estimate = estimate.Plus(Column(Classifier) * byClassifier.Gradient(estimate, 0, condition.Classes!));
            return estimate.Plus(Column(Columns + Level) / Column(Level) * (x - estimate));
        }
    }

    /// <summary>Which rows of a draw drift, and which do not.</summary>
    public static (long[] Drifting, long[] Others) Parts(NoiseDraw draw)
    {
        var marks = Numbers(draw, Drift);
        var parts = Enumerable.Range(0, marks.Length).Select(i => (long)i).ToLookup(i => marks[i] > 0);
        return ([.. parts[true]], [.. parts[false]]);
    }

    /// <summary>Some rows of a draw: int64 [N].</summary>
    public static NoiseDraw Rows(NoiseDraw draw, Tensor indices)
    {
        return draw with
        {
            Factors = Of(draw.Factors)!, Noise = Of(draw.Noise)!, Dropped = Of(draw.Dropped), Fill = Of(draw.Fill),
            Code = Of(draw.Code), Tokens = Of(draw.Tokens),
        };

        Tensor? Of(Tensor? rows) => rows?.index_select(0, indices);
    }

    /// <summary>Of images of one evaluation: the gradient of their losses with respect to D is what a field says of D.</summary>
    /// <param name="network">Gives D; its gradients are not followed.</param>
    /// <param name="field">Says where D goes.</param>
    /// <param name="asked">The condition of classes, int64 [B, 1].</param>
    /// <param name="draw">Rows that drift, with factors of <see cref="FactorsOf"/>.</param>
    public static RegressionTerms DriftTerms(
        NetworkCall network, DriftField field, Func<Tensor, Condition> asked, NoiseDraw draw)
    {
        using var noGrad = no_grad();
        long[] classes = Numbers(draw, Class), rows = Numbers(draw, Drift);
        var condition = asked(tensor(classes, [classes.Length, 1], device: draw.Noise.device));
        field.Fill((noise, of) => Drawn(noise, asked(of), draw.Factors.narrow(0, 0, 1).repeat(noise.shape[0], 1)).Images);
        var (images, x) = Drawn(draw.Noise, condition, draw.Factors);
        var gradient = field.Gradient(images, classes, rows);
        Tensor Factors(int index) => draw.Factors.select(1, index);
        // The derivative of Weight (sqrt(s + c^2) - c) by D is Weight / c (D - D + gradient) where s is far below c^2.
        using Scalar constant = Quadratic; // held while libtorch reads it: see TensorArithmetic
        var c = full_like(Factors(Out), constant);
        return new(Factors(In).view(-1, 1, 1, 1) * x, Factors(Time), condition, Scale: Factors(Out),
            Target: images - gradient - Factors(Skip).view(-1, 1, 1, 1) * x, Weight: c, Huber: c);

        (Tensor Images, Tensor X) Drawn(Tensor noise, Condition condition, Tensor factors)
        {
            Tensor Column(int index) => factors.select(1, index).view(-1, 1, 1, 1);
            var x = Column(Level) * noise;
            var f = network(Column(In) * x, factors.select(1, Time), condition);
            return ((Column(Skip) * x).Plus(Column(Out) * f), x);
        }
    }

    private static long[] Numbers(NoiseDraw draw, int column) =>
        [.. draw.Factors.select(1, column).cpu().contiguous().data<float>().Select(number => (long)number)];

    private static void Fill(Span<float> row, Scalings scalings, double level)
    {
        row[Skip] = (float)scalings.Skip;
        row[Out] = (float)scalings.Out;
        row[In] = (float)scalings.In;
        row[Time] = (float)scalings.Time;
        row[Level] = (float)level;
    }
}
