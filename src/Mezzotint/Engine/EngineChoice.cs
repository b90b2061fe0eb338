namespace Mezzotint.Engine;

/// <summary>By what networks are computed on the CPU.</summary>
internal enum EngineKind
{
    /// <summary>By machine code of this library where the processor and the system allow it, on ARM as <see cref="Vectors"/>,
    /// else by libtorch.</summary>
    On,

    /// <summary>By <see cref="TileVectors"/>, where the processor has vectors, else by libtorch.</summary>
    Vectors,

    /// <summary>By <see cref="TileTwin"/>: anywhere, with bfloat16, and slow.</summary>
    Plain,

    /// <summary>By libtorch.</summary>
    Off,
}

/// <summary>The choice of <see cref="EngineKind"/>: the environment's, or a test's.</summary>
internal static class EngineChoice
{
    /// <summary>The variable: <c>on</c>, <c>vectors</c>, <c>plain</c> or <c>off</c>; not set means on.</summary>
    public const string Variable = "MEZZOTINT_ENGINE";

    private static EngineKind? _chosen;

    /// <summary>What holds now.</summary>
    /// <exception cref="MezzotintException">The variable has another value.</exception>
    public static EngineKind Current => _chosen ?? Environment.GetEnvironmentVariable(Variable) switch
    {
        null or "" or "on" => EngineKind.On,
        "vectors" => EngineKind.Vectors,
        "plain" => EngineKind.Plain,
        "off" => EngineKind.Off,
        var other => throw new MezzotintException(
            $"{Variable} is {Printable.Quote(other)}; it is on, off, vectors or plain. Set one of them, or none.")
            { Key = Variable },
    };

    /// <summary>Another choice for the whole process, until it is disposed: for tests, which run one after the other.</summary>
    public static IDisposable Use(EngineKind kind) => new Restored(kind);

    private sealed class Restored : IDisposable
    {
        private readonly EngineKind? _before = _chosen;

        public Restored(EngineKind kind) => _chosen = kind;

        public void Dispose() => _chosen = _before;
    }
}
