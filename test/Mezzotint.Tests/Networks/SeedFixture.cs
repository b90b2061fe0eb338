using System.Text.Json;
using Mezzotint.Formats;
using Mezzotint.Networks;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Networks;

/// <summary>One of the golden files of the seed's network: weights, inputs and results of an independent PyTorch
/// reference.</summary>
/// <remarks>
/// Made by Golden/seed/make_seed_fixture.py from seed_reference.py with PyTorch 1.13 on one CPU thread. The float32 reference
/// lies within about 2e-6 of its own float64 version, relative to the largest number of each tensor; that is why 1e-5 is a test
/// and not a wish.
/// </remarks>
internal sealed class SeedFixture
{
    /// <summary>The agreement that is asked for, relative to the largest number of a tensor.</summary>
    public const double Tolerance = 1e-5;

    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private readonly SafetensorsFile _file;

    public SeedFixture(string name) => _file = SafetensorsFile.Read(PathOf(name + ".safetensors"));

    public static string PathOf(string name) => Path.Combine(AppContext.BaseDirectory, "Golden", "seed", name);

    public IEnumerable<string> Keys => _file.Tensors.Keys;

    public UNetConfig Config => FromMetadata<UNetConfig>("config");

    /// <summary>The tensor under a key, in the type of the file.</summary>
    public Tensor this[string key]
    {
        get
        {
            var data = _file.Tensors[key];
            var result = empty(data.Shape, dtype: data.Type switch
            {
                ElementType.Float64 => float64,
                ElementType.Int64 => int64,
                _ => float32,
            });
            data.CopyTo(result);
            return result;
        }
    }

    public T FromMetadata<T>(string key) => JsonSerializer.Deserialize<T>(_file.Metadata[key], Json)!;

    /// <summary>The network with the weights of the file; every parameter of it must be there, and no other.</summary>
    public UNet Network()
    {
        var network = new UNet(Config, seed: 99);
        var parameters = network.named_parameters().ToDictionary(named => "weights." + named.name, named => named.parameter);
        Assert.Equal(
            Keys.Where(key => key.StartsWith("weights.", StringComparison.Ordinal)).Order(StringComparer.Ordinal),
            parameters.Keys.Order(StringComparer.Ordinal));
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        foreach (var (name, parameter) in parameters)
        {
            Assert.Equal(_file.Tensors[name].Shape, parameter.shape);
            parameter.copy_(this[name]);
        }
        return network;
    }

    /// <summary>Asserts max |actual - golden| &lt;= 1e-5 max |golden|.</summary>
    public void AssertAgrees(string key, Tensor actual)
    {
        using var scope = NewDisposeScope();
        TensorAssert.Close(this[key], actual, Tolerance, key);
    }
}
