namespace Mezzotint.Cli.Tests;
public class PlaceholderTests { [Fact] public void Runs() => Assert.NotNull(typeof(PlaceholderTests)); }
