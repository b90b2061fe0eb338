using System.Xml.Linq;

namespace Mezzotint.Cli.Tests;

public class SolutionTests
{
    [Fact]
    public void Every_project_is_in_the_solution_which_is_what_the_build_of_a_change_builds()
    {
        string[] folders = ["bench", "samples", "src", "test"];
        var projects = folders.SelectMany(folder =>
            Directory.GetFiles(Path.Combine(Repository.Root, folder), "*.csproj", SearchOption.AllDirectories))
            .Select(file => Path.GetRelativePath(Repository.Root, file).Replace('\\', '/'));
        var listed = XDocument.Load(Path.Combine(Repository.Root, "Mezzotint.slnx")).Descendants("Project").Select(project =>
            project.Attribute("Path")!.Value);
        Assert.Equal(projects.Order(StringComparer.Ordinal), listed.Order(StringComparer.Ordinal));
    }
}
