using Mezzotint.Data;
using Mezzotint.Text;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>Which of its captions each image of a batch is learned with.</summary>
internal static class CaptionDraw
{
    /// <summary>The captions of a batch in tokens: int64 [B, T]. An image without captions has the empty one.</summary>
    /// <param name="prompts">Cuts captions into tokens, and says how often the first is taken.</param>
    /// <param name="images">The set.</param>
    /// <param name="indices">Which of its images: int64 [B].</param>
    /// <param name="dropped">True where the caption is withheld: bool [B, 1]; null for nowhere.</param>
    /// <param name="generator">Chooses; null for the first caption of each.</param>
    public static Tensor Tokens(
        TextPrompts prompts, ImageSet images, Tensor indices, Tensor? dropped, Generator? generator) =>
        prompts.Opened.Tokens(Captions(images, indices, prompts.FirstCaption, dropped, generator));

    /// <summary>The same as texts.</summary>
    public static string[] Captions(ImageSet images, Tensor indices, double first, Tensor? dropped, Generator? generator)
    {
        string[] captions = Of(images, indices, first, generator);
        if (dropped is not null)
        {
            var withheld = dropped.data<bool>();
            for (int i = 0; i < captions.Length; i++)
                if (withheld[i])
                    captions[i] = "";
        }
        return captions;
    }

    /// <summary>A caption of each image.</summary>
    /// <param name="images">The set.</param>
    /// <param name="indices">Which of its images: int64 [B].</param>
    /// <param name="first">The share of the draws that take the first caption, 0 to 1; the others take any.</param>
    /// <param name="generator">Chooses; null for the first caption of each.</param>
    public static string[] Of(ImageSet images, Tensor indices, double first, Generator? generator)
    {
        using var scope = NewDisposeScope();
        long[] which = indices.cpu().data<long>().ToArray();
        float[] uniform = generator is null ? new float[which.Length]
            : rand(which.Length, generator: generator).data<float>().ToArray();
        return [.. which.Select((index, i) => images.Captions((int)index) is { Count: > 0 } captions
            ? captions[generator is null || uniform[i] < first ? 0
                : (int)Math.Min(captions.Count - 1, (uniform[i] - first) / (1 - first) * captions.Count)] : "")];
    }
}
