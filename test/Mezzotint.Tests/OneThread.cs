using System.Runtime.CompilerServices;
using Mezzotint.Runtime;
using TorchSharp;

[assembly: AssemblyFixture(typeof(Mezzotint.Tests.OneThread))]

namespace Mezzotint.Tests;

/// <summary>libtorch runs each operator on one thread in these tests: its own threads wait for each other by spinning, for
/// seconds where another process has a core.</summary>
public sealed class OneThread : IDisposable
{
    public OneThread()
    {
        // As when a program has touched anything of Mezzotint: libtorch then loads by itself.
        RuntimeHelpers.RunModuleConstructor(typeof(Libtorch).Module.ModuleHandle);
        torch.set_num_threads(1);
    }

    /// <summary>Runs the finalizers of what the tests left: an error in one of them ends the process, and shows here in every run
    /// instead of in some.</summary>
    public void Dispose()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }
}
