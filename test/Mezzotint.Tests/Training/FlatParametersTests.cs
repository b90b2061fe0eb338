using Mezzotint.Networks;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Training;

public class FlatParametersTests
{
    [Fact]
    public void Flat_weights_are_the_trainable_parameters_in_order_with_their_values()
    {
        using var scope = NewDisposeScope();
        using var untouched = new UNet(SmallExperiment.Model, seed: 4);
        using var network = new UNet(SmallExperiment.Model, seed: 4);
        using var flat = FlatParameters.Of(network);
        TensorAssert.Same(cat([.. Trainable(untouched).Select(parameter => parameter.detach().flatten())]), flat.Weights);
        // the frozen frequencies stay out
        Assert.Equal(network.named_parameters().Sum(named => named.parameter.numel()) - 16, flat.Weights.numel());
    }

    [Fact]
    public void Parameters_and_flat_weights_are_the_same_memory()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var network = new UNet(SmallExperiment.Model);
        using var flat = FlatParameters.Of(network);
        flat.Weights.copy_(arange(flat.Weights.numel(), dtype: float32));
        long offset = 0;
        foreach (var parameter in Trainable(network))
        {
            TensorAssert.Same(flat.Weights.narrow(0, offset, parameter.numel()).view(parameter.shape), parameter);
            offset += parameter.numel();
        }
        Trainable(network)[3].zero_();
        Assert.Equal(Trainable(network)[3].numel(), flat.Weights.eq(0).sum().item<long>() - 1); // and the 0 of arange
    }

    [Fact]
    public void A_backward_pass_adds_to_the_flat_gradients_in_place()
    {
        using var scope = NewDisposeScope();
        using var network = new UNet(SmallExperiment.Model);
        using var flat = FlatParameters.Of(network);
        Backward(network);
        var once = flat.Gradients.clone();
        Assert.True(TensorAssert.Largest(once) > 0);
        Backward(network);
        TensorAssert.Same(once * 2, flat.Gradients);
        TensorAssert.Same(cat([.. Trainable(network).Select(parameter => parameter.grad!.flatten())]), flat.Gradients);
    }

    [Fact]
    public void The_network_computes_the_same_on_flat_storage()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var network = new UNet(SmallExperiment.Model);
        var before = Output(network);
        using var flat = FlatParameters.Of(network);
        TensorAssert.Same(before, Output(network));
    }

    [Fact]
    public void A_replica_shares_the_weights_and_not_the_gradients()
    {
        using var scope = NewDisposeScope();
        using var network = new UNet(SmallExperiment.Model, seed: 1);
        using var replica = new UNet(SmallExperiment.Model, seed: 2);
        using var flat = FlatParameters.Of(network);
        var values = flat.Weights.clone();
        using var shared = flat.Share(replica);
        replica.CopyFrozenFrom(network);
        TensorAssert.Same(values, flat.Weights); // the replica's own fresh weights are gone

        Backward(network);
        Assert.Equal(0, TensorAssert.Largest(shared.Gradients));
        Backward(replica);
        TensorAssert.Same(flat.Gradients, shared.Gradients);

        using var noGrad = no_grad();
        flat.Weights.mul_(0.5);
        TensorAssert.Same(Output(network), Output(replica));
    }

    private static Tensor[] Trainable(UNet network) =>
        [.. network.named_parameters().Where(named => named.parameter.requires_grad).Select(named => named.parameter)];

    private static Tensor Output(UNet network) =>
        network.call(
            linspace(0, 1, 128).view(2, 1, 8, 8), tensor([0.3f, 0.9f]), Condition.OfClasses(tensor([1L, 7L]).view(2, 1)));

    private static void Backward(UNet network) => Output(network).square().sum().backward();
}
