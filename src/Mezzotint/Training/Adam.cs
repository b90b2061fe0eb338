using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// Adam on one flat tensor: m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, w -= lr m / (1 - b1^n) / (sqrt(v / (1 - b2^n)) + eps).
/// Kingma and Ba 2015, "Adam: A Method for Stochastic Optimization", arXiv 1412.6980, algorithm 1.
/// </summary>
public sealed class Adam : IDisposable
{
    private const double Epsilon = 1e-8;

    private readonly double _beta1, _beta2;

    /// <summary>Makes an optimiser that has seen no step.</summary>
    /// <param name="like">The flat weights whose size and device the moments take.</param>
    /// <param name="beta1">Decay of the mean of the gradient, in [0, 1).</param>
    /// <param name="beta2">Decay of the mean of its square, in [0, 1).</param>
    public Adam(Tensor like, double beta1 = 0.9, double beta2 = 0.999)
    {
        (_beta1, _beta2) = (beta1, beta2);
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

        FirstMoment.mul_(beta1).add_(gradients, alpha: rest1);
        SecondMoment.mul_(beta2).addcmul_(gradients, gradients, rest2);
        var denominator = SecondMoment.sqrt().div_(root2).add_(epsilon, one);
        weights.addcdiv_(FirstMoment, denominator, rate);
    }

    /// <summary>Frees the moments.</summary>
    public void Dispose()
    {
        FirstMoment.Dispose();
        SecondMoment.Dispose();
    }
}
