using System.Security.Cryptography;
using System.Text;
using Mezzotint.Formats;
using Mezzotint.Networks.Classifiers;
using Mezzotint.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Networks;

/// <summary>
/// Names, order and first weights are those of the modules that were written by hand before networks were described.
/// </summary>
public class FirstWeightsTests
{
    private static readonly Dictionary<string, (Func<nn.Module> Build, string Hash)> Networks = new()
    {
        ["unet"] = (() => new UNetConfig().Build(7), "3740e5819cba075b"),
        ["unet with attention"] = (() =>
            new UNetConfig { ChannelMultipliers = [1, 2, 2], AttentionLevels = [1, 2] }.Build(7), "4b0894c7c5c83ec5"),
        ["residual unet"] = (() =>
            new ResidualUNetConfig { ChannelMultipliers = [1, 2, 2], ResidualBlocks = [1, 2, 1], AttentionLevels = [1] }.Build(7),
            "5eecb90bf0aa177e"),
        ["residual classifier"] = (() => Classifier.Create(new ClassifierConfig(), 7), "04f1acedf5d02622"),
        ["plain classifier"] = (() => Classifier.Create(new ClassifierConfig { Architecture = "plain" }, 7), "56d6346207af5ecf"),
    };

    public static TheoryData<string> All => [.. Networks.Keys];

    [Theory, MemberData(nameof(All))]
    public void A_seed_gives_the_weights_that_it_always_gave(string name)
    {
        using var network = Networks[name].Build();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (parameterName, parameter) in network.named_parameters())
        {
            hash.AppendData(Encoding.UTF8.GetBytes(parameterName));
            hash.AppendData(parameter.ToData().Bytes.Span);
        }
        Assert.Equal(Networks[name].Hash, Convert.ToHexStringLower(hash.GetHashAndReset())[..16]);
    }
}
