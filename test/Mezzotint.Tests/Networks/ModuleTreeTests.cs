using Mezzotint.Networks;

namespace Mezzotint.Tests.Networks;

public class ModuleTreeTests
{
    [Fact]
    public void The_seeds_network_prints_as_PyTorch_prints_it()
    {
        using var network = new UNet(new UNetConfig());
        AssertTree("module_tree.txt", network);
    }

    [Fact]
    public void A_network_with_attention_in_its_encoder_prints_as_PyTorch_prints_it()
    {
        using var network = new UNet(new SeedFixture("attention").Config);
        AssertTree("module_tree_attention.txt", network);
    }

    [Fact]
    public void The_seeds_network_has_770865_parameters_of_which_16_are_frozen()
    {
        using var network = new UNet(new UNetConfig());
        var parameters = network.named_parameters().ToList();
        Assert.Equal(770_865, parameters.Sum(named => named.parameter.numel())); // the seed's report says so
        var (name, frozen) = Assert.Single(parameters, named => !named.parameter.requires_grad);
        Assert.Equal(("time_embed.W", 16), (name, frozen.numel()));
    }

    private static void AssertTree(string file, UNet network) =>
        Assert.Equal(File.ReadAllText(SeedFixture.PathOf(file)), ModuleTree.Print(network) + "\n");
}
