using Mezzotint.Data;

namespace Mezzotint.Tests;

/// <summary>Data that the repository does not have, for tests that are skipped where they are not at hand.</summary>
internal static class TestData
{
    /// <summary>The folder of test data: <c>seed-checkpoint/</c> in it is the published checkpoint of the seed system,
    /// <c>field-cases/</c> are the inputs of bug reports.</summary>
    public const string Variable = "MEZZOTINT_TEST_DATA";

    /// <summary>Why tests on MNIST are skipped.</summary>
    public const string NoMnist =
        "MNIST is not at hand: `mezzotint data fetch mnist` downloads it, or set MEZZOTINT_DATA to the full path of a copy.";

    /// <summary>Why tests on the seed's checkpoint are skipped.</summary>
    public const string NoSeedCheckpoint =
        $"The seed's checkpoint is not at hand: set {Variable} to the full path of a folder that has it in seed-checkpoint/.";

    /// <summary>Why tests on the inputs of bug reports are skipped.</summary>
    public const string NoFieldCases =
        $"The field cases are not at hand: set {Variable} to the full path of a folder that has them in field-cases/.";

    /// <summary>
    /// The folder of MNIST where the product finds it, or in <c>data</c> of the repository; null where there is none.
    /// </summary>
    public static string? MnistFolder { get; } =
        DataSource.Find(DataSource.MnistName, null).Folder
        ?? DataSource.Find(DataSource.MnistName, Path.Combine(Repository.Root, "data")).Folder;

    /// <summary>The folder of the seed's checkpoint; null where there is none.</summary>
    public static string? SeedCheckpoint { get; } = Existing("seed-checkpoint");

    /// <summary>The folder of the inputs of bug reports; null where there is none.</summary>
    public static string? FieldCases { get; } = Existing("field-cases");

    /// <summary>A folder of the test data; null where there is none.</summary>
    public static string? Folder(string name) => Existing(name);

    /// <summary>Why tests on such a folder are skipped.</summary>
    public static string Missing(string name) =>
        $"{name}/ is not at hand: set {Variable} to the full path of a folder that has it.";

    private static string? Existing(string name)
    {
        string? folder = Environment.GetEnvironmentVariable(Variable);
        return string.IsNullOrEmpty(folder) || !Directory.Exists(Path.Combine(folder, name)) ? null : Path.Combine(folder, name);
    }
}
