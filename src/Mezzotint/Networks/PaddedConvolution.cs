using System.Runtime.Intrinsics.X86;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>Convolutions whose channels are filled up with zeros to what the processor's kernels compute rightly: the same
/// result, and never another.</summary>
/// <remarks>
/// oneDNN 3.7.1, which libtorch 2.10 has, takes channels 16 at a time on processors with AVX-512. Found on one (AMD, family 26),
/// and kept by PaddedConvolutionTests:
/// <list type="bullet">
/// <item>Where the channels that are summed over are no multiple of 16, its copy of a map holds whatever memory held before in
/// the rest. The weights there are 0, so nothing comes of it, until what was there happens to be a NaN or an infinity: a training
/// ended at a random step. Forward these are the input's, backward the output's; fewer than 16 of an image have kernels of their
/// own.</item>
/// <item>The gradient of a convolution with a stride, which is what a transposed one computes forward, is wrong by a tenth where
/// it has 48, 80, 112, ... channels.</item>
/// </list>
/// The kernels for channels that come last in memory have neither, but two threads that make one of them at the same time crash.
/// </remarks>
internal static class PaddedConvolution
{
    /// <summary>Channels that the kernels sum over at once, and those that a kernel with a stride makes.</summary>
    private const int Block = 16, StridedBlock = 32;

    /// <summary>Whether this processor has the kernels in question.</summary>
    /// <remarks>As the processor itself says: what .NET may use of it (DOTNET_EnableAVX512) is nothing to libtorch.</remarks>
    // AVX512F
    public static bool IsNeeded { get; } =
        X86Base.IsSupported && X86Base.CpuId(0, 0).Eax >= 7 && (X86Base.CpuId(7, 0).Ebx & (1 << 16)) != 0;

    /// <summary>conv(x); weights that are stored in 16 bits are widened first.</summary>
    public static Tensor Apply(this Conv2d conv, Tensor x)
    {
        long[] shape = conv.weight.shape; // [Cout, Cin, k, k]
        long more = Made(shape[1], strided: conv.stride![0] > 1), rest = Missing(shape[0], Block);
        if (!IsNeededFor(x, more + rest))
            return conv.weight.dtype == x.dtype ? conv.call(x)
                : nn.functional.conv2d(x, conv.weight.to(x.dtype), conv.bias, conv.stride, conv.padding!);
        return nn.functional.conv2d(Channels(x, more), nn.functional.pad(conv.weight.to(x.dtype), [0, 0, 0, 0, 0, more, 0, rest]),
            conv.bias is { } bias ? nn.functional.pad(bias, [0, rest]) : null, conv.stride,
            conv.padding!).narrow(1, 0, shape[0]);
    }

    /// <summary>conv(x): the gradient of a convolution, so that its sums are the other way about.</summary>
    public static Tensor Apply(this ConvTranspose2d conv, Tensor x)
    {
        long[] shape = conv.weight.shape; // [Cin, Cout, k, k]
        long more = Missing(shape[0], Block), rest = Made(shape[1], strided: true);
        return IsNeededFor(x, more + rest)
            ? nn.functional.conv_transpose2d(Channels(x, more), nn.functional.pad(conv.weight, [0, 0, 0, 0, 0, rest, 0, more]),
                conv.bias is { } bias ? nn.functional.pad(bias, [0, rest]) : null, conv.stride, conv.padding,
                conv.output_padding).narrow(1, 0, shape[1])
            : conv.call(x);
    }

    private static bool IsNeededFor(Tensor x, long missing) => missing > 0 && IsNeeded && x.device.type == DeviceType.CPU;

    private static long Made(long channels, bool strided) =>
        channels <= Block ? 0 : Missing(channels, strided ? StridedBlock : Block);

    private static long Missing(long channels, int block) => (block - channels % block) % block;

    private static Tensor Channels(Tensor x, long more) => more == 0 ? x : nn.functional.pad(x, [0, 0, 0, 0, 0, more]);
}
