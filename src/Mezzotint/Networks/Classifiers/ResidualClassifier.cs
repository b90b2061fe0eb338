namespace Mezzotint.Networks.Classifiers;

/// <summary>
/// Convolutions of 3 x 3 with residual blocks and group normalisation, and an average over all places at the end: it sees strokes
/// and how they meet, wherever they are. After He et al. 2016, "Deep Residual Learning for Image Recognition", arXiv 1512.03385,
/// and Wu and He 2018, "Group Normalization", arXiv 1803.08494. Its statistics belong to one image, so no image depends on its
/// batch.
/// </summary>
internal static class ResidualClassifier
{
    public const string Name = "residual";

    private const int ChannelsOfAGroup = 8;

    /// <summary>Gives the embedding, then the scores.</summary>
    public static NetworkDescription Describe(ClassifierConfig config)
    {
        var net = new NetworkBuilder(nameof(ResidualClassifier));
        net.PrintFirst("stem", "down1", "down2", "last"); // as the files of trained ones have them
        var x = net.Relu(Normalised(net, "stem", net.Map("x", config.Channels), 16));
        x = Block(net, "block1", net.Relu(Normalised(net, "down1", x, 32, stride: 2)));
        x = Block(net, "block2", net.Relu(Normalised(net, "down2", x, 64, stride: 2)));
        x = net.Relu(Normalised(net, "last", x, Classifier.EmbeddingLength)); // [B, 128, H / 4, W / 4]
        var embedding = net.MeanOfPlaces(x);
        return net.Build(embedding, net.Linear("scores", embedding, config.Classes));
    }

    private static Node Normalised(NetworkBuilder net, string name, Node x, int channels, int stride = 1)
    {
        using var module = net.Module(name, "NormalizedConvolution");
        // the normalisation has a bias
        return net.GroupNorm("norm", net.Convolution("conv", x, channels, stride: stride, bias: false),
            channels / ChannelsOfAGroup);
    }

    private static Node Block(NetworkBuilder net, string name, Node x)
    {
        using var block = net.Module(name, "Block");
        var first = net.Relu(Normalised(net, "first", x, x.Channels));
        return net.Relu(net.Add(x, Normalised(net, "second", first, x.Channels)));
    }
}
