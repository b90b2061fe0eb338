using System.Diagnostics;
using System.Globalization;

namespace Mezzotint.Benchmarks;

/// <summary>The seed's loop in PyTorch, in a process of its own that works when it is told to: <c>bench/pytorch/seed_loop.py</c>.</summary>
internal sealed class PyTorchProgram : IDisposable
{
    private readonly Process _process;

    /// <summary>Starts it.</summary>
    /// <param name="python">A Python that has PyTorch.</param>
    public PyTorchProgram(string python)
    {
        var start = new ProcessStartInfo(python) { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.ArgumentList.Add(Path.Combine(Repository.Folder, "bench", "pytorch", "seed_loop.py"));
        _process = Process.Start(start) ?? throw new InvalidOperationException($"{python} did not start.");
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

    private string Answer() => _process.StandardOutput.ReadLine() ?? throw new InvalidOperationException("The PyTorch program has ended: is PyTorch there? Its error stands above.");
}
