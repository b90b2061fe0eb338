using Mezzotint.Data;
using Mezzotint.Networks.Classifiers;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Evaluation;

/// <summary>What a classifier says about images.</summary>
/// <param name="Labels">The class of the highest score, an image: [N].</param>
/// <param name="Confidence">The softmax of that score, and of each class: [N, classes].</param>
/// <param name="Embedding">The embeddings: [N, <see cref="Classifier.EmbeddingLength"/>].</param>
public sealed record ClassifierOutput(byte[] Labels, float[] Confidence, Points Embedding)
{
    /// <summary>Images that a thread's network takes at once.</summary>
    private const int ImagesAtOnce = 64;

    /// <summary>Asks a classifier about all images of a set.</summary>
    /// <param name="network">The classifier.</param>
    /// <param name="images">Images of its size.</param>
    /// <param name="threads">Batches are dealt out to these; the result does not depend on how many they are.</param>
    /// <param name="progress">Told how many images are done, from the threads that work.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static ClassifierOutput Of(
        Classifier network, ImageSet images, WorkerThreads threads, IProgress<int>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(threads);
        int classes = network.Config.Classes, length = Classifier.EmbeddingLength;
        var (labels, confidence, embedding) =
            (new byte[images.Count], new float[images.Count * classes], new double[(long)images.Count * length]);
        using var resident = new ResidentImages(images, CPU);
        resident.ForEachBatch(ImagesAtOnce, threads, (start, x, _) =>
        {
            int count = (int)x.shape[0];
            var embedded = network.Embed(x);
            var shares = network.Scores(embedded).softmax(1);
            shares.data<float>().CopyTo(confidence.AsSpan(start * classes, count * classes));
            embedded.to(float64).data<double>().CopyTo(embedding.AsSpan(start * length, count * length));
            shares.argmax(1).to(ScalarType.Byte).data<byte>().CopyTo(labels.AsSpan(start, count));
        }, progress, cancellation);
        return new ClassifierOutput(labels, confidence, new Points(embedding, images.Count, length));
    }

    /// <summary>The share of the images whose class is said to be the given one: 0 to 1.</summary>
    /// <exception cref="ArgumentException">There are not as many labels as images, or none.</exception>
    public double Accuracy(ReadOnlySpan<byte> labels)
    {
        if (labels.Length != Labels.Length || labels.IsEmpty)
            throw new ArgumentException($"{labels.Length} labels for {Labels.Length} images.", nameof(labels));
        int right = 0;
        for (int i = 0; i < labels.Length; i++)
            right += labels[i] == Labels[i] ? 1 : 0;
        return (double)right / labels.Length;
    }
}
