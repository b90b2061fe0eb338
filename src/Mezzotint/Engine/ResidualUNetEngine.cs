using Mezzotint.Networks;

namespace Mezzotint.Engine;

/// <summary><see cref="ResidualUNet"/>, for images with one label each.</summary>
internal sealed unsafe class ResidualUNetEngine : NetworkEngine
{
    private readonly record struct Stage(ModulatedLayer Block, MapAttentionLayer? Attention)
    {
        public Map Output => Attention?.Output ?? Block.Output;
    }

    private readonly ResidualUNetConfig _config;
    private readonly ConditionLayer _condition;
    private readonly ConvolutionLayer _input;
    private readonly ConvolutionLayer[] _down, _up;
    private readonly Map _first, _lastNormed;
    private readonly Map[] _downTo, _upTo;
    private readonly Stage[][] _encoder, _decoder;
    private readonly (Map All, Map First, Map Second)[][] _joined; // what the decoder reads: the map from below, then the encoder's
    private readonly ModulatedLayer _middle;
    private readonly MapAttentionLayer _middleAttention;
    private readonly NormalisedSilu _outputNorm;
    private readonly OutputLayer _output;
    private readonly Map? _lastGradient;
    private readonly float* _image, _scratch, _given;
    private readonly Stack<nint> _skipGradients = new();
    private long _label;

    public ResidualUNetEngine(ResidualUNet network, int height, int width, bool bfloat16, bool training) : base(network, bfloat16, training)
    {
        _config = (ResidualUNetConfig)network.Config;
        int[] widths = _config.Widths;
        int levels = widths.Length, rows = height / _config.PatchSize, columns = width / _config.PatchSize;
        (_down, _up, _downTo, _upTo) = (new ConvolutionLayer[levels], new ConvolutionLayer[levels], new Map[levels], new Map[levels]);
        (_encoder, _decoder, _joined) = (new Stage[levels][], new Stage[levels][], new (Map, Map, Map)[levels][]);
        _condition = new ConditionLayer(this, Parameters, _config);
        _input = NewLayer("input", new(3, 1, 1), Owned(new Map(rows, columns, _config.InputChannels, 1, false)), widths[0], new() { NoInputGradient = true });
        var x = _first = NewPlainMap(rows, columns, widths[0]);

        Stage NewStage(string side, int level, int i, Map from) => new(
            new ModulatedLayer(this, Parameters, $"{side}.blocks.{i}", from, widths[level], _config.EmbeddingWidth, training), null);
        Stage WithAttention(Stage stage, string side, int level, int i) => _config.AttentionLevels.Contains(level)
            ? stage with { Attention = new MapAttentionLayer(this, Parameters, $"{side}.attention.{i}", stage.Block.Output, _config.HeadChannels, training) } : stage;

        for (int level = 0; level < levels; level++)
        {
            if (level > 0)
            {
                _down[level] = NewLayer($"down.{level - 1}", new(2, 2), NewMap(x.Height, x.Width, x.Channels, border: 0), widths[level]);
                x = _downTo[level] = NewPlainMap(x.Height / 2, x.Width / 2, widths[level]);
            }
            _encoder[level] = new Stage[_config.ResidualBlocks[level]];
            for (int i = 0; i < _encoder[level].Length; i++)
            {
                _encoder[level][i] = WithAttention(NewStage($"encoder.{level}", level, i, x), $"encoder.{level}", level, i);
                x = _encoder[level][i].Output;
            }
        }
        _middle = new ModulatedLayer(this, Parameters, "middle", x, widths[^1], _config.EmbeddingWidth, training);
        _middleAttention = new MapAttentionLayer(this, Parameters, "middle_attention", _middle.Output, _config.HeadChannels, training);
        x = _middleAttention.Output;
        for (int step = 0; step < levels; step++)
        {
            int level = levels - 1 - step;
            if (step > 0)
            {
                _up[step] = NewLayer($"up.{step - 1}", new(2, 2), NewMap(x.Height, x.Width, x.Channels, border: 0), widths[level], new() { Transposed = true });
                x = _upTo[step] = NewPlainMap(x.Height * 2, x.Width * 2, widths[level]);
            }
            (_decoder[step], _joined[step]) = (new Stage[_config.ResidualBlocks[level]], new (Map, Map, Map)[_config.ResidualBlocks[level]]);
            for (int i = 0; i < _decoder[step].Length; i++)
            {
                var joined = NewPlainMap(x.Height, x.Width, 2 * widths[level]);
                _joined[step][i] = (joined, joined.Slice(0, widths[level]), joined.Slice(widths[level], widths[level]));
                _decoder[step][i] = WithAttention(NewStage($"decoder.{step}", level, i, joined), $"decoder.{step}", level, i);
                x = _decoder[step][i].Output;
            }
        }
        _outputNorm = new NormalisedSilu(this, Parameters, "output_norm", widths[0], ResidualUNetConfig.GroupChannels);
        _lastNormed = NewPlainMap(rows, columns, widths[0]);
        _output = Owned(new OutputLayer(Parameters, "output", _lastNormed, _config.PatchChannels, training));
        _image = NewFloats((long)_config.PatchChannels * rows * columns);
        if (!training)
            return;
        _lastGradient = NewPlainMap(rows, columns, widths[0]);
        long largest = (long)rows * columns * widths.Max() * 2;
        _scratch = NewFloats(5 * largest);
        _given = NewFloats(largest);
    }

    /// <summary>Whether the engine computes networks of this shape: channels and heads in whole vectors, maps of a size that has been thought of.</summary>
    public static bool Fits(ResidualUNetConfig config) => 2 * config.Widths.Max() <= MostChannels && config.ModelChannels % Lanes.Count == 0 && config.HeadChannels % Lanes.Count == 0;

    /// <inheritdoc/>
    public override void Pack()
    {
        base.Pack();
        _output.Pack();
    }

    /// <inheritdoc/>
    public override void Forward(float* x, float t, long label, float* f)
    {
        _label = label;
        _condition.Forward(t, label);
        float* condition = _condition.Output;
        Images.Unshuffle(x, t, new(_config.InChannels, _config.PatchSize, _config.Anchors, _config.AnchorDataStd), _input.Input);
        _input.Forward(_first.Floats);
        var last = _first;
        for (int level = 0; level < _encoder.Length; level++)
        {
            if (level > 0)
                last = Through(_down[level], last, _downTo[level]);
            foreach (var stage in _encoder[level])
                last = Run(stage);
        }
        _middle.Forward(condition);
        _middleAttention.Forward();
        last = _middleAttention.Output;
        for (int step = 0; step < _decoder.Length; step++)
        {
            if (step > 0)
                last = Through(_up[step], last, _upTo[step]);
            for (int i = 0; i < _decoder[step].Length; i++)
            {
                var (joined, skip) = (_joined[step][i], _encoder[^(step + 1)][^(i + 1)].Output);
                Elementwise.Copy(last.Floats, last.Channels, joined.First);
                Elementwise.Copy(skip.Floats, skip.Channels, joined.Second);
                last = Run(_decoder[step][i]);
            }
        }
        _outputNorm.Forward(last.Floats, _lastNormed);
        _output.Forward(_image);
        Images.Shuffle(_image, _lastNormed.Height, _lastNormed.Width, _config.PatchSize, _config.PatchChannels, f);

        Map Run(Stage stage)
        {
            stage.Block.Forward(condition);
            stage.Attention?.Forward();
            return stage.Output;
        }
    }

    /// <inheritdoc/>
    public override void Backward(float* gradient)
    {
        var last = _decoder[^1][^1].Output;
        Images.UnshuffleGradient(gradient, _lastNormed.Height, _lastNormed.Width, _config.PatchSize, _config.PatchChannels, _image);
        _output.Backward(_image, _given);
        _outputNorm.Backward(last.Floats, _given, _scratch, _lastGradient!);
        float* given = _lastGradient!.Floats;
        for (int step = _decoder.Length - 1; step >= 0; step--)
        {
            for (int i = _decoder[step].Length - 1; i >= 0; i--)
            {
                float* both = Back(_decoder[step][i], given);
                int channels = _joined[step][i].First.Channels;
                _skipGradients.Push((nint)both);
                Elementwise.Copy(both, 2 * channels, _decoder[step][i].Block.Output); // what it made is not needed any more
                given = _decoder[step][i].Block.Output.Floats;
            }
            if (step > 0)
                given = BackThrough(_up[step], given);
        }
        given = _middle.Backward(_condition.Output, _middleAttention.Backward(given, _scratch), _scratch, _condition.OutputGradient);
        for (int level = _encoder.Length - 1; level >= 0; level--)
        {
            for (int i = _encoder[level].Length - 1; i >= 0; i--)
            {
                var made = _encoder[level][i].Output;
                AddSkip(given, (float*)_skipGradients.Pop(), made);
                given = Back(_encoder[level][i], made.Floats);
            }
            if (level > 0)
                given = BackThrough(_down[level], given);
        }
        Elementwise.Copy(given, _first.Channels, _input.Gradient);
        Elementwise.SumPlaces(given, _first.Channels, _first.Places, _first.Channels, _input.BiasGradient);
        _input.Backward(null);
        _condition.Backward(_label);
    }

    /// <inheritdoc/>
    public override void TakeGradients()
    {
        base.TakeGradients();
        _output.TakeGradients();
    }

    private static Map Through(ConvolutionLayer layer, Map from, Map to)
    {
        Elementwise.Copy(from.Floats, from.Channels, layer.Input);
        layer.Forward(to.Floats);
        return to;
    }

    private float* BackThrough(ConvolutionLayer layer, float* gradient)
    {
        var made = layer.Gradient;
        Elementwise.Copy(gradient, made.Channels, made);
        Elementwise.SumPlaces(gradient, made.Channels, made.Places, made.Channels, layer.BiasGradient);
        layer.Backward(_given);
        return _given;
    }

    private float* Back(Stage stage, float* gradient)
    {
        if (stage.Attention is { } attention)
            gradient = attention.Backward(gradient, _scratch);
        return stage.Block.Backward(_condition.Output, gradient, _scratch, _condition.OutputGradient);
    }

    /// <summary>to = given + the second half of the joined channels.</summary>
    private static void AddSkip(float* given, float* joined, Map to)
    {
        int channels = to.Channels;
        float* at = to.Floats;
        for (int place = 0; place < to.Places; place++, at += channels, given += channels, joined += 2 * channels)
        {
            if (at != given)
                Buffer.MemoryCopy(given, at, channels * sizeof(float), channels * sizeof(float));
            Elementwise.AddTo(at, joined + channels, channels);
        }
    }
}
