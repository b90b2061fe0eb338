using System.Reflection;
using PublicApiGenerator;

namespace Mezzotint.Tests;

/// <summary>
/// What a package offers, as a text beside its project: a change of it is a change that users see. The projects of the tests
/// share this file.
/// </summary>
internal static class PublicApi
{
    private const string WriteVariable = "MEZZOTINT_WRITE_API";

    /// <summary>Compares the public surface with its text, or writes the text where the variable asks for it.</summary>
    /// <param name="assembly">The package's code.</param>
    /// <param name="project">Its project, below src.</param>
    public static void Check(Assembly assembly, string project)
    {
        string path = Path.Combine(Repository.Root, "src", project, "PublicApi.txt");
        string now =
            assembly.GeneratePublicApi(new ApiGeneratorOptions { IncludeAssemblyAttributes = false }).ReplaceLineEndings("\n")
            + "\n";
        if (Environment.GetEnvironmentVariable(WriteVariable) == "1")
            File.WriteAllText(path, now);
        string[] before = File.ReadAllLines(path), after = now.Split('\n')[..^1];
        string[] changed =
        [
            .. before.Except(after).Select(line => $"- {line.Trim()}"),
            .. after.Except(before).Select(line => $"+ {line.Trim()}"),
        ];
        Assert.True(changed.Length == 0 && before.Length == after.Length,
            $"The public surface of {project} has changed. Where that is meant, run this test with {WriteVariable}=1 and say it "
            + $"in the "
            + $"CHANGELOG.\n{string.Join('\n', changed.Take(40))}");
    }
}
