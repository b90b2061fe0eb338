using Microsoft.Extensions.Hosting;

namespace Mezzotint.Studio;

/// <summary>Loads models when the application starts, so that one that cannot be loaded ends it at once; and lets it finish what
/// it has begun to draw when it stops.</summary>
internal sealed class ModelService(
    ServedModels models, MezzotintOptions options, RequestQueue queue, Drain drain) : IHostedService
{
    private const int MillisecondsBetweenLooks = 10;

    public Task StartAsync(CancellationToken cancellationToken) =>
        options.WarmUp ? models.WarmUpAsync(cancellationToken) : Task.CompletedTask;

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        drain.Begin();
        while (queue.Requests > 0 && !cancellationToken.IsCancellationRequested)
            await Task.Delay(MillisecondsBetweenLooks, CancellationToken.None).ConfigureAwait(false);
        drain.CutOff();
    }
}
