using System.Runtime.InteropServices;
using Mezzotint.Engine;
using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// What the losses have in common: the network is asked for F at X, and a loss is made of s = |Scale F - Target|^2, the sum over an image's pixels: Weight s, or with a
/// Huber constant c Weight (sqrt(s + c^2) - c).
/// </summary>
/// <param name="X">What the network sees: [B, C, H, W].</param>
/// <param name="Times">At which times: [B].</param>
/// <param name="Scale">[B]; null for 1.</param>
/// <param name="Target">[B, C, H, W], without a gradient.</param>
/// <param name="Weight">[B].</param>
/// <param name="Huber">c: [B]; null for none.</param>
internal sealed record RegressionTerms(Tensor X, Tensor Times, Tensor? Scale, Tensor Target, Tensor Weight, Tensor? Huber)
{
    /// <summary>The loss of each image from F: [B].</summary>
    public Tensor PerImage(Tensor f)
    {
        var distance = ((Scale is null ? f : Scale.view(-1, 1, 1, 1) * f) - Target).Squared().sum([1, 2, 3]); // s: [B]
        return Huber is null ? distance * Weight : (distance.Plus(Huber.Squared()).sqrt() - Huber) * Weight;
    }

    /// <summary>The sum of the losses over the size of the batch, by an engine, to whose gradients it is added.</summary>
    /// <param name="engine">What computes F, and takes its gradient.</param>
    /// <param name="labels">int64 [B, 1].</param>
    /// <param name="batch">The images of the whole batch, of which these are a part.</param>
    public unsafe float Backward(NetworkEngine engine, Tensor labels, long batch)
    {
        using var scope = NewDisposeScope();
        int count = (int)X.shape[0], size = (int)(X.numel() / count);
        var (x, target) = (X.contiguous(), Target.contiguous());
        float[] times = Numbers(Times)!, weights = Numbers(Weight)!;
        float[]? scales = Numbers(Scale), hubers = Numbers(Huber);
        long[] classes = labels.data<long>().ToArray();
        var f = new float[size];
        double total = 0;
        fixed (float* input = NetworkEvaluator.Numbers<float>(x), goal = NetworkEvaluator.Numbers<float>(target), output = f)
            for (int i = 0; i < count; i++)
            {
                engine.Forward(input + (long)i * size, times[i], classes[i], output);
                double scale = scales?[i] ?? 1, c = hubers?[i] ?? 0, distance = 0;
                for (int j = 0; j < size; j++)
                {
                    double off = scale * output[j] - goal[(long)i * size + j];
                    distance += off * off;
                    output[j] = (float)off;
                }
                double root = hubers is null ? 0 : Math.Sqrt(distance + c * c);
                total += weights[i] * (hubers is null ? distance : root - c);
                float slope = (float)(weights[i] * scale * (hubers is null ? 2 : 1 / root) / batch);
                for (int j = 0; j < size; j++)
                    output[j] *= slope;
                engine.Backward(output);
            }
        return (float)(total / batch);
    }

    private static float[]? Numbers(Tensor? tensor) => tensor is null ? null : MemoryMarshal.Cast<byte, float>(tensor.contiguous().bytes).ToArray();
}
