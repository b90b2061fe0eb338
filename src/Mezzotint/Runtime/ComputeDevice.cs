using System.Globalization;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Runtime;

/// <summary>Where tensors are computed, by name: <c>cpu</c>, <c>cuda</c> or <c>cuda:1</c>.</summary>
public static class ComputeDevice
{
    /// <summary>The name of the CPU, the default of everything.</summary>
    public const string Cpu = "cpu";

    /// <summary>The name of the first GPU.</summary>
    public const string Cuda = "cuda";

    /// <summary>The device of that name, ready to use. On CUDA, float32 matrix products and convolutions are allowed
    /// TensorFloat-32 from then on, in the whole process.</summary>
    /// <param name="name"><c>cpu</c>, <c>cuda</c> (the first GPU) or <c>cuda:N</c>, counted from 0.</param>
    /// <exception cref="MezzotintException">libtorch does not load or has no CUDA, the name is unknown, or there is no such
    /// GPU.</exception>
    public static Device Named(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        Libtorch.Load(); // where it does not, its own error is better than TorchSharp's
        if (name == Cpu)
            return CPU;
        int index = 0;
        if (name != Cuda
            && !(name.StartsWith(Cuda + ":", StringComparison.Ordinal)
                && int.TryParse(name.AsSpan(Cuda.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out index)))
            throw new MezzotintException(
                $"device {Printable.Quote(name)}: not known; there are cpu, cuda (the first GPU) and cuda:N.");
        if (!cuda.is_available())
            throw new MezzotintException(
                $"device {name}: this libtorch has no CUDA, or finds no GPU with a driver. A program gets it from the package "
                + $"TorchSharp-cuda-linux or TorchSharp-cuda-windows in place of libtorch-cpu; this one, from its source, by "
                + $"-p:Cuda=true.");
        if (index >= cuda.device_count())
            throw new MezzotintException(
                $"device {name}: there "
                + (cuda.device_count() == 1
                    ? "is 1 GPU, cuda:0." : $"are {cuda.device_count()} GPUs, up to cuda:{cuda.device_count() - 1}."));
        backends.cuda.matmul.allow_tf32 = true;
        backends.cudnn.allow_tf32 = true;
        return new Device(DeviceType.CUDA, index);
    }

    /// <summary>How many threads share the work of a device: one a core for the CPU; a GPU runs what one thread gives it one
    /// after the other.</summary>
    public static int Threads(Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return device.type == DeviceType.CPU ? Environment.ProcessorCount : 1;
    }
}
