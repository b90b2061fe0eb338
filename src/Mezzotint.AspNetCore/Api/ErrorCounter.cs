using System.Diagnostics;
using System.Diagnostics.Metrics;
using Mezzotint.Serving;

namespace Mezzotint.AspNetCore.Api;

/// <summary>Counts requests that ended in an error, by its type, for whoever listens to the meter <c>Mezzotint</c>. How many
/// requests there are and how long they take, ASP.NET Core's own meters say.</summary>
internal sealed class ErrorCounter(IMeterFactory meters)
{
    /// <summary>What a client is counted as that went away before it was answered; nobody gets this answer.</summary>
    private const string Gone = "client_closed_request";

    private const int GoneStatus = 499;

    private readonly Counter<long> _errors = meters.Create(MezzotintTelemetry.Name).CreateCounter<long>(
        "mezzotint.errors", "{error}", "Requests that ended in an error, by its type.");

    /// <summary>Counts an error.</summary>
    /// <param name="type">The code of the error.</param>
    /// <param name="status">Of the answer.</param>
    /// <param name="route">The pattern, not the path: clients must not be able to make up tags.</param>
    public void Count(string type, int status, string route)
    {
        _errors.Add(1, new TagList
        {
            { "error.type", type }, { "http.response.status_code", status }, { "http.route", route },
        });
        Activity.Current?.SetTag("error.type", type);
    }

    /// <summary>Counts a client that went away before it was answered.</summary>
    public void CountGone(string route) => Count(Gone, GoneStatus, route);
}
