using Mezzotint.Sampling;

namespace Mezzotint.Tests;

/// <summary>The library's rooms stand in an order (docs/architecture.md), and each uses only those before it.</summary>
public class RoomsTests
{
    private const string Beginning = "Order, from the ground: ";

    [Fact]
    public void No_room_uses_one_that_comes_after_it() => Rooms.Check(typeof(Sampler).Assembly, Order());

    [Fact]
    public void An_arrow_that_runs_back_is_found()
    {
        var turned = Order().Reverse().ToList();
        var found = Assert.ThrowsAny<Exception>(() => Rooms.Check(typeof(Sampler).Assembly, turned));
        Assert.Contains("Training -> Runtime: ", found.Message, StringComparison.Ordinal);
        Assert.Contains("Trainer uses WorkerThreads", found.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Mezzotint")]
    [InlineData("Mezzotint.Cli")]
    [InlineData("Mezzotint.AspNetCore")]
    public void A_namespace_is_its_folder(string project) => Rooms.CheckNamespaces(Path.Combine(Repository.Root, "src", project));

    /// <summary>The order as the document has it: the one place where it is written.</summary>
    private static string[] Order()
    {
        string text = File.ReadAllText(Path.Combine(Repository.Root, "docs", "architecture.md")).ReplaceLineEndings(" ");
        int start = text.IndexOf(Beginning, StringComparison.Ordinal) + Beginning.Length;
        return text[start..text.IndexOf('.', start)].Split(", ", StringSplitOptions.TrimEntries);
    }
}
