using System.Security.Cryptography;
using Mezzotint.Data;

namespace Mezzotint.Evaluation.Prompts;

/// <summary>Pictures of a set that are the same to the pixel: who draws one of them has drawn all.</summary>
internal static class EqualPictures
{
    /// <summary>For each picture the place of the first one that is the same.</summary>
    public static int[] Of(ImageSet images)
    {
        var first = new Dictionary<string, int>(StringComparer.Ordinal);
        int[] equal = new int[images.Count];
        for (int i = 0; i < equal.Length; i++)
        {
            string hash = Convert.ToHexString(SHA256.HashData(images.Image(i)));
            equal[i] = first.TryGetValue(hash, out int before) ? before : first[hash] = i;
        }
        return equal;
    }
}
