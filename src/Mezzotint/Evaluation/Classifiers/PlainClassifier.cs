using Mezzotint.Networks;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mezzotint.Evaluation.Classifiers;

/// <summary>
/// Three convolutions of 5 x 5 with pooling between them and two linear layers: it sees an image's parts in their places.
/// After LeCun et al. 1998, "Gradient-Based Learning Applied to Document Recognition", section II, wider, with rectifiers and maximum pooling.
/// </summary>
public sealed class PlainClassifier : Classifier
{
    internal const string Name = "plain";

    private readonly Conv2d conv1, conv2, conv3;
    private readonly Linear hidden, scores;

    internal PlainClassifier(ClassifierConfig config) : base(nameof(PlainClassifier), config)
    {
        conv1 = nn.Conv2d(config.Channels, 24, 5, padding: 2);
        conv2 = nn.Conv2d(24, 48, 5, padding: 2);
        conv3 = nn.Conv2d(48, 96, 5, padding: 2);
        hidden = nn.Linear(96 * (config.Height / 8) * (config.Width / 8), EmbeddingLength);
        scores = nn.Linear(EmbeddingLength, config.Classes);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor Embed(Tensor x)
    {
        CheckShape(x);
        using var scope = NewDisposeScope();
        x = Pooled(conv1, x);  // [B, 24, H / 2, W / 2]
        x = Pooled(conv2, x);  // [B, 48, H / 4, W / 4]
        x = Pooled(conv3, x);  // [B, 96, H / 8, W / 8]
        return hidden.call(x.flatten(1)).relu_().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor Scores(Tensor embedding) => scores.call(embedding);

    /// <summary>Pooling first is the same as pooling last, as a rectifier keeps the order, and leaves it a quarter of the work.</summary>
    private static Tensor Pooled(Conv2d conv, Tensor x) => nn.functional.max_pool2d(conv.Apply(x), 2).relu_();
}
