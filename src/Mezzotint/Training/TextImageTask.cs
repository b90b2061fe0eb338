using Mezzotint.Data;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// A <see cref="TextImageModel"/> learns to find, among the images of a batch, the one that a caption describes, and the other
/// way round: the mean of both cross-entropies.
/// </summary>
/// <remarks>
/// Radford et al. 2021, arXiv 2103.00020, figure 3. A caption that is right for several images of the batch is not held against
/// the others: such pairs are left out of the sums. Captions are drawn among the variants of each image.
/// </remarks>
/// <param name="text">The shape of the text tower; its numbers of tokens are those of the tokenizer.</param>
/// <param name="image">The shape of the image tower.</param>
/// <param name="tokenizer">What captions are cut into.</param>
public sealed class TextImageTask(TextEncoderConfig text, ImageEncoderConfig image, ClipTokenizer tokenizer) : CoupledTask
{
    /// <summary>The names of the figures: how often the own picture is first for a caption, and the other way round.</summary>
    internal const string PictureFirst = "picture_first", CaptionFirst = "caption_first";

    /// <inheritdoc/>
    public override nn.Module Build(long seed = 0) => TextImageModel.Create(text, image, seed);

    /// <inheritdoc/>
    public override BatchDraw Draw(Generator generator, ResidentImages data, Tensor indices, double progress)
    {
        ArgumentNullException.ThrowIfNull(data);
        return TextImageDraw.From(generator, tokenizer, data.Images, indices);
    }

    /// <summary>Test images stay as they are, with their full captions.</summary>
    public override BatchDraw DrawForTest(Generator generator, ResidentImages data, Tensor indices)
    {
        ArgumentNullException.ThrowIfNull(data);
        return TextImageDraw.Full(tokenizer, data.Images, indices);
    }

    /// <summary>The images' places in the common space, then their captions': [B, 2 P].</summary>
    public override Tensor Embed(nn.Module network, Tensor images, Tensor labels, BatchDraw draw)
    {
        var (model, drawn) = ((TextImageModel)network, (TextImageDraw)draw);
        using var scope = NewDisposeScope();
        return cat([model.EmbedImages(drawn.Bent?.Apply(images) ?? images), model.EmbedTexts(drawn.Tokens)], 1)
            .MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor Losses(nn.Module network, Tensor embeddings, BatchDraw draw)
    {
        ArgumentNullException.ThrowIfNull(embeddings);
        using var scope = NewDisposeScope();
        var parts = embeddings.chunk(2, 1);
        var scores = nn.functional.linear(parts[0], parts[1]) * ((TextImageModel)network).Scale; // images down, captions across
        long count = embeddings.shape[0];
        var own = eye(count, dtype: ScalarType.Bool, device: embeddings.device);
        using Scalar never = double.NegativeInfinity, zero = 0, end = count, one = 1; // held: see TensorArithmetic
        scores = scores.masked_fill(((TextImageDraw)draw).Fits.logical_and(own.logical_not()), never);
        var wanted = arange(zero, end, one, dtype: ScalarType.Int64, device: embeddings.device);
        Tensor Across(Tensor of) => nn.functional.cross_entropy(of, wanted, reduction: nn.Reduction.None);
        return Across(scores).Plus(Across(scores.t())).Times(0.5).MoveToOuterDisposeScope();
    }

    /// <summary>How often a caption's own picture is the first among all test pictures, and a picture's caption among all
    /// captions; 0 to 1.</summary>
    public override IReadOnlyDictionary<string, double> Figures(
        nn.Module network, ResidentImages test, WorkerThreads threads, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(test);
        var retrieval = new Retrieval((TextImageModel)network, tokenizer, threads, test.Device, cancellation);
        var (picture, caption) = retrieval.First(test.Images, test.Images);
        return new Dictionary<string, double> { [PictureFirst] = picture, [CaptionFirst] = caption };
    }

    /// <inheritdoc/>
    public override void Check(ImageSet images)
    {
        base.Check(images);
        if ((images.Channels, images.Height, images.Width) != (image.Channels, image.Height, image.Width))
            throw new MezzotintException(
                $"{images.Name} has images of {images.Channels} x {images.Height} x {images.Width}, the image tower takes "
                + $"{image.Channels} x {image.Height} x {image.Width}: set data.size and data.channels, or [image_encoder].")
                { Key = "data.size" };
        CheckCaptions(images);
    }

    /// <summary>Makes sure that each image has a caption.</summary>
    /// <exception cref="MezzotintException">One has none; the message says how many.</exception>
    internal static void CheckCaptions(ImageSet images)
    {
        int without = images.HasCaptions
            ? Enumerable.Range(0, images.Count).Count(i => images.Captions(i).Count == 0) : images.Count;
        if (without > 0)
            throw new MezzotintException(
                $"{images.Name}: {without} of {images.Count} images have no caption, and each needs one: name their column with "
                + "data.caption.") { Key = "data.caption" };
    }

    internal override RandomPurpose Randomness => RandomPurpose.Augmentation;

    internal override string LossSettings => "[training]";
}
