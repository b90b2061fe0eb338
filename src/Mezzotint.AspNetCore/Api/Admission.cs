using Microsoft.AspNetCore.Http;

namespace Mezzotint.AspNetCore.Api;

/// <summary>Lets requests in that take time: none while the server ends, each no longer than its deadline.</summary>
internal sealed class Admission(MezzotintOptions options, Drain drain, TimeProvider time)
{
    /// <summary>Runs the work of a request.</summary>
    /// <param name="context">The request.</param>
    /// <param name="work">Is given what stops it: the client that goes away, the deadline, or the end of the server.</param>
    /// <exception cref="ApiError">The server ends, or the deadline has passed.</exception>
    public async Task RunAsync(HttpContext context, Func<CancellationToken, Task> work)
    {
        drain.ThrowIfDraining();
        using var deadline = new CancellationTokenSource(options.Deadline, time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, deadline.Token, drain.Cut);
        try
        {
            await work(stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!context.RequestAborted.IsCancellationRequested)
        {
            throw drain.Cut.IsCancellationRequested ? ApiError.Draining() : ApiError.Late(options.Deadline);
        }
    }
}
