using Mezzotint.Networks;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Networks;

public class PaddedConvolutionTests
{
    public static TheoryData<int, int> Channels =>
        new()
        {
            { 1, 32 }, { 3, 16 }, { 16, 32 }, { 24, 24 }, { 32, 1 }, { 48, 4 }, { 20, 40 }, { 8, 8 }, { 96, 48 }, { 48, 96 },
            { 80, 16 }, { 16, 80 }, { 12, 112 }, { 112, 12 },
        };

    [Theory, MemberData(nameof(Channels))]
    public void It_is_the_convolution_and_its_gradients_whatever_memory_held_before(int input, int output)
    {
        random.manual_seed(input + output);
        using var conv = nn.Conv2d(input, output, 3, padding: 1);
        CheckAgainstFloat64(
            [8, input, 7, 7], conv, conv.Apply,
            (x, weight) => nn.functional.conv2d(x, weight, conv.bias!.to(float64), [1, 1], [1, 1]));
    }

    [Theory, MemberData(nameof(Channels))]
    public void So_is_one_that_halves_the_map(int input, int output)
    {
        random.manual_seed(input + output);
        using var conv = nn.Conv2d(input, output, 2, stride: 2);
        CheckAgainstFloat64(
            [8, input, 6, 6], conv, conv.Apply,
            (x, weight) => nn.functional.conv2d(x, weight, conv.bias!.to(float64), [2, 2], [0, 0]));
    }

    [Theory, MemberData(nameof(Channels))]
    public void So_is_one_that_doubles_the_map(int input, int output)
    {
        random.manual_seed(input + output);
        using var conv = nn.ConvTranspose2d(input, output, 2, stride: 2);
        CheckAgainstFloat64(
            [8, input, 7, 7], conv, conv.Apply,
            (x, weight) => nn.functional.conv_transpose2d(x, weight, conv.bias!.to(float64), [2, 2]));
    }

    private static void CheckAgainstFloat64(
        long[] shape, nn.Module<Tensor, Tensor> layer, Func<Tensor, Tensor> apply, Func<Tensor, Tensor, Tensor> formula)
    {
        using var scope = NewDisposeScope();
        var weight = layer.get_parameter("weight")!;
        var x = randn(shape, requires_grad: true);
        LeaveNaNs();
        var y = apply(x);
        var gradient = randn(y.shape);
        LeaveNaNs();
        y.backward([gradient]);

        var (x64, weight64) = (x.detach().to(float64).requires_grad_(), weight.detach().to(float64).requires_grad_());
        var truth = formula(x64, weight64);
        truth.backward([gradient.to(float64)]);
        foreach (
            var (what, right, got) in new[]
            {
                ("map", truth.detach(), y.detach()), ("its gradient", x64.grad!, x.grad!),
                ("the weights'", weight64.grad!, weight.grad!),
            })
            Assert.True(
                right.to(float32).allclose(got, 1e-3, 1e-3), $"{what}: off by {right.sub(got).abs().max().item<double>()}");
    }

    /// <summary>What the next tensors of such sizes find in their memory.</summary>
    private static void LeaveNaNs()
    {
        using var scope = NewDisposeScope();
        for (int i = 0; i < 200; i++)
        {
            full([1 + 700L * i], float.NaN);
            full([16 + 16L * i], float.NaN);
        }
    }
}
