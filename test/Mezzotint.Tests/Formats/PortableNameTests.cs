using Mezzotint.Formats;

namespace Mezzotint.Tests.Formats;

public class PortableNameTests
{
    [Theory]
    [InlineData("7", "7")]
    [InlineData("shih-tzu, a dog", "shih-tzu_ a dog")]
    [InlineData("größer.als", "größer.als")]
    [InlineData("../up", ".._up")]
    [InlineData("..", "_")]
    [InlineData("", "_")]
    [InlineData(" etc. . ", "etc")]
    [InlineData("a:b\\c/d", "a_b_c_d")]
    [InlineData("con", "_con")]
    [InlineData("Nul", "_Nul")]
    [InlineData("aux.png", "_aux.png")]
    [InlineData("com1", "_com1")]
    [InlineData("LPT\u00B2.tar.gz", "LPT_.tar.gz")]
    [InlineData("prn ", "_prn")]
    [InlineData("console", "console")]
    [InlineData("com10", "com10")]
    public void What_may_be_called_anything_gets_a_name_that_all_systems_have(string text, string name) =>
        Assert.Equal(name, PortableName.Of(text));

    [Theory]
    [InlineData(@"C:\runs\con.png", "con.png")]
    [InlineData("runs/NUL/model", "NUL")]
    [InlineData("run.", "run.")]
    [InlineData("a /b", "a ")]
    [InlineData("LPT\u00B2.tar.gz", "LPT\u00B2.tar.gz")]
    public void A_path_that_Windows_takes_for_another_is_told_by_its_part(string path, string part) =>
        Assert.Contains($"'{part}'", PortableName.WhyNot(path), StringComparison.Ordinal);

    [Theory]
    [InlineData(@"C:\runs\console.png")]
    [InlineData(@"..\.\a.b\.hidden")]
    [InlineData(@"\\server\share\run")]
    public void Other_paths_are_none_of_these(string path) => Assert.Null(PortableName.WhyNot(path));
}
