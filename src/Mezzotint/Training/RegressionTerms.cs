using Mezzotint.Networks;
using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// What the losses of denoisers have in common: the network is asked for F at X, and the loss of an image follows from
/// s = |Scale F - Target|^2, the sum over its pixels. It is Weight s, or with a Huber constant c Weight (sqrt(s + c^2) - c).
/// </summary>
/// <param name="X">What the network sees: [B, C, H, W].</param>
/// <param name="Times">At which times: [B].</param>
/// <param name="Condition">For what: B rows.</param>
/// <param name="Scale">[B]; null for 1.</param>
/// <param name="Target">[B, C, H, W], without a gradient.</param>
/// <param name="Weight">[B].</param>
/// <param name="Huber">c: [B]; null for none.</param>
internal sealed record RegressionTerms(
    Tensor X, Tensor Times, Condition Condition, Tensor? Scale, Tensor Target, Tensor Weight, Tensor? Huber)
{
    /// <summary>The loss of each image from F: [B].</summary>
    public Tensor Losses(Tensor f)
    {
        var s = Error(f).Squared().sum([1, 2, 3]); // [B]
        return Huber is null ? s * Weight : (s.Plus(Huber.Squared()).sqrt() - Huber) * Weight;
    }

    /// <summary>The same, and the gradient of each loss with respect to F: for who follows F to the weights by itself. A graph of
    /// autograd for each image would cost more than these few operations.</summary>
    /// <returns>[B], and [B, C, H, W].</returns>
    public (Tensor Losses, Tensor Gradient) WithGradient(Tensor f)
    {
        var error = Error(f);                        // [B, C, H, W]
        var s = error.Squared().sum([1, 2, 3]);      // [B]
        Tensor losses, slope;                        // of s: [B]
        if (Huber is null)
            (losses, slope) = (s * Weight, Weight);
        else
        {
            var root = s.Plus(Huber.Squared()).sqrt();
            (losses, slope) = ((root - Huber) * Weight, Weight / root.Times(2));
        }
        var factor = (Scale is null ? slope : slope * Scale).Times(2); // ds/dF = 2 Scale error
        return (losses, factor.view(-1, 1, 1, 1) * error);
    }

    private Tensor Error(Tensor f) => (Scale is null ? f : Scale.view(-1, 1, 1, 1) * f) - Target;

    /// <summary>These terms, then those of other images; both have a scale and a Huber constant.</summary>
    public RegressionTerms Then(RegressionTerms other) => new(
        cat([X, other.X]), cat([Times, other.Times]), Condition.Concatenate([Condition, other.Condition]),
        cat([Scale!, other.Scale!]), cat([Target, other.Target]), cat([Weight, other.Weight]), cat([Huber!, other.Huber!]));

    /// <summary>The terms of <paramref name="count"/> images from <paramref name="start"/> on.</summary>
    public RegressionTerms Slice(long start, long count) => new(
        X.narrow(0, start, count), Times.narrow(0, start, count), Condition.Rows(start, count), Scale?.narrow(0, start, count),
        Target.narrow(0, start, count), Weight.narrow(0, start, count), Huber?.narrow(0, start, count));
}
