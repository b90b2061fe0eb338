using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// By an engine, image by image: the engine computes F, autograd follows the loss back to F alone, and the engine takes that
/// gradient back to the weights.
/// </summary>
internal sealed class EngineReplica(DenoisingTask task, NetworkEngine engine) : Replica
{
    public override Tensor Losses(Tensor images, Tensor labels, BatchDraw draw) =>
        task.Losses(Call, images, labels, (NoiseDraw)draw);

    public override unsafe void Backward(Tensor images, Tensor labels, BatchDraw draw, long batch, Tensor loss)
    {
        engine.Pack(); // the weights have changed
        RegressionTerms terms;
        using (no_grad())
            terms = task.Terms(Call, images, labels, (NoiseDraw)draw);
        double sum = 0;
        for (int i = 0; i < images.shape[0]; i++)
        {
            using var scope = NewDisposeScope();
            var image = terms.Slice(i, 1);
            var f = Call(image.X, image.Times, image.Condition).requires_grad_();
            var part = image.Losses(f).sum().Over(batch);
            part.backward();
            fixed (float* gradient = NetworkEvaluator.Numbers<float>(f.grad!))
                engine.Backward(gradient);
            sum += part.item<float>();
        }
        engine.TakeGradients();
        using Scalar total = sum;
        loss.fill_(total);
    }

    public override void Dispose() => engine.Dispose();

    private Tensor Call(Tensor x, Tensor t, Condition condition) => NetworkEvaluator.Evaluate(engine, x, t, condition);
}
