using Mezzotint.Networks;
using Mezzotint.Runtime;

namespace Mezzotint.Engine;

/// <summary>The memory of a network's work, from its layers, in bytes: see <see cref="Runtime.MemoryNeed"/>.</summary>
internal sealed class NetworkMemory
{
    private const double Float = sizeof(float);

    /// <summary>Numbers of the size of an image that a walk holds for each of its images: noise, x, estimates of some steps,
    /// and their sums.</summary>
    private const int NumbersOfAWalk = 12;

    /// <summary>The most images that one thread evaluates at once, where no engine runs the network. More are no faster on a CPU,
    /// and their maps would be the peak of a training's memory.</summary>
    public const int ImagesAtOnce = 32;

    private readonly double _weights; // bytes
    private readonly LayerShape[] _layers;
    private readonly bool _engine, _isLarge;
    private readonly double _number; // bytes of one that is multiplied
    private readonly double _image;  // numbers

    /// <summary>Prepares.</summary>
    /// <param name="network">The shape.</param>
    /// <param name="height">H of the images; 0 where it is not known.</param>
    /// <param name="width">W.</param>
    /// <param name="precision">As <see cref="ComputePrecision"/> has it.</param>
    public NetworkMemory(NetworkConfig network, int height, int width, string precision)
        : this(network, network.Describe(), height, width, precision)
    {
    }

    private NetworkMemory(NetworkConfig network, NetworkDescription description, int height, int width, string precision)
        : this(description, (double)network.InChannels * height * width, height, width)
    {
        (height, width) = (Math.Max(height, network.Stride), Math.Max(width, network.Stride)); // there is a plan of some size
        bool asked = precision == ComputePrecision.Bfloat16
            || (precision == ComputePrecision.Automatic && TileKernel.IsBfloat16Preferred);
        bool bfloat16 = asked && NetworkEngine.Exists(description, height, width, bfloat16: true);
        _engine = bfloat16 || NetworkEngine.Exists(description, height, width, bfloat16: false);
        _number = bfloat16 ? sizeof(ushort) : Float;
    }

    /// <summary>Prepares for a network in float32.</summary>
    /// <param name="description">The network.</param>
    /// <param name="image">Numbers of an image.</param>
    /// <param name="height">H of what the network reads; 0 where it is not known.</param>
    /// <param name="width">W.</param>
    /// <param name="tokens">Tokens of a text that it reads.</param>
    /// <param name="engine">Whether an engine runs it.</param>
    public NetworkMemory(
        NetworkDescription description, double image, int height, int width, int tokens = 0, bool engine = false)
    {
        _weights = description.ParameterCount * Float;
        _isLarge = NetworkEngine.IsLarge(description.ParameterCount);
        _layers = [.. LayerShape.Of(description, height, width, tokens)];
        (_image, _engine, _number) = (image, engine, Float);
    }

    /// <summary>How many parameters the network has.</summary>
    public long ParameterCount => (long)(_weights / Float);

    /// <summary>The weights, two moments and the averages, all once more as a checkpoint copies them, and the gradients of each
    /// replica.</summary>
    public double TrainedWeights(int replicas, int averages) => _weights * (2 * (3 + averages) + replicas);

    /// <summary>What training takes beside that: the work of each replica, and of its evaluation.</summary>
    /// <param name="replicas">How many share a batch.</param>
    /// <param name="batch">Its images.</param>
    /// <param name="pieces">In how many pieces a replica takes its part.</param>
    public double Training(int replicas, int batch, int pieces = 1)
    {
        int part = (batch + replicas * pieces - 1) / (replicas * pieces);
        double images = NumbersOfAWalk * batch * _image * Float;
        return images + replicas * (_engine ? Engine(training: true) + Engine(training: false)
            : Math.Max(part * LibtorchTraining(), Evaluation(Math.Min(part, ImagesAtOnce))));
    }

    /// <summary>How many engines some threads evaluate on: threads share one of a large network.</summary>
    public int Evaluators(int threads) => _engine && _isLarge ? 1 : threads;

    /// <summary>What an evaluation of images takes. A large network computes two at a time.</summary>
    public double Evaluation(int images) =>
        _engine ? _isLarge ? 2 * Streamed(_layers) : Engine(training: false)
            : Math.Clamp(images, SteadyBatch.Size, ImagesAtOnce) * LibtorchEvaluation();

    /// <summary>What one image takes in libtorch, also where an engine draws.</summary>
    public double OneInLibtorch => LibtorchEvaluation();

    /// <summary>What the walk of images takes beside that.</summary>
    public double Walk(int images) => NumbersOfAWalk * images * _image * Float;

    /// <summary>An engine computes one image in buffers that stay. For each layer they hold its input and the gradient of its
    /// output as they are multiplied, its output and what becomes of that, and its packed weights. Trained, there are also
    /// weights packed the other way about, the sums of their gradients, the terms of these sums, and gradients on their
    /// way.</summary>
    private double Engine(bool training)
    {
        double bytes = 0, largest = 0;
        foreach (var layer in _layers)
        {
            bytes += _number * (layer.Weights + layer.InputMap + layer.OutputMap) + Float * (2 * layer.OutputMap + layer.Scores);
            if (training)
                bytes += (_number + Float) * layer.Weights + 2 * Float * layer.InputMap + _number * layer.OutputMap;
            if (_number == Float)
                bytes += Float * PackedWinograd.NumbersMore(layer, training);
            largest = Math.Max(largest, layer.InputMap);
        }
        return bytes + (training ? 6 * Float * largest : 0);
    }

    /// <summary>What an engine takes that reads its weights where they lie and gives its buffers by lifetime: the maps that a
    /// decoder reads again, and those at work.</summary>
    public static double Streamed(IReadOnlyCollection<LayerShape> layers) => Float * (layers.Sum(layer => layer.OutputMap) / 10
        + 1.5 * layers.Select(layer => layer.InputMap + layer.OutputMap).DefaultIfEmpty().Max());

    /// <summary>libtorch keeps for each image what the backward pass reads. That is the input of each layer, its output before
    /// and after normalisation, scale and activation, and the weights of attention before and after the softmax.</summary>
    private double LibtorchTraining() => Float * _layers.Sum(layer => layer.InputMap + 4 * layer.OutputMap + 2 * layer.Scores);

    /// <summary>Without gradients only the maps for the decoder stay, a fifth of all; beside them the largest layer is at
    /// work.</summary>
    private double LibtorchEvaluation() => Float * (_layers.Sum(layer => layer.OutputMap) / 5
        + _layers.Select(layer => layer.InputMap + 4 * layer.OutputMap + 2 * layer.Scores).DefaultIfEmpty().Max());
}
