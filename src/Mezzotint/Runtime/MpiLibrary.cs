using System.Runtime.InteropServices;

namespace Mezzotint.Runtime;

/// <summary>The implementations of MPI that differ in how a program is compiled against them.</summary>
internal enum MpiKind
{
    /// <summary>Open MPI: handles are the addresses of exported variables.</summary>
    OpenMpi,

    /// <summary>MPICH, and those with its binary interface, as Intel MPI: handles are numbers.</summary>
    Mpich,

    /// <summary>MS-MPI: the numbers of MPICH.</summary>
    MicrosoftMpi,
}

/// <summary>
/// The few functions of MPI that an exchange is made of, bound at run time. A handle is given as a pointer always: where a
/// library takes 32 bits, it reads the lower half.
/// </summary>
internal sealed unsafe class MpiLibrary
{
    /// <summary>MPI_THREAD_SERIALIZED: any thread, one at a time. The same number everywhere.</summary>
    public const int Serialized = 2;

    private readonly nint _library;
    private readonly string _name;

    private MpiLibrary(nint library, string name, MpiKind kind)
    {
        (_library, _name) = (library, name);
        bool open = kind == MpiKind.OpenMpi;
        World = open ? Symbol("ompi_mpi_comm_world") : 0x44000000;
        Bytes = open ? Symbol("ompi_mpi_byte") : 0x4c00010d;
        NoStatus = open ? 0 : 1; // MPI_STATUS_IGNORE
        InitThread = (delegate* unmanaged<nint, nint, int, int*, int>)Symbol("MPI_Init_thread");
        Finish = (delegate* unmanaged<int>)Symbol("MPI_Finalize");
        Abort = (delegate* unmanaged<nint, int, int>)Symbol("MPI_Abort");
        Rank = (delegate* unmanaged<nint, int*, int>)Symbol("MPI_Comm_rank");
        Size = (delegate* unmanaged<nint, int*, int>)Symbol("MPI_Comm_size");
        Barrier = (delegate* unmanaged<nint, int>)Symbol("MPI_Barrier");
        Broadcast = (delegate* unmanaged<void*, int, nint, int, nint, int>)Symbol("MPI_Bcast");
        Send = (delegate* unmanaged<void*, int, nint, int, int, nint, int>)Symbol("MPI_Send");
        Receive = (delegate* unmanaged<void*, int, nint, int, int, nint, nint, int>)Symbol("MPI_Recv");
        BeginSend = (delegate* unmanaged<void*, int, nint, int, int, nint, nint*, int>)Symbol("MPI_Isend");
        BeginReceive = (delegate* unmanaged<void*, int, nint, int, int, nint, nint*, int>)Symbol("MPI_Irecv");
        Wait = (delegate* unmanaged<nint*, nint, int>)Symbol("MPI_Wait");
        Test = (delegate* unmanaged<nint*, int*, nint, int>)Symbol("MPI_Test");
    }

    /// <summary>MPI_COMM_WORLD, MPI_BYTE, MPI_STATUS_IGNORE.</summary>
    public nint World { get; }

    public nint Bytes { get; }

    public nint NoStatus { get; }

    public delegate* unmanaged<nint, nint, int, int*, int> InitThread { get; }

    public delegate* unmanaged<int> Finish { get; }

    public delegate* unmanaged<nint, int, int> Abort { get; }

    public delegate* unmanaged<nint, int*, int> Rank { get; }

    public delegate* unmanaged<nint, int*, int> Size { get; }

    public delegate* unmanaged<nint, int> Barrier { get; }

    public delegate* unmanaged<void*, int, nint, int, nint, int> Broadcast { get; }

    public delegate* unmanaged<void*, int, nint, int, int, nint, int> Send { get; }

    public delegate* unmanaged<void*, int, nint, int, int, nint, nint, int> Receive { get; }

    public delegate* unmanaged<void*, int, nint, int, int, nint, nint*, int> BeginSend { get; }

    public delegate* unmanaged<void*, int, nint, int, int, nint, nint*, int> BeginReceive { get; }

    public delegate* unmanaged<nint*, nint, int> Wait { get; }

    public delegate* unmanaged<nint*, int*, nint, int> Test { get; }

    /// <summary>The library's file.</summary>
    public override string ToString() => _name;

    /// <summary>Loads the library of an implementation.</summary>
    /// <exception cref="MezzotintException">There is none.</exception>
    public static MpiLibrary Load(MpiKind kind)
    {
        string[] names = NamesOf(kind);
        foreach (string name in names)
            if (NativeLibrary.TryLoad(name, out nint library))
                return new(library, name, kind);
        throw new MezzotintException(
            $"This process was started by the mpirun of {InWords(kind)}, whose library does not load "
            + $"({string.Join(", ", names)}): "
            + (kind == MpiKind.OpenMpi ? "install it (on Debian and Ubuntu libopenmpi3 or libopenmpi40)" : "install it")
            + ", or leave mpirun out.");
    }

    /// <summary>What the implementation is called.</summary>
    public static string InWords(MpiKind kind) => kind switch
    {
        MpiKind.OpenMpi => "Open MPI",
        MpiKind.Mpich => "MPICH",
        _ => "MS-MPI",
    };

    private static string[] NamesOf(MpiKind kind) => kind switch
    {
        MpiKind.OpenMpi => OperatingSystem.IsMacOS() ? ["libmpi.40.dylib"] : ["libmpi.so.40"],
        MpiKind.Mpich => OperatingSystem.IsMacOS() ? ["libmpi.12.dylib"] : ["libmpi.so.12", "libmpich.so.12"],
        _ => ["msmpi.dll"],
    };

    private nint Symbol(string name) => NativeLibrary.TryGetExport(_library, name, out nint address)
        ? address : throw new MezzotintException($"{_name} has no '{name}': it is not the MPI library that it is named after.");
}
