using System.Collections.Concurrent;
using Mezzotint.Serving;
using Microsoft.Extensions.DependencyInjection;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>Two models of which one fits into the memory at a time, under many clients.</summary>
public sealed partial class ApplicationTests
{
    private const string SlowVariable = "MEZZOTINT_SLOW";

    private const int Clients = 64, Swaps = 20, Labels = 10;

    private static readonly string[] ModelNames = ["one", "two"];

    [Fact]
    public Task Models_make_room_for_each_other_and_nothing_is_mixed_up() => SwapAsync(TimeSpan.Zero);

    [Fact]
    public Task Models_make_room_for_each_other_for_ten_minutes()
    {
        Assert.SkipUnless(
            Environment.GetEnvironmentVariable(SlowVariable) == "1", $"Takes ten minutes; {SlowVariable}=1 runs it.");
        return SwapAsync(TimeSpan.FromMinutes(10));
    }

    /// <summary>Clients ask until models were swapped often enough, and for so long.</summary>
    private async Task SwapAsync(TimeSpan atLeast)
    {
        double each = DiffusionPipeline.EstimateBytes(Mezzotint.Models.ModelFolder.ReadInfo(Folder("one")), 1);
        double budget = 1.5 * each;
        await using var app = await StartAsync(options =>
        {
            Both(options);
            options.MemoryBudget = budget / 1e6;
            options.MaxRequests = Clients;
        });
        var expected = ModelNames.ToDictionary(name => name, Drawn);
        var models = app.Services.GetRequiredService<ServedModels>();
        var began = TimeProvider.System.GetTimestamp();
        var memory = new ConcurrentQueue<(TimeSpan After, long Bytes)>();
        using var client = Client(app);
        int drawn = 0;
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(seed => Task.Run(async () =>
        {
            var random = new Random(seed);
            while (models.Loads <= Swaps || TimeProvider.System.GetElapsedTime(began) < atLeast)
            {
                string name = ModelNames[random.Next(2)];
                int label = random.Next(Labels);
                var answer = await DrawAsync(client, new { label, seed = 9, model = name });
                Assert.Equal(expected[name][label], SmallStudio.Pixels(answer));
                Assert.InRange(models.BytesTaken, 0, budget);
                if (Interlocked.Increment(ref drawn) % 1000 == 0)
                    memory.Enqueue((TimeProvider.System.GetElapsedTime(began), Environment.WorkingSet));
            }
        })));
        Assert.Single(models.All, models.IsLoaded);
        Assert.Equal(drawn, models.Work.Images);
        TestContext.Current.TestOutputHelper?.WriteLine($"{drawn} images, {models.Loads} loads");
        // The first minute fills pools and caches, whatever the models are.
        var later = memory.Where(one => one.After > TimeSpan.FromMinutes(1)).Select(one => one.Bytes).ToList();
        if (later.Count > 1)
            Assert.InRange(later.Max(), 0, 1.25 * later[0]);
    }

    /// <summary>The pixels of each class, drawn without the application.</summary>
    private byte[][] Drawn(string name)
    {
        using var pipeline = DiffusionPipeline.Load(Folder(name), threads: 1);
        return [.. Enumerable.Range(0, Labels).Select(label => pipeline.Generate([label], new() { Seed = 9 }).Images.Pixels)];
    }
}
