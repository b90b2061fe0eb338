using Mezzotint.Runtime;

namespace Mezzotint.Tests.Runtime;

public class MpiJobTests
{
    [Theory]
    [InlineData("OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_LOCAL_SIZE=2 OMPI_COMM_WORLD_LOCAL_RANK=1", "OpenMpi", 4, 2, 1)]
    [InlineData("PMI_SIZE=3 MPI_LOCALNRANKS=3 MPI_LOCALRANKID=2", "Mpich", 3, 3, 2)]
    [InlineData("PMI_SIZE=3", "Mpich", 3, 1, 0)]
    public void The_environment_says_whose_mpirun_has_started_how_many(
        string variables, string kind, int size, int here, int rankHere)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "There PMI_SIZE means MS-MPI.");
        var job = MpiJob.Of(Environment(variables))!;
        Assert.Equal((kind, size, here, rankHere), (job.Kind.ToString(), job.Size, job.SizeHere, job.RankHere));
    }

    [Theory]
    [InlineData("")]
    [InlineData("OMPI_COMM_WORLD_SIZE=1")]
    [InlineData("PMI_SIZE=1")]
    [InlineData("PMI_SIZE=many")]
    public void A_process_that_is_one_of_none_is_alone(string variables) => Assert.Null(MpiJob.Of(Environment(variables)));

    [Fact]
    public void A_library_that_is_not_there_is_named_with_what_to_install()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "MS-MPI may be there.");
        var refused = Assert.Throws<MezzotintException>(() => MpiLibrary.Load(MpiKind.MicrosoftMpi));
        Assert.Contains("msmpi.dll", refused.Message, StringComparison.Ordinal);
        Assert.Contains("or leave mpirun out", refused.Message, StringComparison.Ordinal);
    }

    private static Func<string, string?> Environment(string variables)
    {
        var all = variables.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(pair => pair.Split('='))
            .ToDictionary(pair => pair[0], pair => pair[1]);
        return name => all.GetValueOrDefault(name);
    }
}
