using System.Runtime.InteropServices;

namespace Mezzotint.Runtime;

/// <summary>Memory that could not be had, by .NET or by libtorch.</summary>
public static class OutOfMemory
{
    /// <summary>What there is to do about it, in one line.</summary>
    public static string Message => AddressSpace.Problem is { } problem ? $"There is not enough memory: {problem}"
        : "There is not enough memory: ask for fewer images, or lower training.batch_size, training.replicas or the size of the "
        + "network.";

    // What libtorch's allocators say: that of the CPU, that of CUDA, and C++ itself.
    private static readonly string[] Native = ["DefaultCPUAllocator", "not enough memory", "out of memory", "bad_alloc"];

    /// <summary>Whether an error, or one that caused it, is of memory that could not be had.</summary>
    /// <param name="error">The error.</param>
    public static bool Is(Exception error)
    {
        ArgumentNullException.ThrowIfNull(error);
        return error is OutOfMemoryException
            || (error is DllNotFoundException && AddressSpace.Limit is not null)
            || (error is ExternalException
                && Native.Any(words => error.Message.Contains(words, StringComparison.OrdinalIgnoreCase)))
            || (error is AggregateException several ? several.InnerExceptions.Any(Is)
                : error.InnerException is { } inner && Is(inner));
    }
}
