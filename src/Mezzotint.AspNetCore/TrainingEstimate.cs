using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;
using Mezzotint.AspNetCore.Api;

namespace Mezzotint.AspNetCore;

/// <summary>What a training would take on this machine, measured by a few steps.</summary>
/// <param name="Seconds">All of it, tests and pictures left out.</param>
/// <param name="MemoryGigabytes">The most memory.</param>
/// <param name="ImagesPerSecond">The speed.</param>
/// <param name="Epochs">Epochs of it.</param>
/// <param name="Parameters">Of the network.</param>
internal sealed record TrainingEstimate(
    double Seconds, double MemoryGigabytes, double ImagesPerSecond, int Epochs, long Parameters)
{
    /// <summary>Asks the program.</summary>
    /// <param name="command">`mezzotint train ... --estimate --json`.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="ApiError">It finds something wrong, which the message tells, or cannot be started.</exception>
    public static async Task<TrainingEstimate> OfAsync(IReadOnlyList<string> command, CancellationToken stop)
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1))
            { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        start.Environment.Remove(TrainingProcesses.ApiKey);
        using var process = new Process { StartInfo = start };
        try
        {
            process.Start();
        }
        catch (Win32Exception wrong)
        {
            throw Failed($"'{command[0]}' cannot be started: {TrainingProcesses.Child.Plain(wrong.Message)}", 500);
        }
        try
        {
            process.StandardInput.Close();
            var (output, errors) = (process.StandardOutput.ReadToEndAsync(stop), process.StandardError.ReadToEndAsync(stop));
            await process.WaitForExitAsync(stop).ConfigureAwait(false);
            string said = await errors.ConfigureAwait(false), answer = await output.ConfigureAwait(false);
            if (process.ExitCode != 0)
                throw Failed(LastLine(said), 400);
            return JsonSerializer.Deserialize(answer, ApiJson.Default.TrainingEstimate)
                ?? throw Failed("The measurement gave no answer.", 500);
        }
        catch (JsonException)
        {
            throw Failed("The measurement gave no answer.", 500);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }

    /// <summary>What the program says where it ends with an error: its last line, without its name.</summary>
    private static string LastLine(string said)
    {
        const string name = "mezzotint: ";
        string line = TrainingProcesses.Child.Plain(
            said.Split('\n').LastOrDefault(line => !string.IsNullOrWhiteSpace(line)) ?? "The measurement failed.");
        return line.StartsWith(name, StringComparison.Ordinal) ? line[name.Length..] : line;
    }

    private static ApiError Failed(string why, int status) =>
        new(status, status == 400 ? ApiError.InvalidRequest : ApiError.Server, "cannot_estimate", why);
}
