using Mezzotint.Models.Onnx;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Microsoft.ML.OnnxRuntime;
using TorchSharp;

namespace Mezzotint.Benchmarks;

/// <summary>The same network in ONNX Runtime, float32, as <c>mezzotint export</c> writes it: what a user would deploy elsewhere.
/// Its threads are ONNX Runtime's own, over all cores.</summary>
internal sealed class OnnxEvaluation : IDisposable
{
    private static readonly string[] Outputs = ["output"];

    private readonly InferenceSession _session;
    private readonly RunOptions _options = new();
    private readonly Dictionary<string, OrtValue> _inputs;

    public OnnxEvaluation(UNet network, torch.Tensor x, torch.Tensor t, torch.Tensor labels)
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
            using var options = new SessionOptions { IntraOpNumThreads = Environment.ProcessorCount };
            _session = new InferenceSession(path, options);
        }
        finally
        {
            File.Delete(path);
        }
        _inputs = new()
        {
            ["x"] = OrtValue.CreateTensorValueFromMemory(x.data<float>().ToArray(), x.shape),
            ["t"] = OrtValue.CreateTensorValueFromMemory(t.data<float>().ToArray(), t.shape),
            ["labels"] = OrtValue.CreateTensorValueFromMemory(labels.data<long>().ToArray(), labels.shape),
        };
    }

    /// <summary>One evaluation of the whole batch.</summary>
    public float[] Evaluate()
    {
        using var results = _session.Run(_options, _inputs, Outputs);
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
