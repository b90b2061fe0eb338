using Mezzotint.Runtime;
using TorchSharp;

namespace Mezzotint.Tests.Runtime;

public class TensorArithmeticTests
{
    [Fact]
    public void It_is_the_arithmetic_of_the_operators()
    {
        using var scope = torch.NewDisposeScope();
        var (a, b) = (torch.rand(7), torch.rand(7));
        TensorAssert.Same(a + b, a.Plus(b));
        TensorAssert.Same(a.add(b, alpha: 0.3), a.Plus(0.3, b));
        TensorAssert.Same(a + 0.3, a.Plus(0.3));
        TensorAssert.Same(a * 0.3, a.Times(0.3));
        TensorAssert.Same(a / 0.3, a.Over(0.3));
        TensorAssert.Same(a * a, a.Squared());
        var sum = a + b;
        TensorAssert.Same(sum, a.AddInPlace(b));
        TensorAssert.Same(sum, a);
    }

    [Fact]
    public void The_library_leaves_no_Scalar_to_the_garbage_collector_while_libtorch_reads_it() =>
        HeldScalars.Check(typeof(TensorArithmetic).Assembly.Location, makesScalars: true);
}
