using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Engine;

/// <summary>
/// Where the parameters of a network and their gradients are, by their names, each in one piece, in the order of libtorch.
/// </summary>
internal sealed unsafe class ParameterTable : IDisposable
{
    private readonly Dictionary<string, (StoredWeights Stored, nint Gradient, long Count)> _parameters = [];
    private readonly Dictionary<string, NativeArray<float>> _widened = []; // of what is stored in 16 bits
    private readonly List<NativeArray<float>> _unwanted = []; // gradients of what is not trained
    private nint _farthest; // end of the farthest gradient that was asked for

    /// <summary>Those of a network on the CPU, which must outlive the table and not be moved.</summary>
    /// <param name="network">The network.</param>
    /// <param name="gradients">Whether its parameters have gradients, which are added to.</param>
    public ParameterTable(nn.Module network, bool gradients)
    {
        foreach (var (name, parameter) in network.named_parameters())
        {
            nint gradient = gradients && parameter.requires_grad ? Address(parameter.grad!) : 0;
            _parameters[name] = (new(Address(parameter), parameter.dtype), gradient, parameter.numel());
        }
    }

    /// <summary>Whether there is a parameter of that name.</summary>
    public bool Has(string name) => _parameters.ContainsKey(name);

    /// <summary>A parameter where it lies.</summary>
    public StoredWeights Stored(string name) => _parameters[name].Stored;

    /// <summary>A parameter in float32: where it lies, or a copy of what is stored in 16 bits, as it is now.</summary>
    public float* Value(string name)
    {
        var (stored, _, count) = _parameters[name];
        if (stored.Type == ScalarType.Float32)
            return (float*)stored.Data;
        if (!_widened.TryGetValue(name, out var widened))
            _widened[name] = widened = new(count);
        stored.CopyTo(widened.Data, count);
        return widened.Data;
    }

    /// <summary>Where the gradient goes; of a parameter that is not trained, somewhere.</summary>
    public float* Gradient(string name)
    {
        var (value, gradient, count) = _parameters[name];
        if (gradient == 0)
        {
            _unwanted.Add(new(count));
            gradient = (nint)_unwanted[^1].Data;
            _parameters[name] = (value, gradient, count);
        }
        else
            _farthest = Math.Max(_farthest, gradient + (nint)(count * sizeof(float)));
        return (float*)gradient;
    }

    /// <summary>Where the farthest gradient ends of those that were asked for since the last call; 0 where there were
    /// none.</summary>
    public nint TakeFarthest()
    {
        nint farthest = _farthest;
        _farthest = 0;
        return farthest;
    }

    public void Dispose()
    {
        foreach (var memory in _unwanted.Concat(_widened.Values))
            memory.Dispose();
    }

    /// <summary>The bias of a layer, or null where it has none.</summary>
    public float* BiasOf(string layer) => Has($"{layer}.bias") ? Value($"{layer}.bias") : null;

    private static nint Address(Tensor tensor) =>
        tensor.device.type == DeviceType.CPU && tensor.is_contiguous()
            && tensor.dtype is ScalarType.Float32 or ScalarType.Float16 or ScalarType.BFloat16
        ? (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(tensor.bytes))
        : throw new InvalidOperationException("A parameter is not contiguous numbers on the CPU.");
}
