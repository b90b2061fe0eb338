using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Mezzotint.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// Adam on one flat tensor: m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, w -= lr m / (1 - b1^n) / (sqrt(v / (1 - b2^n)) +
/// eps). Kingma and Ba 2015, "Adam: A Method for Stochastic Optimization", arXiv 1412.6980, algorithm 1. With a decay of the
/// weights it is AdamW: w is first multiplied with 1 - lr decay. Loshchilov and Hutter 2019, "Decoupled Weight Decay
/// Regularization", arXiv 1711.05101, algorithm 2.
/// </summary>
public sealed class Adam : IDisposable
{
    private const double Epsilon = 1e-8;

    private readonly double _beta1, _beta2, _decay;

    /// <summary>Makes an optimiser that has seen no step.</summary>
    /// <param name="like">The flat weights whose size and device the moments take.</param>
    /// <param name="beta1">Decay of the mean of the gradient, in [0, 1).</param>
    /// <param name="beta2">Decay of the mean of its square, in [0, 1).</param>
    /// <param name="decay">What a step takes off the weights, as a part of them for a step size of 1; 0 or more.</param>
    public Adam(Tensor like, double beta1 = 0.9, double beta2 = 0.999, double decay = 0)
    {
        (_beta1, _beta2, _decay) = (beta1, beta2, decay);
        (FirstMoment, SecondMoment) = (zeros_like(like), zeros_like(like));
    }

    /// <summary>The running mean of the gradient: [P].</summary>
    public Tensor FirstMoment { get; }

    /// <summary>The running mean of the squared gradient: [P].</summary>
    public Tensor SecondMoment { get; }

    /// <summary>Changes <paramref name="weights"/> by one step.</summary>
    /// <param name="weights">[P], changed in place.</param>
    /// <param name="gradients">[P].</param>
    /// <param name="learningRate">The step size.</param>
    /// <param name="step">Which step this is, counted from 1: it sets the correction of the moments' bias.</param>
    public void Step(Tensor weights, Tensor gradients, double learningRate, long step)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        double correction1 = 1 - Math.Pow(_beta1, step);
        double correction2 = 1 - Math.Pow(_beta2, step);
        // Each number is held here while libtorch reads it: see TensorArithmetic.
        using Scalar beta1 = _beta1, rest1 = 1 - _beta1, beta2 = _beta2, rest2 = 1 - _beta2;
        using Scalar root2 = Math.Sqrt(correction2), epsilon = Epsilon, one = 1, rate = -learningRate / correction1;
        using Scalar kept = 1 - learningRate * _decay;

        FirstMoment.mul_(beta1).add_(gradients, alpha: rest1);
        SecondMoment.mul_(beta2).addcmul_(gradients, gradients, rest2);
        var denominator = SecondMoment.sqrt().div_(root2).add_(epsilon, one);
        if (_decay > 0)
            weights.mul_(kept);
        weights.addcdiv_(FirstMoment, denominator, rate);
    }

    /// <summary>The same for some of the weights on the CPU, in one pass over memory: threads share the weights out. The
    /// gradients become 0.</summary>
    /// <param name="weights">[P], changed in place.</param>
    /// <param name="gradients">One or more of [P], which are added up in this order.</param>
    /// <param name="factor">What their sum is multiplied with.</param>
    /// <param name="learningRate">The step size.</param>
    /// <param name="step">Which step this is, counted from 1.</param>
    /// <param name="start">The first weight.</param>
    /// <param name="count">How many.</param>
    internal unsafe void StepPart(
        Tensor weights, IReadOnlyList<Tensor> gradients, float factor, double learningRate, long step, long start, long count)
    {
        double correction1 = 1 - Math.Pow(_beta1, step), correction2 = 1 - Math.Pow(_beta2, step);
        float* w = Address(weights), m = Address(FirstMoment), v = Address(SecondMoment), g = Address(gradients[0]);
        nint[] others = [.. gradients.Skip(1).Select(tensor => (nint)Address(tensor))];
        var (beta1, rest1) = (Vector512.Create((float)_beta1), Vector512.Create((float)(1 - _beta1)));
        var (beta2, rest2) = (Vector512.Create((float)_beta2), Vector512.Create((float)(1 - _beta2)));
        var (root2, rate, factors) = (
            Vector512.Create((float)(1 / Math.Sqrt(correction2))), Vector512.Create((float)(learningRate / correction1)),
            Vector512.Create(factor));
        var (epsilon, kept) = (Vector512.Create((float)Epsilon), Vector512.Create((float)(1 - learningRate * _decay)));
        long end = start + count, i = start;
        for (; i + Lanes.Count <= end; i += Lanes.Count)
        {
            var sum = Vector512.Load(g + i);
            Vector512<float>.Zero.Store(g + i);
            foreach (nint other in others)
            {
                sum += Vector512.Load((float*)other + i);
                Vector512<float>.Zero.Store((float*)other + i);
            }
            sum *= factors;
            var first = beta1 * Vector512.Load(m + i) + rest1 * sum;
            var second = beta2 * Vector512.Load(v + i) + rest2 * sum * sum;
            first.Store(m + i);
            second.Store(v + i);
            (kept * Vector512.Load(w + i) - rate * first / (Vector512.Sqrt(second) * root2 + epsilon)).Store(w + i);
        }
        for (; i < end; i++)
        {
            float sum = g[i];
            g[i] = 0;
            foreach (nint other in others)
            {
                sum += ((float*)other)[i];
                ((float*)other)[i] = 0;
            }
            sum *= factor;
            m[i] = (float)_beta1 * m[i] + (float)(1 - _beta1) * sum;
            v[i] = (float)_beta2 * v[i] + (float)(1 - _beta2) * sum * sum;
            w[i] = kept[0] * w[i] - rate[0] * m[i] / (MathF.Sqrt(v[i]) * root2[0] + (float)Epsilon);
        }
    }

    /// <summary>Where the numbers of a tensor on the CPU are.</summary>
    internal static unsafe float* Address(Tensor tensor) =>
        (float*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(tensor.bytes));

    /// <summary>Frees the moments.</summary>
    public void Dispose()
    {
        FirstMoment.Dispose();
        SecondMoment.Dispose();
    }
}
