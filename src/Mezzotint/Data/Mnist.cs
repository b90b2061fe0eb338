using Mezzotint.Formats;

namespace Mezzotint.Data;

/// <summary>One of MNIST's files as it is published.</summary>
/// <param name="Name">Its name, which ends in <c>.gz</c>.</param>
/// <param name="Length">Its length in bytes.</param>
/// <param name="Sha256">The SHA-256 of its bytes, in lower-case hexadecimal.</param>
public sealed record MnistFile(string Name, long Length, string Sha256);

/// <summary>
/// MNIST: 60,000 + 10,000 handwritten digits of 28 x 28 grey values, white on black, in four idx files.
/// </summary>
/// <remarks>
/// Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits" (CC BY-SA 3.0). Data sets published in the
/// same four files, such as Fashion-MNIST, are read as well: nothing here depends on the number of images or on their size.
/// </remarks>
public static class Mnist
{
    private static readonly string[] Digits = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

    /// <summary>The four official files: training images and labels, test images and labels.</summary>
    public static IReadOnlyList<MnistFile> Files { get; } =
    [
        new("train-images-idx3-ubyte.gz", 9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
        new("train-labels-idx1-ubyte.gz", 28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        new("t10k-images-idx3-ubyte.gz", 1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
        new("t10k-labels-idx1-ubyte.gz", 4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    ];

    /// <summary>Reads the training set or the test set.</summary>
    /// <param name="folder">
    /// The folder of the files, under their official names, with or without <c>.gz</c>, or with a dot before <c>idx</c>, as some
    /// tools unpack them.
    /// </param>
    /// <param name="train">Whether to read the training set.</param>
    /// <returns>The images [N, 1, H, W] and their digits.</returns>
    /// <exception cref="MezzotintException">A file is missing or damaged, or the two do not belong together.</exception>
    public static ImageSet Load(string folder, bool train)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        string imagePath = Existing(folder, Files[train ? 0 : 2]);
        string labelPath = Existing(folder, Files[train ? 1 : 3]);

        var (labelShape, labels) = IdxFile.Read(labelPath);
        if (labelShape.Length != 1)
            throw new MezzotintException(
                $"{labelPath} has {labelShape.Length} dimensions ({string.Join(" x ", labelShape)}); labels have 1.");
        for (int i = 0; i < labels.Length; i++)
            if (labels[i] > 9)
                throw new MezzotintException($"{labelPath}: label {i} is {labels[i]}; the digits are 0 to 9.");

        var (shape, pixels) = IdxFile.Read(imagePath);
        if (shape.Length != 3)
            throw new MezzotintException(
                $"{imagePath} has {shape.Length} dimensions ({string.Join(" x ", shape)}); images have 3: count, rows, columns.");
        if (shape[0] != labels.Length)
            throw new MezzotintException(
                $"{imagePath} holds {shape[0]} images, but {labelPath} {labels.Length} labels: the two do not belong together.");
        if (pixels.Length == 0)
            throw new MezzotintException($"{imagePath} holds no pixels ({string.Join(" x ", shape)}).");
        return new ImageSet(train ? "mnist train" : "mnist test", pixels, labels, 1, shape[1], shape[2], Digits);
    }

    /// <summary>Which of the four files a folder lacks, by their names without <c>.gz</c>; none when the whole data set is
    /// there.</summary>
    public static IReadOnlyList<string> MissingFrom(string folder) =>
        [.. Files.Where(file => !Candidates(folder, file).Any(File.Exists)).Select(PlainName)];

    private static string Existing(string folder, MnistFile file) =>
        Candidates(folder, file).FirstOrDefault(File.Exists)
        ?? throw new MezzotintException(
            $"{folder} has no {PlainName(file)} (with or without .gz): get it with `mezzotint data fetch mnist`.");

    /// <summary>The plain file before the gzipped one, because it is read faster.</summary>
    private static IEnumerable<string> Candidates(string folder, MnistFile file)
    {
        string plain = Path.Combine(folder, PlainName(file));
        string dotted = Path.Combine(folder, PlainName(file).Replace("-idx", ".idx", StringComparison.Ordinal));
        return [plain, dotted, plain + ".gz", dotted + ".gz"];
    }

    private static string PlainName(MnistFile file) => Path.ChangeExtension(file.Name, null);
}
