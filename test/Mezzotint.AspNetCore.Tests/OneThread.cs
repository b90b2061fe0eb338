using System.Runtime.CompilerServices;
using Mezzotint.Runtime;
using TorchSharp;

[assembly: AssemblyFixture(typeof(Mezzotint.AspNetCore.Tests.OneThread))]

namespace Mezzotint.AspNetCore.Tests;

/// <summary>libtorch runs each operator on one thread in these tests, as in the server.</summary>
public sealed class OneThread
{
    public OneThread()
    {
        RuntimeHelpers.RunModuleConstructor(typeof(Libtorch).Module.ModuleHandle);
        torch.set_num_threads(1);
    }
}
