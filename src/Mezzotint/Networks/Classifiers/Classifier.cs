using static TorchSharp.torch;

namespace Mezzotint.Networks.Classifiers;

/// <summary>
/// A network that predicts the class of an image. Its last layer but one is an embedding: a list of numbers in which images that
/// look alike to it lie close together. It measures generated images; it is never trained on them, and nothing is tuned to it.
/// </summary>
public sealed class Classifier : nn.Module<Tensor, Tensor>
{
    /// <summary>How many numbers the embedding of an image has.</summary>
    public const int EmbeddingLength = 128;

    private readonly DescribedProgram _embed, _scores;

    private Classifier(ClassifierConfig config, NetworkDescription description) : base(description.Root.Type)
    {
        Config = config;
        var modules = new DescribedModules(this, description);
        var (embedding, scores) = (description.Outputs[0], description.Outputs[1]);
        _embed = new(modules, description, description.Inputs, embedding);
        _scores = new(modules, description, [embedding], scores);
        Features = new(modules, description, config.Channels, config.Height, config.Width);
    }

    /// <summary>What it sees on its way.</summary>
    internal FeatureMaps Features { get; }

    /// <summary>
    /// The architectures by name. They differ in depth, kernels, normalisation and pooling, so that they do not err alike.
    /// </summary>
    public static IReadOnlyList<string> Architectures { get; } = 
        [ResidualClassifier.Name, PlainClassifier.Name, StridedClassifier.Name];

    /// <summary>The shape.</summary>
    public ClassifierConfig Config { get; }

    /// <summary>Builds a classifier with fresh weights.</summary>
    /// <param name="config">The shape.</param>
    /// <param name="seed">Of the weights: the same seed gives the same weights, bit for bit. 0 to 2^32 - 1.</param>
    /// <exception cref="MezzotintException">The shape is impossible.</exception>
    public static Classifier Create(ClassifierConfig config, long seed = 0)
    {
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        random.manual_seed(seed); // modules draw from the process's generator
        return new(config, Describe(config));
    }

    internal static NetworkDescription Describe(ClassifierConfig config) => config.Architecture switch
    {
        PlainClassifier.Name => PlainClassifier.Describe(config),
        StridedClassifier.Name => StridedClassifier.Describe(config),
        _ => ResidualClassifier.Describe(config),
    };

    /// <summary>The embedding of images.</summary>
    /// <param name="x">Values in [0, 1]: [B, C, H, W].</param>
    /// <returns>[B, <see cref="EmbeddingLength"/>], none negative.</returns>
    /// <exception cref="ArgumentException">The images are of another size.</exception>
    public Tensor Embed(Tensor x)
    {
        CheckShape(x);
        return _embed.Run([x]);
    }

    /// <summary>
    /// The scores of the classes, before a softmax, from an embedding: [B, <see cref="ClassifierConfig.Classes"/>].
    /// </summary>
    public Tensor Scores(Tensor embedding) => _scores.Run([embedding]);

    /// <summary>Maps images with values in [0, 1], [B, C, H, W], to the scores of the classes.</summary>
    public override Tensor forward(Tensor x) => Scores(Embed(x));

    // libtorch ends the process over some wrong shapes, so they are found here.
    private void CheckShape(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.dim() != 4 || x.shape[1] != Config.Channels || x.shape[2] != Config.Height || x.shape[3] != Config.Width)
            throw new ArgumentException(
                $"Images must be [B, {Config.Channels}, {Config.Height}, {Config.Width}], not [{string.Join(", ", x.shape)}].",
                nameof(x));
    }
}
