using System.Runtime.Intrinsics;

namespace Mezzotint.Engine;

/// <summary>
/// y = (1 + scale) (gamma (x + t - mean) / std + beta) + shift of groups of channels, and silu(y), in one pass over a map once
/// its means are known. It has their gradients too. t, which is one number a channel, and scale and shift are optional.
/// </summary>
/// <remarks>
/// Wu, He 2018, "Group Normalization", arXiv 1803.08494, equations 1 to 3; silu(y) = y / (1 + e^-y): Elfwing et al. 2017, arXiv
/// 1702.03118.
/// </remarks>
internal sealed unsafe class GroupNormalisation : IDisposable
{
    private const int Rows = 12;

    private readonly double _epsilon;
    private readonly ChannelLayout _layout;
    private readonly int _channels, _groupChannels;
    private readonly NativeArray<float> _rows;

    // One number a channel each. y = A x + B; (x + t - mean) / std = P x + Q.
    private readonly float* _a, _b, _p, _q, _pivot, _sum, _squares, _mean, _dy, _dyx, _dout, _factor;
    private float* _gamma, _beta, _modulation;
    private int _places;

    /// <summary>Prepares.</summary>
    /// <param name="layout">The channels.</param>
    /// <param name="groupChannels">How many are normalised together.</param>
    /// <param name="epsilon">What is added to their variance.</param>
    public GroupNormalisation(ChannelLayout layout, int groupChannels, double epsilon = 1e-5)
    {
        (_layout, _channels, _groupChannels, _epsilon) = (layout, layout.Width, groupChannels, epsilon);
        _rows = new((long)Rows * _channels);
        float* Row(int i) => _rows.Data + i * _channels;
        _a = Row(0);
        _b = Row(1);
        _p = Row(2);
        _q = Row(3);
        _pivot = Row(4);
        _sum = Row(5);
        _squares = Row(6);
        _mean = Row(7);
        _dy = Row(8);
        _dyx = Row(9);
        _dout = Row(10);
        _factor = Row(11);
    }

    /// <summary>Finds the means and deviations of a map.</summary>
    /// <param name="x">[places, C].</param>
    /// <param name="places">H W.</param>
    /// <param name="gamma">[C].</param>
    /// <param name="beta">[C].</param>
    /// <param name="time">t: [C]; null for none.</param>
    /// <param name="modulation">scale, then shift: [2 C]; null for none.</param>
    /// <param name="crew">The threads that do it.</param>
    public void Measure(float* x, int places, float* gamma, float* beta, float* time, float* modulation, Crew crew)
    {
        _gamma = gamma;
        _beta = beta;
        _modulation = modulation;
        _places = places;
        crew.Run(_channels / Lanes.Count, (Self: this, X: (nint)x), static (of, vector, _) =>
            of.Self.Sums((float*)of.X + vector * Lanes.Count, vector * Lanes.Count));
        int[] at = _layout.At;
        for (int first = 0; first < at.Length; first += _groupChannels)
        {
            double mean = 0, variance = 0;
            for (int c = first; c < first + _groupChannels; c++)
            {
                int i = at[c];
                _mean[i] = _pivot[i] + _sum[i] / places;
                mean += _mean[i] + Time(c);
            }
            mean /= _groupChannels;
            for (int c = first; c < first + _groupChannels; c++)
            {
                int i = at[c];
                double off = _sum[i] / places, far = _mean[i] + Time(c) - mean;
                variance += Math.Max(0, _squares[i] / places - off * off) + far * far;
            }
            double rate = 1 / Math.Sqrt(variance / _groupChannels + _epsilon);
            for (int c = first; c < first + _groupChannels; c++)
            {
                int i = at[c];
                double factor = modulation == null ? 1 : 1 + modulation[c];
                double shift = modulation == null ? 0 : modulation[at.Length + c];
                double q = (Time(c) - mean) * rate;
                (_p[i], _q[i], _factor[i]) = ((float)rate, (float)q, (float)factor);
                (_a[i], _b[i]) = ((float)(factor * gamma[c] * rate), (float)(factor * (gamma[c] * q + beta[c]) + shift));
            }
        }

        float Time(int c) => time == null ? 0 : time[c];
    }

    /// <summary>silu(y), or x + silu(y).</summary>
    /// <param name="x">What was measured.</param>
    /// <param name="to">A map of the same places.</param>
    /// <param name="residual">Whether x is added.</param>
    public void Silu(float* x, Map to, bool residual)
    {
        bool bfloat16 = to.Bfloat16;
        for (int row = 0; row < to.Height; row++)
            for (int c = 0; c < _channels; c += Lanes.Count)
            {
                var (a, b) = (Vector512.Load(_a + c), Vector512.Load(_b + c));
                float* from = x + (long)row * to.Width * _channels + c;
                byte* at = to.Origin + row * to.RowBytes + c * to.ElementBytes;
                for (int column = 0; column < to.Width; column++, from += _channels, at += to.PlaceBytes)
                {
                    var value = Vector512.Load(from);
                    var y = Vector512.FusedMultiplyAdd(a, value, b);
                    y *= Lanes.Sigmoid(y);
                    Lanes.Store(residual ? y + value : y, at, bfloat16);
                }
            }
    }

    /// <summary>y itself.</summary>
    public void Affine(float* x, Map to)
    {
        bool bfloat16 = to.Bfloat16;
        for (int row = 0; row < to.Height; row++)
            for (int c = 0; c < _channels; c += Lanes.Count)
            {
                var (a, b) = (Vector512.Load(_a + c), Vector512.Load(_b + c));
                float* from = x + (long)row * to.Width * _channels + c;
                byte* at = to.Origin + row * to.RowBytes + c * to.ElementBytes;
                for (int column = 0; column < to.Width; column++, from += _channels, at += to.PlaceBytes)
                    Lanes.Store(Vector512.FusedMultiplyAdd(a, Vector512.Load(from), b), at, bfloat16);
            }
    }

    /// <summary>
    /// The gradient of y from that of what <see cref="Silu"/> gave, and its sums, from which all others follow.
    /// </summary>
    /// <param name="x">What was measured.</param>
    /// <param name="gradient">Of the output: [places, C].</param>
    /// <param name="dy">Receives that of y: [places, C].</param>
    /// <param name="residual">As it was.</param>
    public void SiluBackward(float* x, float* gradient, float* dy, bool residual)
    {
        for (int c = 0; c < _channels; c += Lanes.Count)
        {
            var (a, b, p, q) = (Vector512.Load(_a + c), Vector512.Load(_b + c), Vector512.Load(_p + c), Vector512.Load(_q + c));
            var (sum, products, total) = (Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero);
            long at = c;
            for (int place = 0; place < _places; place++, at += _channels)
            {
                var (value, given) = (Vector512.Load(x + at), Vector512.Load(gradient + at));
                var y = Vector512.FusedMultiplyAdd(a, value, b);
                var sigmoid = Lanes.Sigmoid(y);
                var slope = given * sigmoid * Vector512.FusedMultiplyAdd(y, Vector512<float>.One - sigmoid, Vector512<float>.One);
                slope.Store(dy + at);
                sum += slope;
                products = Vector512.FusedMultiplyAdd(slope, Vector512.FusedMultiplyAdd(p, value, q), products);
                if (residual)
                    total += given;
            }
            sum.Store(_dy + c);
            products.Store(_dyx + c);
            total.Store(_dout + c);
        }
    }

    /// <summary>The same of what <see cref="Affine"/> gave: the sums alone.</summary>
    public void AffineBackward(float* x, float* gradient)
    {
        for (int c = 0; c < _channels; c += Lanes.Count)
        {
            var (p, q) = (Vector512.Load(_p + c), Vector512.Load(_q + c));
            var (sum, products) = (Vector512<float>.Zero, Vector512<float>.Zero);
            long at = c;
            for (int place = 0; place < _places; place++, at += _channels)
            {
                var dy = Vector512.Load(gradient + at);
                sum += dy;
                products = Vector512.FusedMultiplyAdd(dy, Vector512.FusedMultiplyAdd(p, Vector512.Load(x + at), q), products);
            }
            sum.Store(_dy + c);
            products.Store(_dyx + c);
            Vector512<float>.Zero.Store(_dout + c);
        }
    }

    /// <summary>Adds the gradients of the parameters, and prepares those of x.</summary>
    /// <param name="gamma">[C].</param>
    /// <param name="beta">[C].</param>
    /// <param name="time">[C]; null for none.</param>
    /// <param name="modulation">[2 C]; null for none.</param>
    /// <param name="bias">Of whatever gave x, with the residual's part: [C]; null for none.</param>
    public void ParametersBackward(float* gamma, float* beta, float* time, float* modulation, float* bias)
    {
        int[] at = _layout.At;
        for (int first = 0; first < at.Length; first += _groupChannels)
        {
            double mean = 0, product = 0, count = (double)_places * _groupChannels;
            for (int c = first; c < first + _groupChannels; c++)
            {
                int i = at[c];
                float weight = _factor[i] * _gamma[c];
                mean += weight * _dy[i] / count;
                product += weight * _dyx[i] / count;
                gamma[c] += _factor[i] * _dyx[i];
                beta[c] += _factor[i] * _dy[i];
                if (modulation != null)
                {
                    modulation[c] += _gamma[c] * _dyx[i] + _beta[c] * _dy[i];
                    modulation[at.Length + c] += _dy[i];
                }
            }
            for (int c = first; c < first + _groupChannels; c++)
            {
                int i = at[c];
                double p = _p[i], slope = -p * product * p, offset = -p * mean - p * product * _q[i];
                // of x's gradient by way of y, all places
                double all = _a[i] * (double)_dy[i] + (slope * _mean[i] + offset) * _places;
                if (time != null)
                    time[c] += (float)all;
                if (bias != null)
                    bias[c] += (float)(all + _dout[i]);
                (_sum[i], _squares[i]) = ((float)slope, (float)offset); // A dy + slope x + offset
            }
        }
    }

    /// <summary>The gradient of x into a map: set, with the residual's part, or added to one of float32.</summary>
    /// <param name="x">What was measured.</param>
    /// <param name="dy">What <see cref="SiluBackward"/> left, or the gradient of y: [places, C].</param>
    /// <param name="residual">The gradient of the output where x was added to it: [places, C]; else null.</param>
    /// <param name="to">Where to.</param>
    /// <param name="add">Whether it is added to what is there.</param>
    public void InputBackward(float* x, float* dy, float* residual, Map to, bool add)
    {
        bool bfloat16 = to.Bfloat16;
        for (int row = 0; row < to.Height; row++)
            for (int c = 0; c < _channels; c += Lanes.Count)
            {
                var (a, slope, offset) = (Vector512.Load(_a + c), Vector512.Load(_sum + c), Vector512.Load(_squares + c));
                long from = (long)row * to.Width * _channels + c;
                byte* at = to.Origin + row * to.RowBytes + c * to.ElementBytes;
                for (int column = 0; column < to.Width; column++, from += _channels, at += to.PlaceBytes)
                {
                    var value = Vector512.FusedMultiplyAdd(a, Vector512.Load(dy + from),
                        Vector512.FusedMultiplyAdd(slope, Vector512.Load(x + from), offset));
                    if (residual != null)
                        value += Vector512.Load(residual + from);
                    if (add)
                        value += Vector512.Load((float*)at);
                    Lanes.Store(value, at, bfloat16);
                }
            }
    }

    public void Dispose() => _rows.Dispose();

    /// <summary>
    /// sum(x - pivot) and sum((x - pivot)^2) of 16 channels, the first place being the pivot: what is far from 0 loses no digits.
    /// </summary>
    private void Sums(float* x, int channel)
    {
        var pivot = Vector512.Load(x);
        var (sum0, sum1) = (Vector512<float>.Zero, Vector512<float>.Zero);
        var (squares0, squares1) = (Vector512<float>.Zero, Vector512<float>.Zero);
        int place = 0;
        for (; place + 1 < _places; place += 2, x += 2 * _channels)
        {
            var (d0, d1) = (Vector512.Load(x) - pivot, Vector512.Load(x + _channels) - pivot);
            sum0 += d0;
            sum1 += d1;
            squares0 = Vector512.FusedMultiplyAdd(d0, d0, squares0);
            squares1 = Vector512.FusedMultiplyAdd(d1, d1, squares1);
        }
        if (place < _places)
        {
            var d = Vector512.Load(x) - pivot;
            sum0 += d;
            squares0 = Vector512.FusedMultiplyAdd(d, d, squares0);
        }
        pivot.Store(_pivot + channel);
        (sum0 + sum1).Store(_sum + channel);
        (squares0 + squares1).Store(_squares + channel);
    }
}
