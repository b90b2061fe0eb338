using System.Runtime.Intrinsics.X86;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>Convolutions whose channels are filled up with zeros to what the processor's kernels sum over rightly: the same result, and never another.</summary>
/// <remarks>
/// oneDNN 3.7.1, which libtorch 2.10 has, takes channels 16 at a time on processors with AVX-512, and where they are no multiple of 16 its copy of a map holds
/// whatever memory held before in the rest. The weights there are 0, so nothing comes of it, until what was there happens to be a NaN or an infinity: a training ended at a
/// random step. Forward, the channels of the input are summed over, and 16 or fewer have kernels of their own; backward, those of the output. The kernels for channels
/// that come last in memory have no such rest, but two threads that make one of them at the same time crash. PaddedConvolutionTests holds all this.
/// </remarks>
internal static class PaddedConvolution
{
    /// <summary>Channels that the kernels take at once.</summary>
    private const int Block = 16;

    /// <summary>Whether this processor has the kernels in question.</summary>
    public static bool IsNeeded { get; } = Avx512F.IsSupported;

    /// <summary>conv(x).</summary>
    public static Tensor Apply(this Conv2d conv, Tensor x)
    {
        long[] shape = conv.weight.shape; // [Cout, Cin, k, k]
        long more = shape[1] < Block ? 0 : Missing(shape[1]), rest = Missing(shape[0]);
        return IsNeededFor(x, more + rest)
            ? nn.functional.conv2d(Channels(x, more), nn.functional.pad(conv.weight, [0, 0, 0, 0, 0, more, 0, rest]),
                conv.bias is { } bias ? nn.functional.pad(bias, [0, rest]) : null, conv.stride!, conv.padding!).narrow(1, 0, shape[0])
            : conv.call(x);
    }

    /// <summary>conv(x), for one without padding: the gradient of a convolution, so that its sums are the other way about.</summary>
    public static Tensor Apply(this ConvTranspose2d conv, Tensor x)
    {
        long[] shape = conv.weight.shape; // [Cin, Cout, k, k]
        long more = Missing(shape[0]), rest = shape[1] < Block ? 0 : Missing(shape[1]);
        return IsNeededFor(x, more + rest)
            ? nn.functional.conv_transpose2d(Channels(x, more), nn.functional.pad(conv.weight, [0, 0, 0, 0, 0, rest, 0, more]),
                conv.bias is { } bias ? nn.functional.pad(bias, [0, rest]) : null, conv.stride).narrow(1, 0, shape[1])
            : conv.call(x);
    }

    private static bool IsNeededFor(Tensor x, long missing) => missing > 0 && IsNeeded && x.device.type == DeviceType.CPU;

    private static long Missing(long channels) => (Block - channels % Block) % Block;

    private static Tensor Channels(Tensor x, long more) => more == 0 ? x : nn.functional.pad(x, [0, 0, 0, 0, 0, more]);
}
