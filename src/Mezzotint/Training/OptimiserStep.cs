using Mezzotint.Engine;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// From the gradients of all replicas to new weights: their sum in the order of the replicas, its bound, and Adam. On a CPU the
/// threads share it out, in one pass over memory.
/// </summary>
internal sealed class OptimiserStep(TrainingConfig training, WorkerThreads threads, Device device, Adam adam)
{
    /// <summary>Takes a step.</summary>
    /// <param name="weights">[P], changed in place.</param>
    /// <param name="gradients">Of each replica, added up over processes: [P]. They become 0.</param>
    /// <param name="learningRate">The step size.</param>
    /// <param name="step">Which step this is, counted from 1.</param>
    public void Take(Tensor weights, Tensor[] gradients, double learningRate, long step)
    {
        if (device.type == DeviceType.CPU)
            TakeInParts(weights, gradients, learningRate, step);
        else
            TakeAtOnce(weights, gradients, learningRate, step);
    }

    private void TakeInParts(Tensor weights, Tensor[] gradients, double learningRate, long step)
    {
        long count = weights.numel();
        float factor = training.GradientClip > 0
            ? (float)Math.Min(1, training.GradientClip / GradientNorm.Of(gradients, threads)) : 1;
        threads.Run(thread =>
        {
            long start = count * thread / threads.Count, end = count * (thread + 1) / threads.Count;
            adam.StepPart(weights, gradients, factor, learningRate, step, start, end - start);
        });
    }

    private void TakeAtOnce(Tensor weights, Tensor[] gradients, double learningRate, long step)
    {
        var sum = gradients[0];
        foreach (var other in gradients.Skip(1))
        {
            sum.AddInPlace(other);
            other.zero_();
        }
        if (training.GradientClip > 0)
            Clip(sum);
        adam.Step(weights, sum, learningRate, step);
        sum.zero_();
    }

    /// <summary>g = g min(1, clip / |g|), without waiting for the norm.</summary>
    private void Clip(Tensor gradients)
    {
        using var bound = tensor(training.GradientClip, gradients.dtype, gradients.device);
        using var one = tensor(1.0, gradients.dtype, gradients.device);
        gradients.mul_((bound / gradients.norm()).minimum(one));
    }
}
