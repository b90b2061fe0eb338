namespace Mezzotint.Engine;

/// <summary>
/// A parameter of one number a channel, as vectors read it: the parameter itself where its map has nothing filled up, else a copy
/// with zeros in those places.
/// </summary>
internal sealed unsafe class ChannelParameter : IDisposable
{
    private readonly ChannelLayout _layout;
    private readonly float* _parameter, _parameterGradient;
    private readonly NativeArray<float>? _values, _gradients;

    public ChannelParameter(ParameterTable parameters, string name, ChannelLayout layout)
    {
        _layout = layout;
        _parameter = parameters.Value(name);
        _parameterGradient = parameters.Gradient(name);
        if (layout.IsFull)
            return;
        _values = new(layout.Width);
        _gradients = new(layout.Width);
    }

    /// <summary>Its numbers as the layout has them.</summary>
    public float* Values => _values is null ? _parameter : _values.Data;

    /// <summary>Its gradient, which is added to.</summary>
    public float* Gradient => _gradients is null ? _parameterGradient : _gradients.Data;

    /// <summary>Takes the numbers as they are now.</summary>
    public void Pack()
    {
        for (int c = 0; _values is not null && c < _layout.Count; c++)
            _values.Data[_layout.At[c]] = _parameter[c];
    }

    /// <summary>Adds what has been summed to the parameter's gradient.</summary>
    public void TakeGradient()
    {
        if (_gradients is null)
            return;
        for (int c = 0; c < _layout.Count; c++)
            _parameterGradient[c] += _gradients.Data[_layout.At[c]];
        _gradients.Clear();
    }

    public void Dispose()
    {
        _values?.Dispose();
        _gradients?.Dispose();
    }
}
