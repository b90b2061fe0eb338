using Mezzotint.Networks;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>D = Skip x + Out F(In x, Time) of networks that teach, are taught or are compared.</summary>
internal static class TeacherEstimate
{
    /// <summary>The columns that factors begin with.</summary>
    public const int Skip = 0, Out = 1, In = 2, Time = 3;

    /// <summary>A column of factors: [B, 1, 1, 1].</summary>
    public static Tensor Column(Tensor factors, int index) => factors.select(1, index).view(-1, 1, 1, 1);

    /// <summary>D of a network.</summary>
    /// <param name="network">F.</param>
    /// <param name="x">[B, C, H, W].</param>
    /// <param name="factors">Skip, Out, In and Time of each image, and what follows: [B, 4 or more].</param>
    /// <param name="condition">What is asked for: B rows.</param>
    public static Tensor Of(NetworkCall network, Tensor x, Tensor factors, Condition condition) =>
        (Column(factors, Skip) * x).Plus(Column(factors, Out) * Output(network, x, factors, condition));

    /// <summary>F of a network.</summary>
    public static Tensor Output(NetworkCall network, Tensor x, Tensor factors, Condition condition) =>
        network(Column(factors, In) * x, factors.select(1, Time).contiguous(), condition);

    /// <summary>D of a teacher with classifier-free guidance.</summary>
    /// <param name="teacher">F.</param>
    /// <param name="model">Knows the row of no class.</param>
    /// <param name="x">[B, C, H, W].</param>
    /// <param name="factors">As above.</param>
    /// <param name="weights">Of the guidance of each image: [B].</param>
    /// <param name="condition">Classes: B rows.</param>
    public static Tensor Guided(
        NetworkCall teacher, NetworkConfig model, Tensor x, Tensor factors, Tensor weights, Condition condition)
    {
        using Scalar one = 1; // held while libtorch reads it: see TensorArithmetic
        var estimate = Of(teacher, x, factors, condition);
        if (!weights.ne(one).any().item<bool>())
            return estimate;
        var nothing = Condition.OfLabels(Enumerable.Repeat(model.NoLabel!.Value, (int)x.shape[0]), x.device);
        var without = Of(teacher, x, factors, model.InRows(nothing));
        return without.Plus(weights.view(-1, 1, 1, 1) * (estimate - without));
    }
}
