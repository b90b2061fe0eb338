namespace Mezzotint.Networks.Classifiers;

/// <summary>
/// Wide convolutions that skip places, 7 x 7 and 5 x 5, with smooth units and no pooling; the last map is read where it stands.
/// It sees large parts at once, where <see cref="ResidualClassifier"/> sees small ones anywhere. After Springenberg et al. 2015,
/// "Striving for Simplicity: The All Convolutional Net", arXiv 1412.6806, section 2.
/// </summary>
internal static class StridedClassifier
{
    public const string Name = "strided";

    private const int ChannelsOfAGroup = 8;

    /// <summary>Gives the embedding, then the scores.</summary>
    public static NetworkDescription Describe(ClassifierConfig config)
    {
        var net = new NetworkBuilder(nameof(StridedClassifier));
        var x = net.Map("x", config.Channels);
        (int height, int width) = (config.Height, config.Width);
        foreach (var (name, channels, kernel) in new[] { ("conv1", 24, 7), ("conv2", 48, 5), ("conv3", 64, 5) })
        {
            x = net.Silu(net.GroupNorm($"{name}_norm",
                net.Convolution(name, x, channels, kernel, stride: 2, bias: false), channels / ChannelsOfAGroup));
            (height, width) = ((height + 1) / 2, (width + 1) / 2);
        }
        var embedding = net.Relu(net.Linear("hidden", net.Flatten(x, height * width), Classifier.EmbeddingLength));
        return net.Build(embedding, net.Linear("scores", embedding, config.Classes));
    }
}
