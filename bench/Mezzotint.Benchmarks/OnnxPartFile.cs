using Mezzotint.Models.Onnx;
using Mezzotint.Networks;
using static TorchSharp.torch;

namespace Mezzotint.Benchmarks;

/// <summary>A part of a Stable Diffusion as <c>mezzotint export --onnx</c> writes it, for maps of any size, until it is
/// disposed.</summary>
internal sealed class OnnxPartFile : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("mezzotint-bench-").FullName;

    public OnnxPartFile(nn.Module module, NetworkDescription description) =>
        new OnnxPart("part", "") { Beside = true }.Write(Model, module, description);

    private string Model => Path.Combine(_folder, OnnxFolder.PartFile);

    /// <summary>Opens it for maps of one size, which ONNX Runtime is told.</summary>
    public OnnxEvaluation Opened(int side, params (string Name, Tensor Numbers)[] inputs)
    {
        int images = (int)inputs[0].Numbers.shape[0];
        return new(Model, inputs, ("batch", images), ("steps", images), ("height", side), ("width", side));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
