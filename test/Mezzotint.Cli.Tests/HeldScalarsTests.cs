
namespace Mezzotint.Cli.Tests;

/// <summary>What is forbidden to the library is forbidden to what is built on it, above all to what teaches how to.</summary>
public class HeldScalarsTests
{
    [Theory]
    [InlineData("Mezzotint.Cli", "Mezzotint.Cli")]
    [InlineData("Mezzotint.AspNetCore", "Mezzotint.AspNetCore")]
    [InlineData("OnnxDigit", "OnnxDigit")]
    [InlineData("OnnxPrompt", "OnnxPrompt")]
    public void Command_server_and_samples_leave_no_Scalar_to_the_garbage_collector(string assembly, string project)
    {
        string beside = Path.Combine(AppContext.BaseDirectory, $"{assembly}.dll");
        if (!File.Exists(beside)) // a sample: it is built, and not referenced
        {
            var own = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
            beside = Path.Combine(own.Parent!.Parent!.FullName, project, own.Name, $"{assembly}.dll");
        }
        HeldScalars.Check(beside);
    }
}
