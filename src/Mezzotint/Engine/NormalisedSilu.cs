namespace Mezzotint.Engine;

/// <summary>A group normalisation with its parameters, on a plain map of float32, and silu after it.</summary>
internal sealed unsafe class NormalisedSilu
{
    private readonly GroupNormalisation _norm;
    private readonly float* _gamma, _beta, _gammaGradient, _betaGradient;

    public NormalisedSilu(NetworkEngine engine, ParameterTable parameters, string name, int channels, int groupChannels)
    {
        _norm = engine.Owned(new GroupNormalisation(channels, groupChannels));
        _gamma = parameters.Value($"{name}.weight");
        _beta = parameters.Value($"{name}.bias");
        _gammaGradient = parameters.Gradient($"{name}.weight");
        _betaGradient = parameters.Gradient($"{name}.bias");
    }

    /// <summary>silu(norm(x)), or x + silu(norm(x + time)), or silu of what modulation makes of it: see <see cref="GroupNormalisation"/>.</summary>
    public void Forward(float* x, Map to, bool residual = false, float* time = null, float* modulation = null)
    {
        _norm.Measure(x, to.Places, _gamma, _beta, time, modulation);
        _norm.Silu(x, to, residual);
    }

    /// <summary>norm(x) alone.</summary>
    public void ForwardAffine(float* x, Map to)
    {
        _norm.Measure(x, to.Places, _gamma, _beta, null, null);
        _norm.Affine(x, to);
    }

    /// <summary>The gradients after <see cref="Forward"/>: that of x is set in <paramref name="to"/>, or added to it.</summary>
    public void Backward(float* x, float* gradient, float* scratch, Map to, bool residual = false, bool add = false, float* time = null, float* modulation = null, float* bias = null)
    {
        _norm.SiluBackward(x, gradient, scratch, residual);
        _norm.ParametersBackward(_gammaGradient, _betaGradient, time, modulation, bias);
        _norm.InputBackward(x, scratch, residual ? gradient : null, to, add);
    }

    /// <summary>The gradients after <see cref="ForwardAffine"/>, added to that of x.</summary>
    public void BackwardAffine(float* x, float* gradient, Map to)
    {
        _norm.AffineBackward(x, gradient);
        _norm.ParametersBackward(_gammaGradient, _betaGradient, null, null, null);
        _norm.InputBackward(x, gradient, null, to, add: true);
    }
}
