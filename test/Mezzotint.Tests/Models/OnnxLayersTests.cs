using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Models.Onnx;
using Mezzotint.Networks;
using Mezzotint.Tests.Engine;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Models;

/// <summary>Every layer of the vocabulary as ONNX, by ONNX Runtime, beside libtorch.</summary>
public class OnnxLayersTests
{
    /// <summary>Layers that only a file for one size of maps has.</summary>
    private static readonly string[] OfOneSize = ["patches and back", "patches of the image", "a larger map beside a smaller"];

    public static TheoryData<string, bool> All =>
    [
        .. PlannedLayers.All.Keys.Select(layer => (layer, false)),
        .. PlannedLayers.All.Keys.Except(OfOneSize).Select(layer => (layer, true)),
    ];

    [Theory, MemberData(nameof(All))]
    public void Onnx_runtime_computes_each_layer_as_libtorch_does(string layer, bool anySize)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var shape = new PlannedShape(Seed: 2, Channels: 20, Height: 6, Width: 4, Tokens: 5);
        using var network = PlannedLayers.Network(shape, PlannedLayers.All[layer]);
        var description = network.Description;
        var graph = new OnnxGraph();
        var layers = new OnnxNetwork(graph, NetworkWeights.OneByOne(network));
        layers.AddInputs(description, anySize ? null : new(shape.Height, shape.Width));
        string result = layers.Add(
            description, anySize ? null : ValueSizes.Of(description, shape.Height, shape.Width, shape.Tokens));
        graph.Output("output", result, anySize ? ["batch", 2, "rows", "columns"] : ["batch", 2, shape.Height, shape.Width]);
        using var session = new InferenceSession(graph.Model("part", "", []).ToArray());

        const int count = 3;
        var (images, times, labels, context, vectors) = PlannedLayers.Inputs(shape, count);
        bool[] seen = PlannedLayers.Seen(shape, count);
        var wanted = network.Run(images, times, labels, context, tensor(seen, [count, shape.Tokens]), vectors);
        NamedOnnxValue Floats(string name, float[] numbers, params int[] lengths) =>
            NamedOnnxValue.CreateFromTensor(name, new DenseTensor<float>(numbers, lengths));
        using var results = session.Run(
        [
            Floats("x", images.data<float>().ToArray(), count, 2, shape.Height, shape.Width),
            Floats("t", times.data<float>().ToArray(), count),
            NamedOnnxValue.CreateFromTensor(
                "labels", new DenseTensor<long>(labels.data<long>().ToArray(), [count, shape.Tokens])),
            Floats("context", context.data<float>().ToArray(), count, shape.Tokens, PlannedLayers.ContextWidth),
            Floats("mask", [.. seen.Select(one => one ? 1f : 0f)], count, shape.Tokens),
            Floats("pooled", vectors.data<float>().ToArray(), count, 6),
        ]);
        TensorAssert.Close(wanted, tensor(results[0].AsEnumerable<float>().ToArray(), wanted.shape), 1e-4, layer);
    }

    public static TheoryData<string> Fixed => [.. OfOneSize];

    [Theory, MemberData(nameof(Fixed))]
    public void A_layer_of_one_size_is_not_written_for_any(string layer)
    {
        var shape = new PlannedShape(Seed: 2, Channels: 20, Height: 6, Width: 4, Tokens: 5);
        using var network = PlannedLayers.Network(shape, PlannedLayers.All[layer]);
        var layers = new OnnxNetwork(new OnnxGraph(), NetworkWeights.OneByOne(network));
        layers.AddInputs(network.Description, null);
        Assert.Throws<NotSupportedException>(() => layers.Add(network.Description, null));
    }
}
