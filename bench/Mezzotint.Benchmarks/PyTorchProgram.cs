using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace Mezzotint.Benchmarks;

/// <summary>The seed's loop in PyTorch, in a process of its own that works when it is told to:
/// <c>bench/pytorch/seed_loop.py</c>.</summary>
internal sealed class PyTorchProgram : IDisposable
{
    private readonly Process _process;
    private readonly Task<string> _errors;
    private readonly string _python;

    /// <summary>Starts it.</summary>
    /// <param name="python">A Python that has PyTorch.</param>
    /// <exception cref="MezzotintException">It does not start, or has no PyTorch.</exception>
    public PyTorchProgram(string python)
    {
        _python = python;
        var start = new ProcessStartInfo(python)
            { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(Repository.Folder, "bench", "pytorch", "seed_loop.py"));
        try
        {
            _process = Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new MezzotintException($"--pytorch: {python} cannot be started: {e.Message}. Name a Python that has PyTorch.")
                { Key = "--pytorch" };
        }
        _errors = _process.StandardError.ReadToEndAsync();
        Version = Answer();
    }

    /// <summary>Where it works.</summary>
    public Process Process => _process;

    /// <summary>PyTorch's own.</summary>
    public string Version { get; }

    /// <summary>Works for some seconds.</summary>
    /// <param name="what"><c>train</c> or <c>evaluate</c>.</param>
    /// <param name="time">How long.</param>
    /// <returns>Images or evaluations a second.</returns>
    public double Rate(string what, TimeSpan time)
    {
        _process.StandardInput.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what} {time.TotalSeconds}"));
        return double.Parse(Answer(), CultureInfo.InvariantCulture);
    }

    /// <summary>Draws 64 images of one digit.</summary>
    /// <returns>Seconds.</returns>
    public double Request(int steps)
    {
        _process.StandardInput.WriteLine(string.Create(CultureInfo.InvariantCulture, $"request {steps}"));
        return double.Parse(Answer(), CultureInfo.InvariantCulture);
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }

    private string Answer() => Ask() ?? throw new MezzotintException(
        $"--pytorch: the program in {_python} ended: "
            + $"{(_errors.Result.TrimEnd() is { Length: > 0 } said ? said.Split('\n')[^1] : "without a message")}. Name a Python "
            + $"that has PyTorch.")
    { Key = "--pytorch" };

    private string? Ask()
    {
        try
        {
            _process.StandardInput.Flush();
            return _process.StandardOutput.ReadLine();
        }
        catch (IOException)
        {
            return null; // it ended before it was asked
        }
    }
}
