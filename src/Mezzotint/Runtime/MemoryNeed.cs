using System.Globalization;

namespace Mezzotint.Runtime;

/// <summary>
/// How much memory something takes at its peak. It follows from a description, before anything is allocated: what cannot fit is
/// refused at once, and not by a native error in the middle of the work.
/// </summary>
/// <remarks>
/// Weights count as often as they are held: themselves, moments, the gradients of each replica, averages, copies for a
/// checkpoint. So do maps, and the weights that are packed for them. <see cref="Check()"/> adds what the process already holds:
/// its libraries and data. Measured peaks of trainings were 1.0 to 1.3 times the estimate: the rest is the runtime's, and garbage
/// that is not collected yet.
/// </remarks>
public sealed record MemoryNeed
{
    private const double Gigabyte = 1e9;
    private readonly string _weightsOf, _remedy;

    /// <param name="what">What takes it: "The training".</param>
    /// <param name="weightsOf">What the weights are, with their number: "1,234 parameters".</param>
    /// <param name="weights">Bytes of the weights.</param>
    /// <param name="maps">Bytes of the maps.</param>
    /// <param name="key">The setting that makes it large.</param>
    /// <param name="remedy">What a user can do: "Lower model.model_channels".</param>
    internal MemoryNeed(string what, string weightsOf, double weights, double maps, string key, string remedy) =>
        (What, _weightsOf, Weights, Maps, Key, _remedy) = (what, weightsOf, weights, maps, key, remedy);

    /// <summary>What takes it, for people to read.</summary>
    public string What { get; }

    /// <summary>Bytes of all numbers that there are one of for each parameter.</summary>
    public double Weights { get; }

    /// <summary>Bytes of maps, their gradients, and weights packed for multiplication, on all threads.</summary>
    public double Maps { get; }

    /// <summary>Bytes in all.</summary>
    public double Bytes => Weights + Maps;

    /// <summary>The setting that makes it too large where it is.</summary>
    public string Key { get; }

    /// <summary>Bytes that this process may use: those of the machine, or of its container.</summary>
    public static double Available
    {
        get
        {
            var info = GC.GetGCMemoryInfo();
            // In a container, .NET keeps the first to three quarters of the limit; the second is nine tenths of it.
            return Math.Max(info.TotalAvailableMemoryBytes, info.HighMemoryLoadThresholdBytes);
        }
    }

    /// <summary>Whether it is there, beside what the process holds already.</summary>
    public bool Fits => Bytes + Environment.WorkingSet <= Available;

    /// <summary>Makes sure that it is there.</summary>
    /// <exception cref="MezzotintException">It is not: the message has what is needed and what there is, and names the setting to
    /// lower, which is the exception's key.</exception>
    public void Check() => Check(Available, Environment.WorkingSet);

    /// <param name="available">Bytes of the machine.</param>
    /// <param name="held">Bytes that the process has already.</param>
    internal void Check(double available, double held)
    {
        if (Bytes + held <= available)
            return;
        throw new MezzotintException(string.Create(CultureInfo.InvariantCulture,
            $"{What} does not fit into memory: it takes about {Bytes / Gigabyte:F1} GB, {Figures}. There are "
            + $"{available / Gigabyte:F1} GB here, and this process holds {held / Gigabyte:F1} of them already. {_remedy}, or "
            + $"use a machine with more memory."))
        {
            Key = Key,
        };
    }

    /// <summary>What it is made of, for people to read.</summary>
    private string Figures => string.Create(CultureInfo.InvariantCulture,
        $"{Weights / Gigabyte:F1} for {_weightsOf} and {Maps / Gigabyte:F1} for the maps that are computed");
}
