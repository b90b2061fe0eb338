using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Mezzotint.Formats;
using Mezzotint.Networks;
using static TorchSharp.torch;

namespace Mezzotint.Models;

/// <summary>The weights of a network to named arrays and back. Names and shapes must be the network's exactly; nothing is left
/// out, added or broadcast.</summary>
internal static class NetworkWeights
{
    private const int NamesShown = 5;
    private const int SmallCount = 1 << 22;
    private const long SlackBytes = 1 << 24;

    // What wrappers of PyTorch put before all names.
    private static readonly string[] Wrappers = ["module.", "_orig_mod."];

    /// <summary>The parameters by name, in the order of the network.</summary>
    /// <param name="network">The network.</param>
    /// <param name="precision"><see cref="ElementType.Float32"/>, <see cref="ElementType.BFloat16"/> or
    /// <see cref="ElementType.Float16"/>. What training does not change stays in float32: bfloat16 rounds a frequency of the time
    /// embedding near 75 by up to 0.25, which is a quarter of a turn at t = 1.</param>
    /// <exception cref="MezzotintException">A weight is not finite, or does not fit the precision.</exception>
    public static OrderedDictionary<string, TensorData> Save(nn.Module network, ElementType precision = ElementType.Float32)
    {
        var type = precision switch
        {
            ElementType.Float32 => ScalarType.Float32,
            ElementType.BFloat16 => ScalarType.BFloat16,
            ElementType.Float16 => ScalarType.Float16,
            _ =>
                throw new ArgumentOutOfRangeException(
                    nameof(precision), precision, "Weights are saved in Float32, BFloat16 or Float16."),
        };
        var tensors = new OrderedDictionary<string, TensorData>();
        foreach (var (name, parameter) in network.named_parameters())
            tensors.Add(name, Saved(name, parameter, parameter.requires_grad ? type : ScalarType.Float32));
        return tensors;
    }

    /// <summary>The parameters by name in float32, each made when it is asked for, so that a large network is not held
    /// twice.</summary>
    /// <param name="network">The network.</param>
    public static Func<string, TensorData> OneByOne(nn.Module network)
    {
        var parameters = network.named_parameters().ToDictionary(named => named.name, named => named.parameter);
        return name => Saved(name, parameters[name], ScalarType.Float32);
    }

    /// <summary>The SHA-256 of the names and numbers of all parameters, as they are in memory.</summary>
    /// <param name="networks">The networks, in an order that stays.</param>
    public static string Hash(IEnumerable<nn.Module> networks)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (name, parameter) in networks.SelectMany(network => network.named_parameters()))
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{name} {string.Join(' ', parameter.shape)}\n"));
            hash.AppendData(parameter.ToData().Bytes.Span);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static TensorData Saved(string name, Tensor parameter, ScalarType type)
    {
        using var scope = NewDisposeScope();
        var data = parameter.detach().to(type).ToData();
        return IsFinite(data) ? data : throw new MezzotintException(
            $"The weights '{name}' cannot be saved as {data.Type}: some are not finite there. A training that has "
            + $"diverged must start again, with a smaller training.learning_rate.");
    }

    /// <summary>Builds the network that a file describes and fills it, after making sure that the file has the weights for
    /// it.</summary>
    /// <param name="config">The shape; it passes its own checks.</param>
    /// <param name="tensors">The weights.</param>
    /// <param name="file">Where they come from, for messages.</param>
    /// <param name="named">What the file calls a weight; null for the network's own names.</param>
    /// <param name="narrow">Whether the weights of convolutions and linear layers stay in 16 bits where they are stored so: see
    /// <see cref="NarrowWeights"/>.</param>
    /// <exception cref="MezzotintException">The weights are not those of such a network.</exception>
    public static DenoisingNetwork Build(
        NetworkConfig config, IReadOnlyDictionary<string, TensorData> tensors, string file, Func<string, string>? named = null,
        bool narrow = false)
    {
        long needed = config.ParameterCount;
        long there = tensors.Values.Sum(tensor => tensor.ElementCount);
        // The names say most. But a small file does not justify building a large network to know them.
        if (needed > 2 * there + SmallCount)
        {
            throw new MezzotintException(string.Create(CultureInfo.InvariantCulture,
                $"'{file}' has {there} weights, but the network of its config.json has {needed}: the two files do not belong "
                + $"together."));
        }
        var network = config.BuildUnfilled();
        try
        {
            if (narrow && NarrowWeights.Fit(network))
                NarrowWeights.MakeRoom(network, name => tensors.GetValueOrDefault(named is null ? name : named(name))?.Type);
            LoadSome(
                network.named_parameters().ToDictionary(
                    own => named is null ? own.name : named(own.name), own => (Tensor)own.parameter),
                tensors, file);
            return network;
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    /// <summary>Refuses weights that take far more bytes than a network of so many has, before any are read.</summary>
    /// <param name="bytes">The bytes of the weights, or of their file. Some slack is for a header, and for weights too many,
    /// which <see cref="Load"/> names.</param>
    /// <param name="count">The numbers that the network has; at most 4 bytes each.</param>
    /// <param name="file">Where the weights are, for messages.</param>
    /// <exception cref="MezzotintException">They are more.</exception>
    public static void CheckLength(long bytes, long count, string file)
    {
        if (bytes > 4 * count + SlackBytes)
        {
            throw new MezzotintException(string.Create(CultureInfo.InvariantCulture,
                $"'{file}' has {bytes} bytes, but the network of its config.json takes {4 * count} at most: "
                + $"the two files do not belong together."));
        }
    }

    /// <summary>Replaces the weights of a network; it keeps its own where the file's are refused.</summary>
    /// <param name="network">The network.</param>
    /// <param name="tensors">The weights, in float32, or in float16 or bfloat16, which are widened.</param>
    /// <param name="file">Where they come from, for messages.</param>
    /// <exception cref="MezzotintException">A name is missing or too many, or an array is of another shape or type, or not
    /// finite.</exception>
    public static void Load(nn.Module network, IReadOnlyDictionary<string, TensorData> tensors, string file) =>
        LoadSome(network.named_parameters().ToDictionary(named => named.name, named => (Tensor)named.parameter), tensors, file);

    /// <summary>The same for some of the parameters of a network, by their names in the file.</summary>
    public static void LoadSome(
        IReadOnlyDictionary<string, Tensor> parameters, IReadOnlyDictionary<string, TensorData> tensors, string file)
    {
        using var scope = NewDisposeScope();
        if (PrefixOf(tensors.Keys) is { } prefix)
        {
            throw new MezzotintException(
                $"'{file}': the names of all weights begin with {Printable.Quote(prefix)}, as PyTorch's DataParallel and compile "
                + $"write them; "
                + "save the state dict of the module inside, or let `mezzotint import FOLDER --out MODEL` take the prefix off.");
        }
        RefuseNames(file, "lacks", [.. parameters.Keys.Where(name => !tensors.ContainsKey(name))]);
        RefuseNames(file, "has, but the network does not,", [.. tensors.Keys.Where(name => !parameters.ContainsKey(name))]);
        foreach (var (name, parameter) in parameters)
        {
            Check(tensors[name], parameter.shape, name, file);
            MappedFile.Forget(tensors[name].Bytes);
        }
        foreach (var (name, parameter) in parameters)
        {
            tensors[name].CopyTo(parameter);
            MappedFile.Forget(tensors[name].Bytes);
        }
    }

    /// <summary>The weights without the prefixes that PyTorch's wrappers put before all names.</summary>
    public static IReadOnlyDictionary<string, TensorData> Unwrap(IReadOnlyDictionary<string, TensorData> tensors) =>
        PrefixOf(tensors.Keys) is { } prefix ? tensors.ToDictionary(pair => pair.Key[prefix.Length..], pair => pair.Value)
            : tensors;

    private static string? PrefixOf(IEnumerable<string> keys)
    {
        string[] names = [.. keys];
        string prefix = "";
        while (names.Length > 0
            && Wrappers.FirstOrDefault(wrapper => names.All(name => name.AsSpan(prefix.Length).StartsWith(wrapper))) is { } next)
            prefix += next;
        return prefix.Length == 0 ? null : prefix;
    }

    private static void RefuseNames(string file, string how, string[] names)
    {
        if (names.Length == 0)
            return;
        string more = names.Length > NamesShown ? $" and {names.Length - NamesShown} more" : "";
        throw new MezzotintException(
            $"'{file}' {how} the weights {string.Join(", ", names.Take(NamesShown).Select(Printable.Quote))}{more}: it is of "
            + $"another network.");
    }

    private static void Check(TensorData tensor, long[] shape, string name, string file)
    {
        if (!tensor.Shape.AsSpan().SequenceEqual(shape))
            throw new MezzotintException(
                $"'{file}': the weights '{name}' are [{string.Join(", ", tensor.Shape)}], but the network's are "
                + $"[{string.Join(", ", shape)}].");
        if (tensor.Type is not (ElementType.Float32 or ElementType.Float16 or ElementType.BFloat16))
            throw new MezzotintException(
                $"'{file}': the weights '{name}' are of {tensor.Type}; save them as float32, float16 or bfloat16.");
        if (!IsFinite(tensor))
            throw new MezzotintException(
                $"'{file}': the weights '{name}' have a number that is infinite or none (NaN); the training that made them had "
                + $"diverged, or the file is damaged.");
    }

    // A number is infinite or none where all bits of its exponent are set.
    private static bool IsFinite(TensorData tensor) => tensor.Type switch
    {
        ElementType.Float32 => HasNo<uint>(tensor, 0x7f80_0000),
        ElementType.BFloat16 => HasNo<ushort>(tensor, 0x7f80),
        _ => HasNo<ushort>(tensor, 0x7c00),
    };

    private static bool HasNo<T>(TensorData tensor, T exponent) where T : unmanaged, IBinaryInteger<T>
    {
        foreach (T bits in MemoryMarshal.Cast<byte, T>(tensor.Bytes.Span))
        {
            if ((bits & exponent) == exponent)
                return false;
        }
        return true;
    }
}
