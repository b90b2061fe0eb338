using Mezzotint.Data;
using Mezzotint.Tests.Training;

namespace Mezzotint.Tests.Data;

public class OwnDataSourceTests
{
    [Fact]
    public void A_source_of_a_programs_own_is_read_by_its_name()
    {
        DataSource.Register("own-source", (options, limit) =>
            SmallExperiment.Images(options.Part.ToString(), limit ?? 7, seed: 1));
        Assert.Equal((7, 3), (DataSource.Load("own-source").Count, DataSource.Load("own-source", limit: 3).Count));
        Assert.Equal("Test", DataSource.Load("own-source", train: false).Name);
    }

    [Theory]
    [InlineData("mnist", "is the library's")]
    [InlineData("strokes", "is the library's")]
    [InlineData("Own Data", "lower-case letters")]
    [InlineData("../folder", "lower-case letters")]
    public void A_name_that_files_could_not_hold_is_refused(string name, string message)
    {
        var refused = Assert.Throws<MezzotintException>(() => DataSource.Register(name, (_, _) => SmallExperiment.Train));
        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
        Assert.Equal("data.name", refused.Key);
    }
}
