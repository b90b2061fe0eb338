using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// By an engine, image by image: the engine computes F, the loss gives its gradient with respect to F, and the engine takes that
/// back to the weights. A text encoder that learns too gets the gradient of its states from the engine, and takes it on by
/// autograd.
/// </summary>
/// <param name="task">What is learned.</param>
/// <param name="engine">Of the network.</param>
/// <param name="encoder">The text encoder, where it learns; else null.</param>
/// <param name="teacher">Of the network that teaches; null where there is none.</param>
internal sealed class EngineReplica(
    DenoisingTask task, NetworkEngine engine, TextEncoder? encoder, NetworkEngine? teacher) : Replica
{
    private readonly NetworkCall? _teacher = teacher is null ? null
        : (x, t, condition) => NetworkEvaluator.Evaluate(teacher!, x, t, condition);

    /// <summary>The replica; null where there is no engine for such a network, or not on that device.</summary>
    /// <param name="task">What is learned.</param>
    /// <param name="network">As the task builds it.</param>
    /// <param name="height">H of the images.</param>
    /// <param name="width">W.</param>
    /// <param name="device">Where the network is.</param>
    /// <param name="precision">As <see cref="ComputePrecision"/> has it.</param>
    /// <param name="training">Whether the parameters have gradients.</param>
    public static EngineReplica? Of(DenoisingTask task, nn.Module network, int height, int width, Device device,
        string precision, bool training)
    {
        if (device.type != DeviceType.CPU)
            return null;
        bool bfloat16 = ComputePrecision.Resolve(precision, device, task.Model) == ComputePrecision.Bfloat16;
        var (denoiser, encoder) = PromptedNetwork.Parts(network);
        int tokens = task.Prompts?.Length ?? task.Model.RowsOfClass;
        var given = encoder is null ? GivenGradients.None : GivenGradients.Context;
        NetworkEngine? teacher = network is TaughtNetworks taught
            ? NetworkEngine.For(taught.Teacher, height, width, bfloat16, training: false, tokens) : null;
        return NetworkEngine.For(denoiser, height, width, bfloat16, training, tokens, given) is { } engine
            ? new(task, engine, encoder, teacher) : null;
    }

    public override Tensor Losses(Tensor images, Tensor labels, BatchDraw draw)
    {
        var drawn = (NoiseDraw)draw;
        return task.Losses(Call, _teacher, images, Asked(States(drawn), labels, drawn), drawn);
    }

    public override unsafe void Backward(Tensor images, Tensor labels, BatchDraw draw, long batch, Tensor loss)
    {
        engine.Pack(); // the weights have changed
        var drawn = (NoiseDraw)draw;
        var states = States(drawn);
        using var noGrad = no_grad();
        var ofStates = states is null ? null : zeros_like(states);
        var terms = task.Terms(Call, _teacher, images, Asked(states, labels, drawn), drawn);
        double sum = 0;
        var final = encoder is null ? Final : null; // an encoder's gradients come after all of the engine's
        for (int i = 0; i < images.shape[0]; i++)
        {
            using var scope = NewDisposeScope();
            var image = terms.Slice(i, 1);
            var (losses, gradient) = image.WithGradient(Call(image.X, image.Times, image.Condition));
            var ofContext = ofStates is null ? default : NetworkEvaluator.Numbers<float>(ofStates.select(0, i));
            fixed (float* slopes = NetworkEvaluator.Numbers<float>(gradient.Over(batch)), context = ofContext)
                engine.Backward(slopes, contextGradient: context, final: i == images.shape[0] - 1 ? final : null);
            sum += losses.item<float>();
        }
        if (final is null)
            engine.TakeGradients();
        if (states is { requires_grad: true }) // false where the whole encoder is frozen
            states.backward([ofStates!]);
        using Scalar total = sum / batch;
        loss.fill_(total);
    }

    public override void Dispose()
    {
        engine.Dispose();
        teacher?.Dispose();
    }

    /// <summary>What the encoder that learns makes of the captions: [B, T, D]; null without one.</summary>
    private Tensor? States(NoiseDraw draw) => encoder?.call(draw.Tokens!);

    private Condition Asked(Tensor? states, Tensor labels, NoiseDraw draw) =>
        states is null ? task.Asked(labels, draw) : Condition.OfContext(states.detach());

    private Tensor Call(Tensor x, Tensor t, Condition condition) => NetworkEvaluator.Evaluate(engine, x, t, condition);
}
