using System.Globalization;
using System.Text;
using Microsoft.Testing.Platform.Builder;
using Microsoft.Testing.Platform.Extensions;
using Microsoft.Testing.Platform.Extensions.Messages;
using Microsoft.Testing.Platform.Extensions.TestHost;
using Microsoft.Testing.Platform.Messages;
using Microsoft.Testing.Platform.Services;

namespace Mezzotint.Tests;

/// <summary>
/// Ends a run of tests with what was skipped and why, by reason, in <c>artifacts/skipped/</c> and among the last lines of
/// <c>dotnet test</c>.
/// </summary>
/// <remarks>
/// <c>dotnet test</c> shows nothing that a passing program writes, but it lists files that belong to tests, after all programs
/// have ended: each reason is such a test, whose file has the names.
/// </remarks>
internal sealed class SkippedTests(IMessageBus bus, FileInfo file)
    : IDataConsumer, IDataProducer, ITestSessionLifetimeHandler
{
    private const int FewNames = 3;

    private readonly SortedDictionary<string, List<string>> _names = new(StringComparer.Ordinal);

    public string Uid => nameof(SkippedTests);

    public string Version => "1";

    public string DisplayName => "Skipped tests";

    public string Description => "Lists what was skipped, by reason.";

    public Type[] DataTypesConsumed => [typeof(TestNodeUpdateMessage)];

    public Type[] DataTypesProduced => [typeof(TestNodeUpdateMessage)];

    public static string Program => typeof(SkippedTests).Assembly.GetName().Name!;

    public Task<bool> IsEnabledAsync() => Task.FromResult(true);

    public Task OnTestSessionStartingAsync(ITestSessionContext context) => Task.CompletedTask;

    public Task ConsumeAsync(IDataProducer dataProducer, IData value, CancellationToken cancellationToken)
    {
        var node = ((TestNodeUpdateMessage)value).TestNode;
        if (node.Properties.SingleOrDefault<SkippedTestNodeStateProperty>() is { } skipped)
        {
            string said = (skipped.Explanation ?? "").ReplaceLineEndings(" ").Trim();
            string reason = said.Length > 0 ? said : "no reason";
            if (!_names.TryGetValue(reason, out var names))
                _names[reason] = names = [];
            names.Add(node.DisplayName);
        }
        return Task.CompletedTask;
    }

    public async Task OnTestSessionFinishingAsync(ITestSessionContext context)
    {
        file.Directory!.Create();
        await File.WriteAllTextAsync(file.FullName, Text(), context.CancellationToken);
        foreach (var (reason, names) in _names)
            await bus.PublishAsync(this, new TestNodeUpdateMessage(context.SessionUid, new TestNode
            {
                Uid = $"{nameof(SkippedTests)} {reason}",
                DisplayName = Line(reason, names.Count),
                // The one state that counts for nothing; without any, the file would not be passed on.
                Properties = new PropertyBag(
                    DiscoveredTestNodeStateProperty.CachedInstance, new FileArtifactProperty(file, "Skipped tests")),
            }));
    }

    private string Text()
    {
        var text = new StringBuilder();
        int count = _names.Values.Sum(names => names.Count);
        text.Append(CultureInfo.InvariantCulture, $"{Program}: {(count == 0 ? "nothing" : count)} skipped\n");
        foreach (var (reason, names) in _names)
        {
            text.Append(CultureInfo.InvariantCulture, $"  {Line(reason, names.Count)}\n");
            foreach (string name in names.Order(StringComparer.Ordinal).Take(names.Count <= FewNames ? FewNames : 0))
                text.Append(CultureInfo.InvariantCulture, $"    {name}\n");
        }
        return text.ToString();
    }

    private static string Line(string reason, int count) =>
        string.Create(CultureInfo.InvariantCulture, $"{count} skipped: {reason}");
}

/// <summary>Adds <see cref="SkippedTests"/> to the program; named by <c>Directory.Build.props</c>.</summary>
internal static class SkippedTestsHook
{
    public static void AddExtensions(ITestApplicationBuilder builder, string[] _)
    {
        var file = new FileInfo(Path.Combine(Repository.Root, "artifacts", "skipped", $"{SkippedTests.Program}.txt"));
        var skipped = new CompositeExtensionFactory<SkippedTests>(services => new SkippedTests(services.GetMessageBus(), file));
        builder.TestHost.AddDataConsumer(skipped);
        builder.TestHost.AddTestSessionLifetimeHandler(skipped);
    }
}
