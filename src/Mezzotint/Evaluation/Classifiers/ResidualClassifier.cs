using Mezzotint.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mezzotint.Evaluation.Classifiers;

/// <summary>
/// Convolutions of 3 x 3 with residual blocks and group normalisation, and an average over all places at the end: it sees strokes and how they
/// meet, wherever they are. After He et al. 2016, "Deep Residual Learning for Image Recognition", arXiv 1512.03385, and Wu and He 2018,
/// "Group Normalization", arXiv 1803.08494, whose statistics belong to one image, so that no image depends on its batch.
/// </summary>
public sealed class ResidualClassifier : Classifier
{
    internal const string Name = "residual";

    private const int ChannelsOfAGroup = 8;

    private readonly NormalizedConvolution stem, down1, down2, last;
    private readonly Block block1, block2;
    private readonly Linear scores;

    internal ResidualClassifier(ClassifierConfig config) : base(nameof(ResidualClassifier), config)
    {
        stem = new(config.Channels, 16);
        down1 = new(16, 32, stride: 2);
        block1 = new(32);
        down2 = new(32, 64, stride: 2);
        block2 = new(64);
        last = new(64, EmbeddingLength);
        scores = nn.Linear(EmbeddingLength, config.Classes);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor Embed(Tensor x)
    {
        CheckShape(x);
        using var scope = NewDisposeScope();
        x = stem.call(x).relu_();                            // [B, 16, H, W]
        x = block1.call(down1.call(x).relu_());              // [B, 32, H / 2, W / 2]
        x = block2.call(down2.call(x).relu_());              // [B, 64, H / 4, W / 4]
        x = last.call(x).relu_();                            // [B, 128, H / 4, W / 4]
        return x.mean([2, 3]).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor Scores(Tensor embedding) => scores.call(embedding);

    private sealed class NormalizedConvolution : nn.Module<Tensor, Tensor>
    {
        private readonly Conv2d conv;
        private readonly GroupNorm norm;

        public NormalizedConvolution(int inChannels, int outChannels, int stride = 1) : base(nameof(NormalizedConvolution))
        {
            conv = nn.Conv2d(inChannels, outChannels, 3, stride: stride, padding: 1, bias: false); // the normalisation has a bias
            norm = nn.GroupNorm(outChannels / ChannelsOfAGroup, outChannels);
            nn.init.ones_(norm.weight); // TorchSharp leaves both uninitialised
            nn.init.zeros_(norm.bias);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            return norm.call(conv.call(x)).MoveToOuterDisposeScope();
        }
    }

    private sealed class Block : nn.Module<Tensor, Tensor>
    {
        private readonly NormalizedConvolution first, second;

        public Block(int channels) : base(nameof(Block))
        {
            (first, second) = (new(channels, channels), new(channels, channels));
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            return x.Plus(second.call(first.call(x).relu_())).relu_().MoveToOuterDisposeScope();
        }
    }
}
