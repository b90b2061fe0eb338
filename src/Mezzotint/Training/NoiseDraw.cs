using System.Runtime.InteropServices;
using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>The random numbers of one batch, and what follows from them: for each image a time, a noise and the factors of its
/// loss.</summary>
/// <param name="Factors">float32 [B, 6]; what the columns are, the constants here say. Those of a <see cref="ConsistencyTask"/>
/// are of its own loss.</param>
/// <param name="Noise">z ~ N(0, I): [B, C, H, W].</param>
/// <param name="Dropped">True where training withholds the label: bool [B, 1]; null for nowhere.</param>
/// <param name="Fill">What is added to the images, which fills the steps between pixel values: [B, C, H, W]; null for
/// nothing.</param>
/// <param name="Code">~ N(0, I), what the numbers of an image are drawn with where they are a distribution: [B, C, H, W]; null
/// for their mean.</param>
/// <param name="Tokens">The caption of each image in tokens: int64 [B, T]; null where its class is asked for.</param>
public sealed record NoiseDraw(
    Tensor Factors, Tensor Noise, Tensor? Dropped = null, Tensor? Fill = null, Tensor? Code = null, Tensor? Tokens = null)
    : BatchDraw
{
    private static readonly TorchSharp.Scalar One = 1;

    internal const int ImageIn = 0, NoiseIn = 1, ImageTarget = 2, NoiseTarget = 3, Weight = 4, TimeIn = 5;

    /// <summary>What is done to the images; null for nothing.</summary>
    internal ChangedImages? Changes { get; init; }

    internal NoiseDraw WithChanges(Generator generator, double probability) => probability == 0 ? this
        : this with { Changes = ChangedImages.From(generator, Noise.shape[0], probability, Noise.shape[2], Noise.shape[3]) };

    /// <summary>
    /// Draws on the CPU, whatever the device of the training, so that a seed means the same everywhere: first times, then noise,
    /// then labels, then what fills the steps between pixel values, then what numbers are drawn with.
    /// </summary>
    /// <param name="generator">The source.</param>
    /// <param name="objective">Says which times, and what they mean.</param>
    /// <param name="count">B.</param>
    /// <param name="shape">C, H and W.</param>
    /// <param name="labelDropout">The probability that a label is withheld, 0 to 1.</param>
    /// <param name="factors">The factors of a loss at some times; null for those of <see cref="DenoisingLoss"/>.</param>
    public static NoiseDraw From(
        Generator generator, TrainingObjective objective, long count, (long Channels, long Height, long Width) shape,
        double labelDropout = 0, Func<double[], Tensor>? factors = null)
    {
        ArgumentNullException.ThrowIfNull(objective);
        double[] uniform;
        using (NewDisposeScope())
            uniform = Array.ConvertAll(rand(count, generator: generator).data<float>().ToArray(), u => (double)u);
        double[] times = objective.Times.Times(objective.Process, uniform);
        var noise = randn(count, shape.Channels, shape.Height, shape.Width, generator: generator);
        using var threshold = tensor(labelDropout, ScalarType.Float32);
        var dropped = labelDropout == 0 ? null : rand(count, 1, generator: generator).lt(threshold);
        var fill = objective.FilledStep == 0 ? null
            : rand(noise.shape, generator: generator).Plus(-0.5).Times(objective.FilledStep);
        var code = objective.DrawsNumbers ? randn(noise.shape, generator: generator) : null;
        return new NoiseDraw(factors?.Invoke(times) ?? FactorsOf(objective, times), noise, dropped, fill, code);
    }

    /// <summary>The draws at times and with noise of one's own choosing.</summary>
    /// <param name="objective">Says what the times mean.</param>
    /// <param name="times">One an image.</param>
    /// <param name="noise">[B, C, H, W].</param>
    public static NoiseDraw At(TrainingObjective objective, IReadOnlyList<double> times, Tensor noise)
    {
        ArgumentNullException.ThrowIfNull(objective);
        return new NoiseDraw(FactorsOf(objective, [.. times]), noise);
    }

    /// <summary>x_0: the images with the steps between pixel values filled, or drawn from their distribution.</summary>
    /// <param name="images">As <see cref="Data.ResidentImages.Batch"/> gives them.</param>
    internal Tensor Numbers(Tensor images)
    {
        if (images.shape[1] == Noise.shape[1])
            return Fill is null ? images : images.Plus(Fill);
        var halves = images.chunk(2, 1); // mean and standard deviation
        return Code is null ? halves[0] : halves[0].addcmul(halves[1], Code, One);
    }

    /// <inheritdoc/>
    public override NoiseDraw MoveTo(Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return new(On(Factors), On(Noise), Maybe(Dropped), Maybe(Fill), Maybe(Code), Maybe(Tokens))
        {
            Changes = Changes?.MoveTo(device),
        };

        Tensor? Maybe(Tensor? x) => x is null ? null : On(x);

        // From pinned memory a copy to a GPU goes on while the next draws are made; libtorch keeps that memory until it is done.
        Tensor On(Tensor x) =>
            device.type == TorchSharp.DeviceType.CUDA ? x.pin_memory().to(device, non_blocking: true) : x.to(device);
    }

    /// <inheritdoc/>
    public override NoiseDraw Slice(long start, long count) => new(
        Factors.narrow(0, start, count), Noise.narrow(0, start, count), Dropped?.narrow(0, start, count),
        Fill?.narrow(0, start, count), Code?.narrow(0, start, count), Tokens?.narrow(0, start, count))
    {
        Changes = Changes?.Slice(start, count),
    };

    /// <summary>Computed in float64, one row a time: [B, 6].</summary>
    private static Tensor FactorsOf(TrainingObjective objective, double[] times)
    {
        var factors = new float[times.Length, 6];
        for (int i = 0; i < times.Length; i++)
        {
            double level = objective.Process.Level(times[i]);
            var scalings = objective.Parameterisation.At(objective.Process, times[i], level);
            var (image, noise) = scalings.Target(level);
            factors[i, ImageIn] = (float)scalings.In;
            factors[i, NoiseIn] = (float)(scalings.In * level);
            factors[i, ImageTarget] = (float)image;
            factors[i, NoiseTarget] = (float)noise;
            factors[i, Weight] = (float)objective.Loss.OfOutput(level, scalings);
            factors[i, TimeIn] = (float)scalings.Time;
        }
        return tensor(MemoryMarshal.CreateSpan(ref factors[0, 0], factors.Length).ToArray(), [times.Length, 6]);
    }
}
