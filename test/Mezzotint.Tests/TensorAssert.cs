using Mezzotint.Formats;
using static TorchSharp.torch;

namespace Mezzotint.Tests;

/// <summary>Assertions on tensors.</summary>
internal static class TensorAssert
{
    /// <summary>The same type, shape and bytes.</summary>
    public static void Same(Tensor expected, Tensor actual)
    {
        var (wanted, got) = (expected.ToData(), actual.ToData());
        Assert.Equal(wanted.Type, got.Type);
        Assert.Equal(wanted.Shape, got.Shape);
        Assert.True(wanted.Bytes.Span.SequenceEqual(got.Bytes.Span), $"different numbers in [{string.Join(", ", wanted.Shape)}]");
    }

    /// <summary>max |actual - expected| &lt;= tolerance max |expected|.</summary>
    public static void Close(Tensor expected, Tensor actual, double tolerance, string what = "tensor")
    {
        using var scope = NewDisposeScope();
        Assert.True(
            expected.shape.AsSpan().SequenceEqual(actual.shape),
            $"{what}: [{string.Join(", ", actual.shape)}] instead of [{string.Join(", ", expected.shape)}]");
        double error = Largest(actual.detach().to(float64) - expected.detach().to(float64)) / Largest(expected);
        Assert.True(error <= tolerance, $"{what}: relative error {error:E2}, more than {tolerance:E0}");
    }

    /// <summary>max |x|.</summary>
    public static double Largest(Tensor x)
    {
        using var scope = NewDisposeScope();
        return x.detach().to(float64).abs().max().item<double>();
    }
}
