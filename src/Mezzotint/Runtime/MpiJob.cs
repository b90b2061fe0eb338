using System.Globalization;

namespace Mezzotint.Runtime;

/// <summary>What the environment says of the job that an <c>mpirun</c> has started this process in.</summary>
/// <param name="Kind">Whose <c>mpirun</c>.</param>
/// <param name="Size">How many processes there are.</param>
/// <param name="SizeHere">How many of them on this machine.</param>
/// <param name="RankHere">The number of this one among those.</param>
internal sealed record MpiJob(MpiKind Kind, int Size, int SizeHere, int RankHere)
{
    /// <summary>The job; null where no <c>mpirun</c> has started this process, or it is the only one.</summary>
    public static MpiJob? OfEnvironment() => Of(Environment.GetEnvironmentVariable);

    /// <summary>The same by the variables of any environment.</summary>
    public static MpiJob? Of(Func<string, string?> variable)
    {
        int? Number(params string[] names) => names.Select(variable)
            .Select(text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
                ? number : (int?)null)
            .FirstOrDefault(number => number is not null);
        var (kind, size) = Number("OMPI_COMM_WORLD_SIZE") is { } open ? (MpiKind.OpenMpi, open)
            : OperatingSystem.IsWindows() ? (MpiKind.MicrosoftMpi, Number("PMI_SIZE") ?? 1)
            : (MpiKind.Mpich, Number("PMI_SIZE") ?? 1);
        if (size <= 1)
            return null;
        int here = Number("OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", "MPI_LOCAL_NRANKS") ?? 1;
        return new(kind, size, Math.Max(1, here), Number("OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID") ?? 0);
    }
}
