using Mezzotint.Runtime;
using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>
/// Three convolutions with random weights and rectifiers, which nobody trained: they see edges and textures without regard for
/// what classes differ by. After Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models", arXiv
/// 2002.09797, section 4.1.
/// </summary>
internal static class RandomFilters
{
    private static readonly (int Channels, int Kernel, int Stride)[] Layers = [(32, 5, 2), (64, 3, 2), (32, 3, 1)];

    /// <summary>Channels of the last map.</summary>
    public static int Channels => Layers[^1].Channels;

    /// <summary>Normal, of variance 2 / inputs, which keeps the size of maps through rectifiers (He et al. 2015, arXiv
    /// 1502.01852, equation 10).</summary>
    /// <param name="channels">Of the images.</param>
    /// <param name="seed">Of the weights, which are the same on every machine.</param>
    public static Tensor[] Weights(int channels, long seed) => [.. Layers.Select((layer, index) =>
    {
        int inputs = index == 0 ? channels : Layers[index - 1].Channels, area = layer.Kernel * layer.Kernel;
        var random = new RandomStream(seed, index);
        float[] values = new float[layer.Channels * inputs * area];
        for (int i = 0; i < values.Length; i++)
            values[i] = (float)random.Normal(0, Math.Sqrt(2.0 / (inputs * area)));
        return tensor(values, [layer.Channels, inputs, layer.Kernel, layer.Kernel]);
    })];

    /// <summary>The map of each layer.</summary>
    /// <param name="x">Values in [0, 1]: [B, C, H, W].</param>
    /// <param name="weights">Of a seed, on the same device.</param>
    public static List<Tensor> Maps(Tensor x, Tensor[] weights)
    {
        var maps = new List<Tensor>();
        for (int i = 0; i < weights.Length; i++)
            maps.Add(x = nn.functional.conv2d(x, weights[i], strides: [Layers[i].Stride, Layers[i].Stride],
                padding: [Layers[i].Kernel / 2, Layers[i].Kernel / 2]).relu());
        return maps;
    }
}
