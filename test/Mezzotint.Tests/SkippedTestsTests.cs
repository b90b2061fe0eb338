using Mezzotint.Tests.Formats;
using Microsoft.Testing.Platform.Extensions.Messages;
using Microsoft.Testing.Platform.Messages;
using Microsoft.Testing.Platform.Services;
using Microsoft.Testing.Platform.TestHost;

namespace Mezzotint.Tests;

public class SkippedTestsTests
{
    [Fact]
    public async Task Skipped_tests_are_listed_by_reason_with_their_names_where_they_are_few()
    {
        using var folder = new TemporaryFolder();
        var bus = new Bus();
        var skipped = new SkippedTests(bus, new FileInfo(folder.File("skipped.txt")));
        await Tell("One", new SkippedTestNodeStateProperty("no MNIST\nhere"));
        await Tell("Two", PassedTestNodeStateProperty.CachedInstance);
        foreach (string name in new[] { "Three", "Four", "Five", "Six" })
            await Tell(name, new SkippedTestNodeStateProperty("no GPU"));
        await skipped.OnTestSessionFinishingAsync(new Session());
        Assert.Equal(
            "Mezzotint.Tests: 5 skipped\n  4 skipped: no GPU\n  1 skipped: no MNIST here\n    One\n",
            await File.ReadAllTextAsync(folder.File("skipped.txt"), TestContext.Current.CancellationToken));
        Assert.Equal(["4 skipped: no GPU", "1 skipped: no MNIST here"], bus.Told.Select(message => message.TestNode.DisplayName));
        Assert.All(bus.Told, message => // or it would count as one more test
            Assert.IsType<DiscoveredTestNodeStateProperty>(message.TestNode.Properties.Single<TestNodeStateProperty>()));

        Task Tell(string name, TestNodeStateProperty state) => skipped.ConsumeAsync(
            skipped,
            new TestNodeUpdateMessage(
                new SessionUid("1"), new TestNode { Uid = name, DisplayName = name, Properties = new PropertyBag(state) }),
            TestContext.Current.CancellationToken);
    }

    private sealed class Bus : IMessageBus
    {
        public List<TestNodeUpdateMessage> Told { get; } = [];

        public Task PublishAsync(IDataProducer dataProducer, IData data)
        {
            Told.Add((TestNodeUpdateMessage)data);
            return Task.CompletedTask;
        }
    }

    private sealed class Session : ITestSessionContext
    {
        public SessionUid SessionUid => new("1");

        public CancellationToken CancellationToken => TestContext.Current.CancellationToken;
    }
}
