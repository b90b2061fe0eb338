using Mezzotint.Data;
using Mezzotint.Models;
using Mezzotint.Runtime;
using Mezzotint.Training;
using static TorchSharp.torch;

namespace Mezzotint.Evaluation.Prompts;

/// <summary>A text-image model that says where pictures and captions lie.</summary>
internal sealed class Judge
{
    private readonly Retrieval _retrieval;

    /// <summary>Takes a model.</summary>
    /// <param name="model">The model, on the CPU.</param>
    /// <param name="threads">What shares the work.</param>
    /// <param name="cancellation">Stops it.</param>
    public Judge(LoadedTextImageModel model, WorkerThreads threads, CancellationToken cancellation = default) =>
        _retrieval = new(model.Network, model.Tokenizer, threads, CPU, cancellation);

    /// <summary>Where pictures lie: of length 1.</summary>
    public Points Pictures(ImageSet images) => Points(_retrieval.Pictures(images));

    /// <summary>Where the first captions of pictures lie: of length 1.</summary>
    public Points Captions(ImageSet images) => Points(_retrieval.Captions(images));

    private static Points Points(Tensor embedded)
    {
        using (embedded)
        {
            using var scope = NewDisposeScope();
            // float32 is of length 1 to seven digits
            var exact = nn.functional.normalize(embedded.to(float64), p: 2, dim: 1);
            return new([.. exact.data<double>()], (int)embedded.shape[0], (int)embedded.shape[1]);
        }
    }
}
