using System.Globalization;
using System.Runtime.InteropServices;

namespace Mezzotint.Formats;

/// <summary>A graph of ONNX operators under construction. A value is named by a string; each operator makes one value, or
/// several.</summary>
/// <remarks>The fields are those of onnx.proto; the operators those of opset <see cref="Opset"/>.</remarks>
/// <param name="beside">Where the weights go, one after the other; null for the file of the graph itself, which protobuf allows
/// 2 GB.</param>
/// <param name="location">What the file of the weights is called, in the folder of the graph's.</param>
internal sealed class OnnxGraph(Stream? beside = null, string location = "")
{
    public const int Opset = 17, IrVersion = 8;

    private const int Page = 4096; // weights begin at one, so that a reader can map them

    private const int Float = 1, Int64 = 7, Int32 = 6; // TensorProto.DataType
    private const int External = 1; // TensorProto.DataLocation
    // AttributeProto.AttributeType
    private const int IntAttribute = 2, FloatAttribute = 1, IntsAttribute = 7, StringAttribute = 3;

    private readonly ProtobufWriter _graph = new();
    private readonly Dictionary<string, string> _constants = [];
    private int _values;

    /// <summary>An operator with one result.</summary>
    public string Add(string type, string[] inputs, params (string Name, object Value)[] attributes) =>
        Add(type, 1, inputs, attributes)[0];

    /// <summary>An operator with several results.</summary>
    public string[] Add(string type, int results, string[] inputs, params (string Name, object Value)[] attributes)
    {
        var node = new ProtobufWriter();
        foreach (string input in inputs)
            node.Add(1, input);
        string[] outputs =
        [
            .. Enumerable.Range(0, results).Select(_ => string.Create(CultureInfo.InvariantCulture, $"{type}_{_values++}")),
        ];
        foreach (string output in outputs)
            node.Add(2, output);
        node.Add(3, outputs[0]).Add(4, type);
        foreach (var (name, value) in attributes)
            node.Add(5, Attribute(name, value));
        _graph.Add(1, node);
        return outputs;
    }

    /// <summary>A constant array of float32.</summary>
    public string Weight(string name, long[] shape, ReadOnlySpan<byte> littleEndian)
    {
        _graph.Add(5, beside is null ? Tensor(name, Float, shape, littleEndian) : Elsewhere(beside, name, shape, littleEndian));
        return name;
    }

    /// <summary>The same numbers as int32.</summary>
    public string AsInt32(string x) => Add("Cast", [x], ("to", Int32));

    public string Floats(long[] shape, params float[] values) =>
        Constant("floats", Float, shape, MemoryMarshal.AsBytes<float>(values));

    /// <summary>Whole numbers, as shapes and axes are.</summary>
    public string Whole(params long[] values) => Constant("whole", Int64, [values.Length], MemoryMarshal.AsBytes<long>(values));

    public void Input(string name, bool whole, params object[] shape) => _graph.Add(11, Value(name, whole, shape));

    /// <summary>Names a value as the graph's result.</summary>
    public void Output(string name, string value, params object[] shape)
    {
        _graph.Add(1, new ProtobufWriter().Add(1, value).Add(2, name).Add(3, name).Add(4, "Identity"));
        _graph.Add(12, Value(name, whole: false, shape));
    }

    /// <summary>The file's bytes.</summary>
    /// <param name="name">Of the graph.</param>
    /// <param name="documentation">For people.</param>
    /// <param name="metadata">For programs.</param>
    public ReadOnlySpan<byte> Model(string name, string documentation, IEnumerable<KeyValuePair<string, string>> metadata)
    {
        _graph.Add(2, name);
        var model = new ProtobufWriter().Add(1, IrVersion).Add(2, "mezzotint").Add(6, documentation).Add(7, _graph)
            .Add(8, new ProtobufWriter().Add(1, "").Add(2, Opset));
        foreach (var (key, value) in metadata)
            model.Add(14, new ProtobufWriter().Add(1, key).Add(2, value));
        return model.Bytes;
    }

    /// <summary>Equal constants are one.</summary>
    private string Constant(string kind, int type, long[] shape, ReadOnlySpan<byte> bytes)
    {
        string key = $"{kind} {string.Join(',', shape)} {Convert.ToHexString(bytes)}";
        if (!_constants.TryGetValue(key, out string? name))
        {
            name = string.Create(CultureInfo.InvariantCulture, $"{kind}_{_constants.Count}");
            _graph.Add(5, Tensor(name, type, shape, bytes));
            _constants.Add(key, name);
        }
        return name;
    }

    private static ProtobufWriter Tensor(string name, int type, long[] shape, ReadOnlySpan<byte> littleEndian) =>
        Header(name, type, shape).Add(9, littleEndian);

    private ProtobufWriter Elsewhere(Stream file, string name, long[] shape, ReadOnlySpan<byte> littleEndian)
    {
        long offset = (file.Position + Page - 1) / Page * Page;
        file.Write(new byte[offset - file.Position]);
        file.Write(littleEndian);
        var tensor = Header(name, Float, shape);
        Say("location", location);
        Say("offset", offset.ToString(CultureInfo.InvariantCulture));
        Say("length", littleEndian.Length.ToString(CultureInfo.InvariantCulture));
        return tensor.Add(14, External);
        void Say(string key, string value) => tensor.Add(13, new ProtobufWriter().Add(1, key).Add(2, value));
    }

    private static ProtobufWriter Header(string name, int type, long[] shape)
    {
        var tensor = new ProtobufWriter();
        foreach (long length in shape)
            tensor.Add(1, length);
        return tensor.Add(2, type).Add(8, name);
    }

    private static ProtobufWriter Attribute(string name, object value)
    {
        var attribute = new ProtobufWriter().Add(1, name);
        switch (value)
        {
            case int whole:
                return attribute.Add(3, (long)whole).Add(20, IntAttribute);
            case float real:
                return attribute.Add(2, real).Add(20, FloatAttribute);
            case string text:
                return attribute.Add(4, text).Add(20, StringAttribute);
            case long[] numbers:
                foreach (long number in numbers)
                    attribute.Add(8, number);
                return attribute.Add(20, IntsAttribute);
            default:
                throw new ArgumentException($"No attribute is a {value.GetType().Name}.", nameof(value));
        }
    }

    /// <summary>The type of an input or output; a string is the name of a length that is free.</summary>
    private static ProtobufWriter Value(string name, bool whole, object[] shape)
    {
        var lengths = new ProtobufWriter();
        foreach (object length in shape)
            lengths.Add(1, length is string free ? new ProtobufWriter().Add(2, free) : new ProtobufWriter().Add(1, (int)length));
        var tensor = new ProtobufWriter().Add(1, whole ? Int64 : Float).Add(2, lengths);
        return new ProtobufWriter().Add(1, name).Add(2, new ProtobufWriter().Add(1, tensor));
    }
}
