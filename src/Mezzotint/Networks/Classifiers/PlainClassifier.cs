namespace Mezzotint.Networks.Classifiers;

/// <summary>
/// Three convolutions of 5 x 5 with pooling between them and two linear layers: it sees an image's parts in their places.
/// After LeCun et al. 1998, "Gradient-Based Learning Applied to Document Recognition", section II, wider, with rectifiers and
/// maximum pooling.
/// </summary>
internal static class PlainClassifier
{
    public const string Name = "plain";

    /// <summary>Gives the embedding, then the scores.</summary>
    public static NetworkDescription Describe(ClassifierConfig config)
    {
        var net = new NetworkBuilder(nameof(PlainClassifier));
        var x = net.Map("x", config.Channels);
        foreach (var (name, channels) in new[] { ("conv1", 24), ("conv2", 48), ("conv3", 96) })
            // a rectifier keeps the order: pooling first leaves it a quarter of the work
            x = net.Relu(net.MaxPool(net.Convolution(name, x, channels, kernel: 5)));
        var embedding = net.Relu(net.Linear("hidden", net.Flatten(x, config.Height / 8 * (config.Width / 8)),
            Classifier.EmbeddingLength));
        return net.Build(embedding, net.Linear("scores", embedding, config.Classes));
    }
}
