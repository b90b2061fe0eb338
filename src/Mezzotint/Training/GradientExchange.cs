using Mezzotint.Engine;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// Adds up the gradients of all processes. Where replicas tell which of theirs are final, these travel while the rest of the
/// backward pass goes on.
/// </summary>
/// <param name="exchange">The processes.</param>
/// <param name="device">Where the gradients are.</param>
/// <param name="bfloat16">Whether they travel rounded to bfloat16.</param>
internal sealed unsafe class GradientExchange(Exchange exchange, Device device, bool bfloat16)
{
    private RunningSum? _sum;
    private nint _gradients;        // those of the first replica
    private nint _end;              // where they end
    private nint[] _finalFrom = []; // by replica, as an address among those of the first

    /// <summary>Begins a sum before the backward pass, where tensors need not travel over the memory of the CPU first.</summary>
    /// <param name="gradients">Of each replica: [P].</param>
    public void Begin(Tensor[] gradients)
    {
        if (exchange.IsAlone || device.type != DeviceType.CPU)
            return;
        nint[] addresses = [.. gradients.Select(tensor => (nint)Adam.Address(tensor))];
        long count = gradients[0].numel();
        _gradients = addresses[0];
        _end = _gradients + (nint)(count * sizeof(float));
        _finalFrom = [.. addresses.Select(_ => _end)];
        _sum = exchange.BeginSum(addresses, count, bfloat16);
    }

    /// <summary>What a replica calls on its thread while it makes gradients; null where there is nothing to tell.</summary>
    /// <param name="replica">Which; the first one's thread is that of all other calls.</param>
    /// <param name="gradients">Those of the replica: [P].</param>
    public Action<nint>? Of(int replica, Tensor gradients)
    {
        if (_sum is not { } sum)
            return null;
        nint first = (nint)Adam.Address(gradients);
        return from =>
        {
            // The smallest address is the first one, so 0 (nothing is left) becomes that.
            Volatile.Write(ref _finalFrom[replica], _gradients + Math.Max(0, from - first));
            if (replica != 0) // one thread speaks to the others
                return;
            nint farthest = _gradients;
            for (int i = 0; i < _finalFrom.Length; i++)
                farthest = Math.Max(farthest, Volatile.Read(ref _finalFrom[i]));
            sum.Advance((farthest - _gradients) / sizeof(float));
        };
    }

    /// <summary>Adds what other processes have to the first of the tensors; the others become 0. Alone it does nothing.</summary>
    /// <param name="gradients">Of each replica: those that the sum was begun with, if it was.</param>
    public void Complete(Tensor[] gradients)
    {
        if (_sum is null)
            Sum(gradients, bfloat16);
        else
            _sum.Complete();
        _sum = null;
    }

    /// <summary>Does so with other numbers, at once.</summary>
    /// <param name="own">Of one shape.</param>
    /// <param name="rounded">Whether they travel as bfloat16.</param>
    public void Sum(Tensor[] own, bool rounded)
    {
        if (exchange.IsAlone)
            return;
        using var scope = NewDisposeScope();
        bool here = device.type == DeviceType.CPU;
        Tensor[] numbers = here ? own : [.. own.Select(tensor => tensor.cpu())];
        exchange.Sum([.. numbers.Select(tensor => (nint)Adam.Address(tensor))], numbers[0].numel(), rounded);
        for (int i = 0; i < own.Length && !here; i++)
            own[i].copy_(numbers[i]);
    }
}
