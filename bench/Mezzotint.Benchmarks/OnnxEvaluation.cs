using Mezzotint.Models;
using Mezzotint.Models.Onnx;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Microsoft.ML.OnnxRuntime;
using TorchSharp;

namespace Mezzotint.Benchmarks;

/// <summary>The same network in ONNX Runtime, float32, as <c>mezzotint export</c> writes it: what a user would deploy elsewhere.
/// Its threads are ONNX Runtime's own, over all cores.</summary>
internal sealed class OnnxEvaluation : IDisposable
{
    private readonly InferenceSession _session;
    private readonly RunOptions _options = new();
    private readonly Dictionary<string, OrtValue> _inputs;

    /// <summary>Opens a file.</summary>
    /// <param name="path">The file; it may be removed when all is opened, its weights when all is done.</param>
    /// <param name="inputs">Of every evaluation: float32 or int64, by the names of the file.</param>
    /// <param name="lengths">What the file leaves open: told beforehand, ONNX Runtime plans with it.</param>
    public OnnxEvaluation(
        string path, IEnumerable<(string Name, torch.Tensor Numbers)> inputs, params (string Name, int Length)[] lengths)
    {
        using var options = new SessionOptions { IntraOpNumThreads = Environment.ProcessorCount };
        foreach (var (name, length) in lengths)
            options.AddFreeDimensionOverrideByName(name, length);
        _session = new InferenceSession(path, options);
        _inputs = inputs.ToDictionary(input => input.Name, input => input.Numbers.dtype == torch.int64
            ? OrtValue.CreateTensorValueFromMemory(input.Numbers.data<long>().ToArray(), input.Numbers.shape)
            : OrtValue.CreateTensorValueFromMemory(input.Numbers.data<float>().ToArray(), input.Numbers.shape));
    }

    /// <summary>That of a small network with classes.</summary>
    public static OnnxEvaluation Of(UNet network, torch.Tensor x, torch.Tensor t, torch.Tensor labels)
    {
        string path = Path.Combine(Path.GetTempPath(), $"mezzotint-bench-{Guid.NewGuid():N}.onnx");
        try
        {
            OnnxFile.Write(
                path, network,
                new ModelInfo
                {
                    Name = "bench", Model = network.Config, Process = new VarianceExploding(), Height = (int)x.shape[2],
                    Width = (int)x.shape[3], ClassNames = [.. Enumerable.Range(0, 10).Select(digit => $"{digit}")],
                });
            return new(path, [("x", x), ("t", t), ("labels", labels)]);
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>One evaluation of the whole batch.</summary>
    public float[] Evaluate()
    {
        using var results = _session.Run(_options, _inputs, _session.OutputNames);
        return results[0].GetTensorDataAsSpan<float>().ToArray();
    }

    public void Dispose()
    {
        foreach (var input in _inputs.Values)
            input.Dispose();
        _options.Dispose();
        _session.Dispose();
    }
}
