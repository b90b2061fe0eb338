using Mezzotint.Runtime;

namespace Mezzotint.Evaluation.Prompts;

/// <summary>Distances between the drawn images as a whole and the pictures of the set, in the judge's space.</summary>
/// <remarks>
/// Images of training captions are held against the training pictures that were not asked for; what the pictures of the same
/// captions get is the floor. Images of held-out captions are held against the held-out pictures, and as many training pictures,
/// drawn by lot, are the floor.
/// </remarks>
internal sealed class PromptDistances(AskedCaptions asked, JudgedImages seen, WorkerThreads threads)
{
    private const int Fewest = 2;

    public IEnumerable<Figure> All()
    {
        int trained = asked.Parts[0].Places.Count, heldOut = asked.Pictures.Count - trained;
        int[] rest = [.. asked.Set.Train.Places.Except(asked.Parts[0].Places)];
        var figures = Against("train", "the training pictures that were not asked for", Enumerable.Range(0, trained), rest,
            seen.Real);
        if (heldOut == 0)
            return figures;
        int[] lot = [.. ReferenceImages.Order(asked.Set.Train.Places.Count, seed: 0).Take(heldOut)
            .Select(i => asked.Set.Train.Places[i])];
        return figures.Concat(Against("held_out", "the held-out pictures", Enumerable.Range(trained, heldOut),
            [.. asked.Pictures.Skip(trained)], seen.All, lot));
    }

    /// <param name="key">What the keys end in.</param>
    /// <param name="words">What the images are held against.</param>
    /// <param name="images">Which images.</param>
    /// <param name="reference">The places of what they are held against.</param>
    /// <param name="floors">The points that have the floor.</param>
    /// <param name="floor">Where it is there; null for where the images are among theirs.</param>
    private IEnumerable<Figure> Against(
        string key, string words, IEnumerable<int> images, int[] reference, Points floors, int[]? floor = null)
    {
        int[] rows = [.. images];
        Figure frechet = new()
        {
            Key = $"frechet_{key}", Group = "Distance in the judge's space", Name = $"Frechet, to {words}",
            Better = Better.Lower,
        }, kernel = frechet with { Key = $"kernel_{key}", Name = $"kernel, to {words}" };
        if (Math.Min(rows.Length, Math.Min(reference.Length, floor?.Length ?? rows.Length)) < Fewest)
        {
            const string why = "there are too few pictures";
            return [frechet with { Missing = why }, kernel with { Missing = why }];
        }
        var (mine, theirs, real) = (seen.Drawn.Take(rows), seen.All.Take(reference), floors.Take(floor ?? rows));
        var moments = Moments.Of(theirs);
        var distance = new KernelDistance(theirs, threads);
        var estimate = distance.To(mine);
        return
        [
            frechet with
            {
                Value = FrechetDistance.Between(Moments.Of(mine), moments),
                Real = FrechetDistance.Between(Moments.Of(real), moments),
            },
            kernel with
            {
                Value = estimate.Value, StandardError = estimate.StandardError, Real = distance.To(real).Value,
            },
        ];
    }
}
