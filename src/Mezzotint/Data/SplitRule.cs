using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Mezzotint.Data;

/// <summary>
/// How training and test images are divided: <c>data.split</c> is a share of test images such as <c>0.2</c>, <c>folders</c> for
/// the folders <c>train</c> and <c>test</c>, or the name of a column of the metadata.
/// </summary>
/// <remarks>
/// By share, an image is held back by its name alone, so it stays where it is when others come or go. The first eight bytes of
/// SHA-256(name), as a little-endian number, give a place from 0 to 1 by its decimal digits, the last one first. Test images are
/// those whose place is below the share. A larger share keeps the test images of a smaller one. Without a rule the share is a
/// tenth. In a column, <c>train</c> is the training set and <c>test</c> (or <c>validation</c>, <c>valid</c>, <c>val</c>, or all
/// values that begin with <c>held-out</c>) the test set; without any of these, a tenth of the training images is held back.
/// Images
/// of other values are in neither.
/// </remarks>
internal sealed class SplitRule
{
    public const string Folders = "folders", TrainName = "train", DefaultColumn = "split";

    /// <summary>The values of a column and the folders that mean the test set, the first that is there counts.</summary>
    public static readonly string[] TestNames = ["test", "validation", "valid", "val"];

    /// <summary>Values of a column that begin with it mean the test set too, where none of <see cref="TestNames"/> is
    /// there.</summary>
    public const string HeldOut = "held-out";

    private const double DefaultShare = 0.1;
    private const int Digits = 6;

    private readonly double _share;

    private SplitRule(double share) => _share = share;

    /// <summary>The share that a text names; null where it is no number.</summary>
    public static double? ShareOf(string? text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double share) ? share : null;

    /// <summary>The rule of a share; of null, of a tenth.</summary>
    public static SplitRule Of(string? split) => new(ShareOf(split) ?? DefaultShare);

    /// <summary>Whether an image is one of a part.</summary>
    /// <param name="name">Its name, <c>CLASS/FILE</c> or <c>FILE</c>.</param>
    /// <param name="part">The part.</param>
    public bool Takes(string name, ImageSplit part) => part == ImageSplit.All || IsTest(name) == (part == ImageSplit.Test);

    private bool IsTest(string name)
    {
        ulong number = BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(name)));
        long place = 0, all = 1;
        for (int digit = 0; digit < Digits; digit++, number /= 10, all *= 10)
            place = 10 * place + (long)(number % 10);
        return place < (long)Math.Round(_share * all);
    }
}
