namespace Mezzotint.AspNetCore.Tests;

public class PublicApiTests
{
    [Fact]
    public void The_servers_public_surface_is_the_one_that_is_written_down() =>
        PublicApi.Check(typeof(StudioServer).Assembly, "Mezzotint.AspNetCore");
}
