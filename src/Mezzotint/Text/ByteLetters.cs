using System.Text;

namespace Mezzotint.Text;

/// <summary>The letters by which byte-level vocabularies write bytes: printable ones stand for themselves, the others for letters
/// from 256 on.</summary>
/// <remarks>Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section 2.2.</remarks>
internal static class ByteLetters
{
    private static readonly char[] Letters = Make();

    private static readonly Dictionary<char, byte> Bytes = Enumerable.Range(0, 256).ToDictionary(i => Letters[i], i => (byte)i);

    /// <summary>The letter of each byte.</summary>
    public static IReadOnlyList<char> All => Letters;

    /// <summary>What letters write; parts of a character that are alone become U+FFFD.</summary>
    public static string Text(string letters) =>
        Encoding.UTF8.GetString([.. letters.Select(letter => Bytes.TryGetValue(letter, out byte value) ? value : (byte)'?')]);

    private static char[] Make()
    {
        char[] letters = new char[256];
        int next = 256;
        for (int i = 0; i < 256; i++)
            letters[i] = i is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE ? (char)i : (char)next++;
        return letters;
    }
}
