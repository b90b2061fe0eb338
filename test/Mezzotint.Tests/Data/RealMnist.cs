using System.Security.Cryptography;
using Mezzotint.Data;

namespace Mezzotint.Tests.Data;

/// <summary>Facts about MNIST that are known to everybody who used it.</summary>
public class RealMnistTests
{
    private static string Folder()
    {
        Assert.SkipUnless(TestData.MnistFolder is not null, TestData.NoMnist);
        return TestData.MnistFolder!;
    }

    [Fact]
    public void Real_mnist_has_its_known_counts_labels_and_moments()
    {
        var train = Mnist.Load(Folder(), train: true);
        Assert.Equal((60_000, 1, 28, 28), (train.Count, train.Channels, train.Height, train.Width));
        Assert.Equal([5, 0, 4, 1, 9, 2, 1, 3, 1, 4], train.Labels[..10]); // as every tutorial shows them
        double sum = 0, squares = 0;
        foreach (byte value in train.Pixels)
        {
            sum += value;
            squares += (double)value * value;
        }
        double mean = sum / train.Pixels.Length, deviation = Math.Sqrt(squares / train.Pixels.Length - mean * mean);
        Assert.Equal(0.1307, mean / 255, 4); // the constants with which PyTorch's MNIST example normalises
        Assert.Equal(0.3081, deviation / 255, 4);

        var test = Mnist.Load(Folder(), train: false);
        Assert.Equal(10_000, test.Count);
        Assert.Equal([7, 2, 1, 0, 4, 1, 4, 9, 5, 9], test.Labels[..10]);
    }

    [Fact]
    public async Task Real_mnist_downloads_from_a_server_and_is_accepted()
    {
        string folder = Folder();
        Assert.SkipUnless(
            Mnist.Files.All(file => File.Exists(Path.Combine(folder, file.Name))),
            $"The MNIST that is at hand is not gzipped, as servers have it: {folder}.");
        foreach (var file in Mnist.Files)
        {
            byte[] bytes = await File.ReadAllBytesAsync(Path.Combine(folder, file.Name), TestContext.Current.CancellationToken);
            Assert.Equal((file.Length, file.Sha256), (bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes))));
        }
        using var scratch = new ScratchFolder();
        await using var server = new LoopbackServer(async exchange =>
            await exchange.ReplyAsync(200, await File.ReadAllBytesAsync(Path.Combine(folder, exchange.Path.TrimStart('/')))));
        await MnistDownload.FetchAsync(
            scratch.Path, new() { Mirrors = [server.Address] }, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(10_000, Mnist.Load(scratch.Path, train: false).Count);
    }
}
