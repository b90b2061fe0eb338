using Mezzotint.Models;
using Mezzotint.Sampling;

namespace Mezzotint.Serving;

/// <summary>
/// One network ready for images of several sizes. What evaluates a size is made when it is first drawn, and kept for the next
/// request; of sizes that nobody draws at the moment only the last few are kept.
/// </summary>
/// <param name="model">The model; it stays the caller's.</param>
/// <param name="threads">How many threads evaluate each size.</param>
internal sealed class SizedNetworks(LoadedModel model, int threads) : IDisposable
{
    private const int MostIdle = 2;

    private readonly Lock _lock = new();
    private readonly List<Sized> _sizes = []; // the one used last at the end
    private long _evaluations, _batches; // of sizes that are gone

    /// <summary>Network evaluations so far, counted by image.</summary>
    public long Evaluations
    {
        get
        {
            lock (_lock)
                return _evaluations + _sizes.Sum(size => size.Network.Evaluations);
        }
    }

    /// <summary>Batches so far.</summary>
    public long Batches
    {
        get
        {
            lock (_lock)
                return _batches + _sizes.Sum(size => size.Network.Batches);
        }
    }

    /// <summary>Draws images of a size, on one thread; checks requests of it.</summary>
    public Sampler SamplerOf(ModelInfo info) =>
        (ReferenceEquals(info, model.Info) ? model : model with { Info = info }).CreateSampler();

    /// <summary>The network for a size, until the lease ends.</summary>
    public Lease Take(ModelInfo info)
    {
        var (_, rows, columns) = info.Numbers;
        lock (_lock)
        {
            var size = _sizes.Find(known => (known.Rows, known.Columns) == (rows, columns));
            if (size is null)
            {
                var sampler = SamplerOf(info);
                size = new(rows, columns, sampler, new SharedEvaluations(sampler.NewEvaluators(threads)));
            }
            _sizes.Remove(size);
            _sizes.Add(size);
            size.Users++;
            return new Lease(this, size);
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _sizes.ForEach(size => size.Network.Dispose());
            _sizes.Clear();
        }
    }

    private void Return(Sized size)
    {
        List<Sized> gone;
        lock (_lock)
        {
            size.Users--;
            var idle = _sizes.FindAll(known => known.Users == 0);
            gone = idle.GetRange(0, Math.Max(0, idle.Count - MostIdle));
            foreach (var old in gone)
            {
                _sizes.Remove(old);
                (_evaluations, _batches) = (_evaluations + old.Network.Evaluations, _batches + old.Network.Batches);
            }
        }
        gone.ForEach(old => old.Network.Dispose());
    }

    /// <summary>What evaluates a size, for whoever draws it.</summary>
    internal sealed class Lease(SizedNetworks owner, Sized size) : IDisposable
    {
        public Sampler Sampler => size.Sampler;

        public SharedEvaluations Network => size.Network;

        public void Dispose() => owner.Return(size);
    }

    internal sealed record Sized(int Rows, int Columns, Sampler Sampler, SharedEvaluations Network)
    {
        public int Users { get; set; }
    }
}
