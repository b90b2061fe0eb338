using Mezzotint.Networks;
using TorchSharp;

namespace Mezzotint.Engine;

/// <summary>With what numbers a network is computed, by name: <c>auto</c>, <c>float32</c> or <c>bfloat16</c>.</summary>
/// <remarks>
/// With bfloat16, feature maps and weights are rounded to 8 bits of precision where they are multiplied; sums, normalisations,
/// the weights that training keeps and the optimiser stay
/// float32. Micikevicius et al. 2018, "Mixed Precision Training", arXiv 1710.03740, section 3; Kalamkar et al. 2019, arXiv
/// 1905.12322, for bfloat16.
/// </remarks>
public static class ComputePrecision
{
    /// <summary>
    /// bfloat16 where the processor multiplies it faster (AVX-512 with avx512_bf16 by AMD, on Linux or Windows), else float32.
    /// </summary>
    public const string Automatic = "auto";

    /// <summary>float32 throughout.</summary>
    public const string Float32 = "float32";

    /// <summary>bfloat16 where numbers are multiplied.</summary>
    public const string Bfloat16 = "bfloat16";

    /// <summary>All names.</summary>
    public static IReadOnlyList<string> Names { get; } = [Automatic, Float32, Bfloat16];

    /// <summary>
    /// Whether this processor and system compute with bfloat16; never where the environment has <c>MEZZOTINT_ENGINE=off</c>,
    /// always with
    /// <c>plain</c>.
    /// </summary>
    public static bool HasBfloat16 => TileKernel.IsBfloat16Supported;

    /// <summary>
    /// The vectors that networks are computed with by this library itself, for people to read, as <c>AVX-512 with
    /// bfloat16</c>. Null where libtorch does all, as it does where the environment has <c>MEZZOTINT_ENGINE=off</c>.
    /// </summary>
    public static string? Engine =>
        EngineChoice.Current == EngineKind.Plain ? "plain C#, for tests"
        : !TileKernel.IsSupported ? null
        : !TileKernel.IsCode ? "vectors of 128 bits"
        : !TileKernel.IsWide ? "AVX2"
        : HasBfloat16 ? "AVX-512 with bfloat16"
        : "AVX-512";

    /// <summary><see cref="Float32"/> or <see cref="Bfloat16"/>: what a name means on a device.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="device">Where it is computed; on a GPU it is float32, in which matrix products may be TensorFloat-32.</param>
    /// <param name="network">The network, where it is known: one that has no engine is computed in float32.</param>
    /// <exception cref="MezzotintException">The name is unknown, or bfloat16 is asked for where there is none.</exception>
    public static string Resolve(string name, torch.Device device, NetworkConfig? network = null)
    {
        ArgumentNullException.ThrowIfNull(device);
        string? missing = network is null ? null : NetworkEngine.WhyNoPlan(network);
        bool has = missing is null && HasBfloat16 && device.type == DeviceType.CPU;
        return name switch
        {
            Automatic => has && TileKernel.IsBfloat16Preferred ? Bfloat16 : Float32,
            Float32 => Float32,
            Bfloat16 when has => Bfloat16,
            Bfloat16 => throw new MezzotintException(
                $"precision {Bfloat16}: {WhyNone(device, missing)}. Take {Automatic} or {Float32}.")
                { Key = "precision" },
            _ => throw new MezzotintException(
                $"precision {Printable.Quote(name ?? "")}: not known; there are {string.Join(", ", Names)}.")
                { Key = "precision" },
        };
    }

    /// <summary>
    /// What computes a network, for people to read: <c>engine: float32</c>, or <c>libtorch: </c> and why the engine does not.
    /// </summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="device">Where the network is.</param>
    /// <param name="network">Its shape.</param>
    /// <param name="height">H of its images.</param>
    /// <param name="width">W.</param>
    /// <exception cref="MezzotintException">As <see cref="Resolve"/> has it.</exception>
    public static string InWords(string name, torch.Device device, NetworkConfig network, int height, int width)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(network);
        return EngineOrLibtorch(
            Resolve(name, device, network), device, () => NetworkEngine.WhyNot(network.Describe(), height, width));
    }

    /// <summary>The same of any network.</summary>
    /// <param name="precision">With what numbers it computes.</param>
    /// <param name="device">Where.</param>
    /// <param name="whyNoEngine">Why no engine runs it on a CPU; gives null where one does.</param>
    internal static string EngineOrLibtorch(string precision, torch.Device device, Func<string?> whyNoEngine)
    {
        string? reason = device.type != DeviceType.CPU ? $"{precision} on a GPU" : whyNoEngine();
        return reason is null ? $"engine: {precision}" : $"libtorch: {reason}";
    }

    private static string WhyNone(torch.Device device, string? missing) =>
        missing is not null ? $"the engine does not compute {missing}, and libtorch computes in float32"
        : device.type != DeviceType.CPU ? "on a GPU there is none here yet"
        : EngineChoice.Current == EngineKind.Off ? $"{EngineChoice.Variable} is off, and libtorch computes in float32"
        : "this processor and system have none (it takes AVX-512 with avx512_bf16, on Linux or Windows)";
}
