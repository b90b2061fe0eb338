using Mezzotint.Networks;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>D = Skip x + Out F(In x, Time) of a teacher.</summary>
internal static class TeacherEstimate
{
    /// <summary>The columns that factors begin with.</summary>
    public const int Skip = 0, Out = 1, In = 2, Time = 3;

    /// <summary>D with classifier-free guidance: D_0 + w (D - D_0), where D_0 is asked for no class.</summary>
    /// <param name="teacher">F.</param>
    /// <param name="model">Knows the row of no class.</param>
    /// <param name="x">[B, C, H, W].</param>
    /// <param name="factors">Skip, Out, In and Time of each image, and what follows: [B, 4 or more].</param>
    /// <param name="weights">w of each image, 1 for none: [B].</param>
    /// <param name="condition">Classes: B rows.</param>
    public static Tensor Guided(
        NetworkCall teacher, NetworkConfig model, Tensor x, Tensor factors, Tensor weights, Condition condition)
    {
        using Scalar one = 1; // held while libtorch reads it: see TensorArithmetic
        var estimate = Of(condition);
        if (!weights.ne(one).any().item<bool>())
            return estimate;
        var nothing = Condition.OfLabels(Enumerable.Repeat(model.NoLabel!.Value, (int)x.shape[0]), x.device);
        var without = Of(model.InRows(nothing));
        return without.Plus(weights.view(-1, 1, 1, 1) * (estimate - without));

        Tensor Column(int index) => factors.select(1, index).view(-1, 1, 1, 1);
        Tensor Of(Condition asked) => (Column(Skip) * x).Plus(
            Column(Out) * teacher(Column(In) * x, factors.select(1, Time).contiguous(), asked));
    }
}
