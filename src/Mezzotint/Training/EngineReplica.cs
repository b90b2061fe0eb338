using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// By an engine, image by image: the engine computes F, the loss gives its gradient with respect to F, and the engine takes that
/// back to the weights.
/// </summary>
internal sealed class EngineReplica(DenoisingTask task, NetworkEngine engine) : Replica
{
    public override Tensor Losses(Tensor images, Tensor labels, BatchDraw draw) =>
        task.Losses(Call, images, labels, (NoiseDraw)draw);

    public override unsafe void Backward(Tensor images, Tensor labels, BatchDraw draw, long batch, Tensor loss)
    {
        engine.Pack(); // the weights have changed
        using var noGrad = no_grad();
        var terms = task.Terms(Call, images, labels, (NoiseDraw)draw);
        double sum = 0;
        for (int i = 0; i < images.shape[0]; i++)
        {
            using var scope = NewDisposeScope();
            var image = terms.Slice(i, 1);
            var (losses, gradient) = image.WithGradient(Call(image.X, image.Times, image.Condition));
            fixed (float* slopes = NetworkEvaluator.Numbers<float>(gradient.Over(batch)))
                engine.Backward(slopes);
            sum += losses.item<float>();
        }
        engine.TakeGradients();
        using Scalar total = sum / batch;
        loss.fill_(total);
    }

    public override void Dispose() => engine.Dispose();

    private Tensor Call(Tensor x, Tensor t, Condition condition) => NetworkEvaluator.Evaluate(engine, x, t, condition);
}
