using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Mezzotint.AspNetCore;

/// <summary>Loads models when the application starts, so that one that cannot be loaded ends it at once; and before anything of
/// it stops, lets it finish what it has begun to draw.</summary>
internal sealed partial class ModelService(
    ServedModels models, MezzotintOptions options, RequestQueue queue, Drain drain, ILogger<ModelService> log)
    : IHostedLifecycleService
{
    private const int MillisecondsBetweenLooks = 10;

    public Task StartAsync(CancellationToken cancellationToken) =>
        options.WarmUp ? models.WarmUpAsync(cancellationToken) : Task.CompletedTask;

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        drain.Begin();
        if (queue.Requests > 0)
            Draining(queue.Requests);
        while (queue.Requests > 0 && !cancellationToken.IsCancellationRequested)
            await Task.Delay(MillisecondsBetweenLooks, CancellationToken.None).ConfigureAwait(false);
        drain.CutOff();
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(Level = LogLevel.Information, Message = "No new requests are taken; {Requests} are finished first.")]
    private partial void Draining(int requests);
}
