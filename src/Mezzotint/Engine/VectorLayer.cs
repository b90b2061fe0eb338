namespace Mezzotint.Engine;

/// <summary>W x + b of one vector: the layers of the embeddings.</summary>
internal sealed unsafe class VectorLayer(ParameterTable parameters, string name, int inputs, int outputs)
{
    private readonly float* _weight = parameters.Value($"{name}.weight"), _bias = parameters.BiasOf(name);
    private readonly float* _weightGradient = parameters.Gradient($"{name}.weight");
    private readonly float* _biasGradient = parameters.Has($"{name}.bias") ? parameters.Gradient($"{name}.bias") : null;

    public int Outputs => outputs;

    public void Forward(float* x, float* y)
    {
        for (int i = 0; i < outputs; i++)
            y[i] = Elementwise.Dot(_weight + (long)i * inputs, x, inputs) + (_bias == null ? 0 : _bias[i]);
    }

    /// <summary>Adds the gradients.</summary>
    /// <param name="x">As it was: [inputs].</param>
    /// <param name="gradient">Of y: [outputs].</param>
    /// <param name="xGradient">[inputs], added to; null where it is not asked for.</param>
    public void Backward(float* x, float* gradient, float* xGradient)
    {
        for (int i = 0; i < outputs; i++)
        {
            Elementwise.AddScaled(_weightGradient + (long)i * inputs, gradient[i], x, inputs);
            if (_biasGradient != null)
                _biasGradient[i] += gradient[i];
            if (xGradient != null)
                Elementwise.AddScaled(xGradient, gradient[i], _weight + (long)i * inputs, inputs);
        }
    }
}
