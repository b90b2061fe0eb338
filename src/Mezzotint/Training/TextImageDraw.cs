using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Text;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>A caption for each image of a batch, how the images are bent, and which captions fit which images.</summary>
/// <param name="Tokens">The captions: int64 [B, T].</param>
/// <param name="Fits">Whether the caption of each column is right for the image of each row: bool [B, B].</param>
/// <param name="Bent">How the images are bent; null where they stay as they are.</param>
internal sealed record TextImageDraw(Tensor Tokens, Tensor Fits, Augmentation? Bent) : BatchDraw
{
    /// <summary>
    /// The first caption of an image is the full one. It is drawn half of the time, each other as often as the rest of them.
    /// </summary>
    private const double FirstShare = 0.5;

    /// <summary>Draws for a training batch; whatever is made lives in the caller's scope.</summary>
    public static TextImageDraw From(Generator generator, ClipTokenizer tokenizer, ImageSet images, Tensor indices)
    {
        int[] chosen = Numbers(indices);
        float[] numbers = rand([2, chosen.Length], generator: generator).data<float>().ToArray();
        string[] captions = [.. chosen.Select((image, i) =>
            Variant(images.Captions(image), numbers[i], numbers[chosen.Length + i]))];
        return Of(tokenizer, images, chosen, captions) with
        {
            Bent = Augmentation.From(generator, chosen.Length, Bending.Pictures),
        };
    }

    /// <summary>The full captions of images as they are.</summary>
    public static TextImageDraw Full(ClipTokenizer tokenizer, ImageSet images, Tensor indices)
    {
        int[] chosen = Numbers(indices);
        return Of(tokenizer, images, chosen, [.. chosen.Select(image => images.Captions(image)[0])]);
    }

    public override TextImageDraw MoveTo(Device device) => new(Tokens.to(device), Fits.to(device), Bent?.MoveTo(device));

    public override TextImageDraw Slice(long start, long count) => new(Tokens.narrow(0, start, count),
        Fits.narrow(0, start, count).narrow(1, start, count), Bent?.Slice(start, count));

    /// <summary>The tokens of captions: int64 [B, T].</summary>
    public static Tensor TokensOf(ClipTokenizer tokenizer, IReadOnlyList<string> captions) =>
        TokenizedPrompt.Batch([.. captions.Select(tokenizer.Tokenize)]);

    private static string Variant(IReadOnlyList<string> captions, double first, double other) =>
        captions.Count == 1 || first < FirstShare ? captions[0]
            : captions[1 + Math.Min((int)(other * (captions.Count - 1)), captions.Count - 2)];

    /// <summary>A caption fits an image that has it among its own, and one that is the same to the pixel as its own.</summary>
    private static TextImageDraw Of(ClipTokenizer tokenizer, ImageSet images, int[] chosen, string[] captions)
    {
        int count = chosen.Length;
        var own = Array.ConvertAll(chosen, image => images.Captions(image).ToHashSet(StringComparer.Ordinal));
        uint[] pictures = Array.ConvertAll(chosen, image => Crc32C.Of(images.Image(image)));
        bool[] fits = new bool[count * count];
        for (int image = 0; image < count; image++)
            for (int caption = 0; caption < count; caption++)
                fits[image * count + caption] = pictures[image] == pictures[caption] || own[image].Contains(captions[caption]);
        return new(TokensOf(tokenizer, captions), tensor(fits, [count, count]), null);
    }

    private static int[] Numbers(Tensor indices) => Array.ConvertAll(indices.cpu().data<long>().ToArray(), index => (int)index);
}
