using Mezzotint.Networks;

namespace Mezzotint.Engine;

/// <summary><see cref="UNet"/>, the seed's network, for images with one label each.</summary>
internal sealed unsafe class UNetEngine : NetworkEngine
{
    private readonly UNetConfig _config;
    private readonly int _levels, _blocks, _timeChannels;
    private readonly Map _input, _last, _lastNormed, _lastGradient;
    private readonly ResidualLayer[][] _encoder, _decoder;
    private readonly Map[][] _encoderTo, _decoderTo;
    private readonly TransformerLayer?[] _attention;
    private readonly Map[] _skips, _joined, _upTo;
    private readonly ConvolutionLayer[] _down, _up;
    private readonly Map[] _downTo;
    private readonly ResidualLayer _middle1, _middle2;
    private readonly Map _middle1To, _middle2To, _middleTo;
    private readonly TransformerLayer _middleAttention;
    private readonly NormalisedSilu _norm;
    private readonly OutputLayer _output;
    private readonly VectorLayer _timeProj;
    private readonly float* _frequencies, _features, _embedding, _embeddingGradient, _contextGradient, _made;
    private readonly float* _gradient, _inputGradient, _scratch;
    private readonly float*[] _skipGradients;
    private float* _context, _contextRowGradient;

    public UNetEngine(UNet network, int height, int width, bool bfloat16, bool training) : base(network, bfloat16, training)
    {
        _config = (UNetConfig)network.Config;
        int[] widths = [.. _config.ChannelMultipliers.Select(m => m * _config.ModelChannels)];
        (_levels, _blocks, _timeChannels) = (widths.Length, _config.NumResBlocks, _config.ModelChannels);
        int Height(int level) => height >> level;
        int Width(int level) => width >> level;
        (_encoder, _decoder, _encoderTo, _decoderTo) = (new ResidualLayer[_levels][], new ResidualLayer[_levels][], new Map[_levels][], new Map[_levels][]);
        (_attention, _skips, _joined, _upTo) = (new TransformerLayer?[_levels], new Map[_levels], new Map[_levels], new Map[_levels]);
        (_down, _up, _downTo, _skipGradients) = (new ConvolutionLayer[_levels], new ConvolutionLayer[_levels], new Map[_levels], new float*[_levels]);

        var x = _input = Owned(new Map(height, width, _config.InChannels, 1, false)); // a noisy image's last digits matter at low levels of noise
        long largest = 0;
        for (int level = 0; level < _levels; level++)
        {
            int channels = widths[level];
            _joined[level] = NewMap(Height(level), Width(level), 2 * channels);
            _skips[level] = _joined[level].Slice(0, channels);
            largest = Math.Max(largest, (long)_joined[level].Places * 2 * channels);
            bool attends = _config.AttentionLevels.Contains(level);
            (_encoder[level], _encoderTo[level]) = (new ResidualLayer[_blocks], new Map[_blocks]);
            for (int i = 0; i < _blocks; i++)
            {
                _encoder[level][i] = new ResidualLayer(this, Parameters, $"encoder.{level}.res_blocks.{i}", x, channels, _timeChannels, isFirst: level == 0 && i == 0);
                x = _encoderTo[level][i] = i < _blocks - 1 ? NewMap(Height(level), Width(level), channels)
                    : attends ? NewPlainMap(Height(level), Width(level), channels) : _skips[level];
            }
            if (attends)
                _attention[level] = new TransformerLayer(this, Parameters, $"encoder.{level}.spatial_transformer", x, _config.Transformer);
            _down[level] = NewLayer($"encoder.{level}.downsampling", new(3, 2, 1), _skips[level], channels, new() { AddsToGradient = true });
            x = _downTo[level] = NewMap(Height(level + 1), Width(level + 1), channels);
            _skipGradients[level] = training ? NewFloats((long)_skips[level].Places * channels) : null;
        }

        int middle = 2 * widths[^1];
        _middle1 = new ResidualLayer(this, Parameters, "mid_block.res1", x, middle, _timeChannels);
        x = _middle1To = NewMap(Height(_levels), Width(_levels), middle);
        _middle2 = new ResidualLayer(this, Parameters, "mid_block.res2", x, middle, _timeChannels);
        x = _middle2To = NewPlainMap(Height(_levels), Width(_levels), middle);
        _middleAttention = new TransformerLayer(this, Parameters, "mid_block.st", x, _config.Transformer);
        x = _middleTo = NewMap(Height(_levels), Width(_levels), middle);
        largest = Math.Max(largest, (long)x.Places * middle);

        for (int i = 0; i < _levels; i++)
        {
            int level = _levels - 1 - i, channels = widths[level];
            _up[i] = NewLayer($"decoder.{i}.upsampling", new(3, 2, 1), x, channels, new() { Transposed = true });
            _upTo[i] = _joined[level].Slice(channels, channels);
            (_decoder[i], _decoderTo[i]) = (new ResidualLayer[_blocks], new Map[_blocks]);
            x = _joined[level];
            for (int j = 0; j < _blocks; j++)
            {
                _decoder[i][j] = new ResidualLayer(this, Parameters, $"decoder.{i}.res_blocks.{j}", x, channels, _timeChannels);
                x = _decoderTo[i][j] = level == 0 && j == _blocks - 1 ? NewPlainMap(height, width, channels) : NewMap(Height(level), Width(level), channels);
            }
        }
        _last = x;
        _norm = new NormalisedSilu(this, Parameters, "proj.0", widths[0], widths[0] / UNetConfig.Groups);
        _lastNormed = NewPlainMap(height, width, widths[0]);
        _output = Owned(new OutputLayer(Parameters, "proj.2", _lastNormed, _config.OutChannels, training));

        _timeProj = new VectorLayer(Parameters, "time_embed.proj", _timeChannels, _timeChannels);
        _frequencies = Parameters.Value("time_embed.W");
        _features = NewFloats(_timeChannels);
        _embedding = NewFloats(_timeChannels);
        _embeddingGradient = NewFloats(_timeChannels);
        _contextGradient = NewFloats(_config.Transformer.ContextDim);
        _made = NewFloats(largest);
        _lastGradient = NewPlainMap(height, width, widths[0]);
        if (!training)
            return;
        _gradient = NewFloats(largest);
        _inputGradient = NewFloats(largest);
        _scratch = NewFloats(3 * largest);
    }

    /// <summary>Whether the engine computes networks of this shape: heads in whole vectors, maps of a size that has been thought of.</summary>
    public static bool Fits(UNetConfig config) => 2 * config.ChannelMultipliers.Max() * config.ModelChannels <= MostChannels &&
        config.AttentionLevels.Where(level => level < config.ChannelMultipliers.Count).Select(level => config.ChannelMultipliers[level] * config.ModelChannels)
            .Append(2 * config.ChannelMultipliers[^1] * config.ModelChannels).All(width => width / config.Transformer.NumHeads % Lanes.Count == 0);

    /// <inheritdoc/>
    public override void Pack()
    {
        base.Pack();
        _output.Pack();
    }

    /// <inheritdoc/>
    public override void Forward(float* x, float t, long label, float* f)
    {
        _context = Parameters.Value("context_embed.weight") + label * _config.Transformer.ContextDim;
        float* context = Parameters.Gradient("context_embed.weight");
        _contextRowGradient = context == null ? null : context + label * _config.Transformer.ContextDim;
        Embed(t);
        Images.Interleave(x, _input);
        for (int level = 0; level < _levels; level++)
        {
            for (int i = 0; i < _blocks; i++)
                _encoder[level][i].Forward(_embedding, _encoderTo[level][i]);
            _attention[level]?.Forward(_context, _skips[level]);
            _down[level].Forward(_made);
            Elementwise.Copy(_made, _downTo[level].Channels, _downTo[level]);
        }
        _middle1.Forward(_embedding, _middle1To);
        _middle2.Forward(_embedding, _middle2To);
        _middleAttention.Forward(_context, _middleTo);
        for (int i = 0; i < _levels; i++)
        {
            _up[i].Forward(_made);
            Elementwise.Copy(_made, _upTo[i].Channels, _upTo[i]);
            for (int j = 0; j < _blocks; j++)
                _decoder[i][j].Forward(_embedding, _decoderTo[i][j]);
        }
        _norm.Forward(_last.Floats, _lastNormed);
        _output.Forward(f);
    }

    /// <inheritdoc/>
    public override void Backward(float* gradient)
    {
        new Span<float>(_embeddingGradient, _timeChannels).Clear();
        new Span<float>(_contextGradient, _config.Transformer.ContextDim).Clear();
        float* given = _gradient, made = _inputGradient;
        _output.Backward(gradient, given);
        _norm.Backward(_last.Floats, given, _scratch, _lastGradient);
        Buffer.MemoryCopy(_lastGradient.Floats, given, _lastGradient.Places * (long)_lastGradient.PlaceBytes, _lastGradient.Places * (long)_lastGradient.PlaceBytes);
        for (int i = _levels - 1; i >= 0; i--)
        {
            for (int j = _blocks - 1; j >= 0; j--)
                Through(_decoder[i][j]);
            int level = _levels - 1 - i, channels = _joined[level].Channels / 2;
            CopySkip(given, channels, _joined[level].Places, _skipGradients[level]);
            Elementwise.Copy(given + channels, 2 * channels, _up[i].Gradient);
            _up[i].Backward(made);
            Swap();
        }
        _middleAttention.Backward(_context, given, _scratch, _contextGradient);
        Through(_middle2);
        Through(_middle1);
        for (int level = _levels - 1; level >= 0; level--)
        {
            Elementwise.Copy(given, _down[level].Gradient.Channels, _down[level].Gradient);
            _down[level].Backward(_skipGradients[level]);
            long bytes = _skips[level].Places * (long)_skips[level].Channels * sizeof(float);
            Buffer.MemoryCopy(_skipGradients[level], given, bytes, bytes);
            _attention[level]?.Backward(_context, given, _scratch, _contextGradient);
            for (int i = _blocks - 1; i >= 0; i--)
                Through(_encoder[level][i]);
        }
        _timeProj.Backward(_features, _embeddingGradient, null);
        Elementwise.AddScaled(_contextRowGradient, 1, _contextGradient, _config.Transformer.ContextDim);

        void Through(ResidualLayer layer)
        {
            layer.Backward(_embedding, given, _scratch, _embeddingGradient, made);
            Swap();
        }

        void Swap()
        {
            float* other = given;
            given = made;
            made = other;
        }
    }

    /// <inheritdoc/>
    public override void TakeGradients()
    {
        base.TakeGradients();
        _output.TakeGradients();
    }

    /// <summary>The embedding of a time, as TimeEmbedding has it.</summary>
    private void Embed(float t)
    {
        int half = _timeChannels / 2;
        for (int i = 0; i < half; i++)
        {
            float angle = t * _frequencies[i] * (float)(2 * Math.PI);
            (_features[i], _features[half + i]) = (MathF.Sin(angle), MathF.Cos(angle));
        }
        _timeProj.Forward(_features, _embedding);
    }

    private static void CopySkip(float* from, int channels, int places, float* to)
    {
        for (int place = 0; place < places; place++, from += 2 * channels, to += channels)
            Buffer.MemoryCopy(from, to, channels * sizeof(float), channels * sizeof(float));
    }
}
