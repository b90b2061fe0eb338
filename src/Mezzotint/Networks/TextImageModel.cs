using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>
/// Texts and images in one space, in which a text lies close to the images that it describes: a text tower, an image tower, a
/// projection of each, and a scale that is learned.
/// </summary>
/// <remarks>
/// Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision", arXiv 2103.00020, figure 3. The
/// names of its parameters are those of transformers' <c>CLIPModel</c>; below <c>vision_model</c> they are the image tower's own.
/// </remarks>
public sealed class TextImageModel : nn.Module
{
    private const int TextsTogether = 32;

    private const double FirstScale = 1 / 0.07, MostScale = 100; // section 2.5 of the paper

    private readonly Linear _textProjection, _imageProjection;
    private readonly Parameter _logitScale;

    /// <summary>Joins two towers.</summary>
    /// <param name="text">The text tower; it is freed with the model.</param>
    /// <param name="image">The image tower, likewise.</param>
    /// <param name="seed">Of the weights of the projections. 0 to 2^32 - 1.</param>
    public TextImageModel(TextEncoder text, ImageEncoder image, long seed = 0) : base("CLIPModel")
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(image);
        (Text, Image) = (text, image);
        random.manual_seed(seed); // modules draw from the process's generator
        int shared = text.Config.ProjectionDim;
        _imageProjection = Projection(image.Config.HiddenSize, shared);
        _textProjection = Projection(text.Config.HiddenSize, shared);
        _logitScale = new Parameter(tensor((float)Math.Log(FirstScale)));
        register_parameter("logit_scale", _logitScale);
        foreach (var (name, module) in text.named_children())
            register_module(name, module); // text_model
        register_module("vision_model", image);
        register_module("visual_projection", _imageProjection);
        register_module("text_projection", _textProjection);
    }

    /// <summary>The text tower.</summary>
    public TextEncoder Text { get; }

    /// <summary>The image tower.</summary>
    public ImageEncoder Image { get; }

    /// <summary>What similarities are multiplied by before a softmax, up to 100: one number.</summary>
    public Tensor Scale
    {
        get
        {
            using var scope = NewDisposeScope();
            using Scalar most = Math.Log(MostScale); // held while libtorch reads it: see TensorArithmetic
            return _logitScale.clamp_max(most).exp().MoveToOuterDisposeScope();
        }
    }

    /// <summary>Builds a model with fresh weights.</summary>
    /// <param name="text">The shape of the text tower; its <see cref="TextEncoderConfig.ProjectionDim"/> is the space's
    /// width.</param>
    /// <param name="image">The shape of the image tower.</param>
    /// <param name="seed">Of the weights: the same seed gives the same weights, bit for bit. 0 to 2^32 - 1.</param>
    /// <exception cref="MezzotintException">A shape is impossible.</exception>
    public static TextImageModel Create(TextEncoderConfig text, ImageEncoderConfig image, long seed = 0)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(image);
        image.Validate();
        long Next(int part) => (seed + part) & uint.MaxValue;
        return new(TextEncoder.Create(text, seed), ImageEncoder.Create(image, Next(1)), Next(2));
    }

    /// <summary>Where texts lie.</summary>
    /// <param name="tokens">int64 [B, T].</param>
    /// <returns>Of length 1: [B, <see cref="TextEncoderConfig.ProjectionDim"/>].</returns>
    /// <remarks>
    /// What stands behind the end of a text changes nothing before it. So texts are read in groups of like length, each only as
    /// far as its longest one.
    /// </remarks>
    public Tensor EmbedTexts(Tensor tokens)
    {
        using var scope = NewDisposeScope();
        var (ends, order) = Text.Ends(tokens).sort();
        long count = tokens.shape[0];
        var pooled = new List<Tensor>();
        for (long start = 0; start < count; start += TextsTogether)
        {
            long group = Math.Min(TextsTogether, count - start), longest = ends[start + group - 1].item<long>() + 1;
            var texts = tokens.index_select(0, order.narrow(0, start, group)).narrow(1, 0, longest);
            pooled.Add(Text.Pooled(texts, Text.call(texts)));
        }
        return Unit(_textProjection.call(cat(pooled).index_select(0, order.argsort()))).MoveToOuterDisposeScope();
    }

    /// <summary>Where images lie.</summary>
    /// <param name="x">Values in [0, 1]: [B, C, H, W].</param>
    /// <returns>Of length 1: [B, <see cref="TextEncoderConfig.ProjectionDim"/>].</returns>
    public Tensor EmbedImages(Tensor x)
    {
        using var scope = NewDisposeScope();
        return Unit(_imageProjection.call(Image.call(x))).MoveToOuterDisposeScope();
    }

    private static Linear Projection(long inputs, long outputs)
    {
        var projection = nn.Linear(inputs, outputs, hasBias: false);
        nn.init.normal_(projection.weight!, 0, 1 / Math.Sqrt(inputs));
        return projection;
    }

    private static Tensor Unit(Tensor x) => nn.functional.normalize(x, p: 2, dim: 1);
}
