using Mezzotint.Runtime;
using TorchSharp;

namespace Mezzotint.Tests.Runtime;

public class LibtorchTests
{
    [Fact]
    public void Torch_works_without_any_call_of_ours_first()
    {
        using var ones = torch.ones(2, 3);
        Assert.Equal(6f, ones.sum().item<float>());
    }

    [Fact]
    public void Load_names_the_folder_that_it_used()
    {
        Assert.Contains(Libtorch.Folder ?? AppContext.BaseDirectory, Libtorch.Load(), StringComparison.Ordinal);
    }
}
