using Mezzotint.Serving;

namespace Mezzotint.Tests;

public class PublicApiTests
{
    [Fact]
    public void The_librarys_public_surface_is_the_one_that_is_written_down() =>
        PublicApi.Check(typeof(DiffusionPipeline).Assembly, "Mezzotint");
}
