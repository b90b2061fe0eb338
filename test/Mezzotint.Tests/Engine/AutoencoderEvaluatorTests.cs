using Mezzotint.Engine;
using Mezzotint.Networks;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Engine;

public class AutoencoderEvaluatorTests
{
    private static readonly AutoencoderConfig Small = new()
    {
        BlockOutChannels = [8, 16, 24], NormNumGroups = 4, LatentChannels = 3,
    };

    /// <summary>The engine by its machine code and by its twin, and libtorch alone.</summary>
    public static TheoryData<string> Kinds => [.. Engines.Both, nameof(EngineKind.Off)];

    [Theory, MemberData(nameof(Kinds))]
    public void What_it_says_of_an_image_is_libtorchs_and_depends_on_nothing_else_to_the_bit(string kind)
    {
        using var engine = kind == nameof(EngineKind.Off) ? EngineChoice.Use(EngineKind.Off) : Engines.Use(kind);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var network = new Autoencoder(Small, seed: 4);
        using var evaluator = new AutoencoderEvaluator(network);
        var (x, z) = (rand(5, 3, 16, 24) * 2 - 1, randn(5, 3, 4, 6));
        var (moments, images) = (evaluator.Encode(x), evaluator.Decode(z));
        TensorAssert.Close(network.Encode(x).Mean, moments.Mean, 1e-5);
        TensorAssert.Close(network.Encode(x).LogVariance, moments.LogVariance, 1e-5);
        TensorAssert.Close(network.Decode(z), images, 1e-5);
        for (int i = 0; i < 5; i++)
        {
            TensorAssert.Same(moments.Mean.narrow(0, i, 1), evaluator.Encode(x.narrow(0, i, 1)).Mean);
            TensorAssert.Same(images.narrow(0, i, 1), evaluator.Decode(z.narrow(0, i, 1)));
        }
    }
}
