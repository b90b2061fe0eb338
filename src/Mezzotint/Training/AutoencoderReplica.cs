using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Training;

/// <summary>
/// An autoencoder at work by two engines, image by image, in float32. Autograd follows the loss back to the reconstruction and to
/// the latents; the engines take these gradients to the weights of decoder and encoder.
/// </summary>
internal sealed unsafe class AutoencoderReplica : Replica
{
    private readonly AutoencoderTask _task;
    private readonly nn.Module _network;
    private readonly Autoencoder _autoencoder;
    private readonly NetworkEngine _encoder, _decoder;

    private AutoencoderReplica(AutoencoderTask task, nn.Module network, int height, int width, bool training)
    {
        (_task, _network, _autoencoder) = (task, network, AdversarialAutoencoder.Of(network));
        int margin = 2 * _autoencoder.Config.Margin;
        _encoder = new(
            _autoencoder, _autoencoder.EncoderDescription, height + margin, width + margin, 1, bfloat16: false, training);
        var size = _encoder.OutputSize;
        _decoder = new(
            _autoencoder, _autoencoder.DecoderDescription, size.Rows, size.Columns, 1, bfloat16: false, training,
            training ? GivenGradients.Image : GivenGradients.None);
        Pack();
    }

    /// <summary>The replica; null where there is no engine for such an autoencoder.</summary>
    /// <param name="task">What it is trained for.</param>
    /// <param name="network">The network, as <see cref="AutoencoderTask.Build"/> makes it.</param>
    /// <param name="height">H of the images.</param>
    /// <param name="width">W.</param>
    /// <param name="training">Whether its parameters have gradients.</param>
    public static AutoencoderReplica? Of(AutoencoderTask task, nn.Module network, int height, int width, bool training) =>
        WhyNot(AdversarialAutoencoder.Of(network).Config, height, width) is null
            ? new(task, network, height, width, training) : null;

    /// <summary>Why no engine runs such an autoencoder here; null where one does.</summary>
    public static string? WhyNot(AutoencoderConfig config, int height, int width)
    {
        (height, width) = (height + 2 * config.Margin, width + 2 * config.Margin);
        return NetworkEngine.WhyNot(config.DescribeEncoder(), height, width)
            ?? NetworkEngine.WhyNot(config.DescribeDecoder(), height / config.Factor, width / config.Factor);
    }

    public override Tensor Losses(Tensor images, Tensor labels, BatchDraw draw)
    {
        var noise = (AutoencoderTask.LatentNoise)draw;
        var losses = new List<Tensor>();
        for (int i = 0; i < images.shape[0]; i++)
        {
            using var scope = NewDisposeScope();
            var (x, drawn) = (images.narrow(0, i, 1), noise.Slice(i, 1));
            var moments = _autoencoder.Encode(x, maps => NetworkEvaluator.Evaluate(_encoder, maps));
            var decoded = _autoencoder.Decode(moments.Sample(drawn.Noise), z => NetworkEvaluator.Evaluate(_decoder, z));
            losses.Add(_task.Losses(_network, x, decoded, moments, drawn).MoveToOuterDisposeScope());
        }
        return cat(losses);
    }

    public override void Backward(Tensor images, Tensor labels, BatchDraw draw, long batch, Tensor loss)
    {
        Pack(); // the weights have changed
        var noise = (AutoencoderTask.LatentNoise)draw;
        double sum = 0;
        for (int i = 0; i < images.shape[0]; i++)
        {
            using var scope = NewDisposeScope();
            sum += Backward(images.narrow(0, i, 1), noise.Slice(i, 1), batch);
        }
        _encoder.TakeGradients();
        _decoder.TakeGradients();
        using var noGrad = no_grad();
        using Scalar total = sum / batch;
        loss.fill_(total);
    }

    public override void Dispose()
    {
        _encoder.Dispose();
        _decoder.Dispose();
    }

    /// <summary>One image.</summary>
    /// <returns>Its loss.</returns>
    private double Backward(Tensor x, AutoencoderTask.LatentNoise draw, long batch)
    {
        Tensor encoded = null!, z = null!, made = null!; // what the engines made, and what the decoder read
        var moments = _autoencoder.Encode(x, maps => encoded = NetworkEvaluator.Evaluate(_encoder, maps).requires_grad_());
        var decoded = _autoencoder.Decode(moments.Sample(draw.Noise), latents =>
        {
            z = latents;
            return made = NetworkEvaluator.Evaluate(_decoder, latents.detach()).requires_grad_();
        });
        var losses = _task.Losses(_network, x, decoded, moments, draw);
        losses.sum().Over(batch).backward(retain_graph: true); // the way from the latents to their moments is used once more
        var ofLatents = zeros_like(z);
        fixed (float* from = NetworkEvaluator.Numbers<float>(made.grad!), to = NetworkEvaluator.Numbers<float>(ofLatents))
            _decoder.Backward(from, to);
        z.backward([ofLatents]);
        fixed (float* from = NetworkEvaluator.Numbers<float>(encoded.grad!))
            _encoder.Backward(from);
        return losses.item<float>();
    }

    private void Pack()
    {
        _encoder.Pack();
        _decoder.Pack();
    }
}
