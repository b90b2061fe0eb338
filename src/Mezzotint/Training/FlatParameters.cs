using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// The trainable parameters of a network as views of one flat tensor, and their gradients as views of another. So the optimiser,
/// the average and a checkpoint each are a few operations on one array instead of hundreds on many.
/// </summary>
public sealed class FlatParameters : IDisposable
{
    private FlatParameters(Tensor weights, Tensor gradients) => (Weights, Gradients) = (weights, gradients);

    /// <summary>All weights one after the other, in the order of <c>named_parameters()</c>: float32 [P].</summary>
    public Tensor Weights { get; }

    /// <summary>Their gradients; a backward pass adds to them: float32 [P].</summary>
    public Tensor Gradients { get; }

    /// <summary>Moves the parameters of <paramref name="network"/> into flat storage, with their values.</summary>
    /// <param name="network">A network on its final device; it must not be moved or cast afterwards.</param>
    public static FlatParameters Of(nn.Module network)
    {
        var trainable = Trainable(network);
        long size = trainable.Sum(parameter => parameter.numel());
        using var noGrad = no_grad();
        var weights = empty(size, device: trainable[0].device);
        Attach(trainable, weights, keepValues: true);
        return Bind(trainable, weights);
    }

    /// <summary>Makes the parameters of another network of the same shape the very same memory, with gradients of their
    /// own.</summary>
    public FlatParameters Share(nn.Module replica)
    {
        var trainable = Trainable(replica);
        using var noGrad = no_grad();
        Attach(trainable, Weights, keepValues: false);
        return Bind(trainable, Weights);
    }

    /// <summary>Frees the gradients. The weights stay for as long as a network uses them.</summary>
    public void Dispose() => Gradients.Dispose();

    private static Tensor[] Trainable(nn.Module network) =>
        [.. network.named_parameters().Where(named => named.parameter.requires_grad).Select(named => named.parameter)];

    private static void Attach(Tensor[] parameters, Tensor weights, bool keepValues)
    {
        using var scope = NewDisposeScope();
        long offset = 0;
        foreach (var parameter in parameters)
        {
            var view = weights.narrow(0, offset, parameter.numel()).view(parameter.shape);
            if (keepValues)
                view.copy_(parameter);
            parameter.set_(view);
            offset += parameter.numel();
        }
    }

    private static FlatParameters Bind(Tensor[] parameters, Tensor weights)
    {
        var gradients = zeros_like(weights);
        long offset = 0;
        foreach (var parameter in parameters)
        {
            parameter.grad = gradients.narrow(0, offset, parameter.numel()).view(parameter.shape).DetachFromDisposeScope();
            offset += parameter.numel();
        }
        return new FlatParameters(weights, gradients);
    }
}
