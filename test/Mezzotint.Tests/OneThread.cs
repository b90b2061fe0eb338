using System.Runtime.CompilerServices;
using Mezzotint.Runtime;
using TorchSharp;

[assembly: AssemblyFixture(typeof(Mezzotint.Tests.OneThread))]

namespace Mezzotint.Tests;

/// <summary>libtorch runs each operator on one thread in these tests: its own threads wait for each other by spinning, for seconds where another process has a core.</summary>
public sealed class OneThread
{
    public OneThread()
    {
        // As when a program has touched anything of Mezzotint: libtorch then loads by itself.
        RuntimeHelpers.RunModuleConstructor(typeof(Libtorch).Module.ModuleHandle);
        torch.set_num_threads(1);
    }
}
