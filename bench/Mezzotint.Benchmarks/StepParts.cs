using Mezzotint.Data;
using Mezzotint.Engine;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Benchmarks;

/// <summary>
/// <c>parts</c>: what each part of a training step of the seed's preset costs, batch 64, by the engine; and where the engine's
/// time goes, layer by layer.
/// </summary>
internal static unsafe class StepParts
{
    private const int Batch = 64, Side = 28;

    public static double? Measure(Action<Figure> add, int times)
    {
        var load = new OtherLoad();
        string precision = ComputePrecision.Resolve(ComputePrecision.Automatic, CPU);
        bool bfloat16 = precision == ComputePrecision.Bfloat16;
        var config =
            new ExperimentConfig { Training =
                new TrainingConfig { BatchSize = Batch, Replicas = Environment.ProcessorCount,
                Average = new ExponentialAverage() } };
        var images = RandomImages.Make("random train", 60_000);
        using (var trainer = new Trainer(config, images, RandomImages.Make("random test", Batch)))
            add(Figure.Milliseconds("a whole step", times, () =>
            {
                trainer.TrainStep();
                if (trainer.LossesAreDue)
                    trainer.ReadLosses();
            }, $"{precision}, {Environment.ProcessorCount} threads, with an average of the weights"));

        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var threads = new WorkerThreads(0);
        using var network = new UNet(new UNetConfig(), seed: 1);
        using var flat = FlatParameters.Of(network);
        using var data = new ResidentImages(images, CPU);
        using var generator = new Generator(1, CPU);
        var order = randperm(60_000);
        var (batch, labels) = data.Batch(order.narrow(0, 0, Batch));
        var draw = NoiseDraw.From(generator, config.Objective, Batch, (1, Side, Side));
        void In(Action work)
        {
            using var inner = NewDisposeScope();
            work();
        }
        add(Figure.Milliseconds("the images of a batch", times, () => In(() => data.Batch(order.narrow(0, 64, Batch)))));
        add(Figure.Milliseconds(
            "times and noise", times, () => In(() => NoiseDraw.From(generator, config.Objective, Batch, (1, Side, Side)))));
        add(Figure.Milliseconds(
            "noisy images and targets", times, () => In(() => DenoisingLoss.Terms(batch, Condition.OfClasses(labels), draw))));

        if (NetworkEngine.For(network, Side, Side, bfloat16, training: true) is { } engine)
            using (engine)
            {
                var (x, f) = (randn(1, 1, Side, Side), zeros(1, 1, Side, Side));
                fixed (float* image = NetworkEvaluator.Numbers<float>(x), output = NetworkEvaluator.Numbers<float>(f))
                {
                    float* from = image, to = output;
                    add(Figure.Milliseconds("packing the weights", times, engine.Pack, "each thread"));
                    add(Figure.Milliseconds(
                        "forward, one image", 10 * times, () => engine.Forward(from, 0.5f, 3, to),
                        "one thread; 32 images a thread and step"));
                    add(Figure.Milliseconds("backward, one image", 10 * times, () => engine.Backward(to), "likewise"));
                    add(Figure.Milliseconds(
                        "the sums of the gradients into their order", times, engine.TakeGradients, "each thread"));
                }
            }
        using var adam = new Adam(flat.Weights);
        Tensor[] gradients = [flat.Gradients, zeros_like(flat.Gradients)];
        long half = flat.Weights.numel() / threads.Count;
        int step = 0;
        add(Figure.Milliseconds("adding the replicas' gradients, Adam", times, () =>
        {
            step++;
            threads.Run(i => adam.StepPart(flat.Weights, gradients, 1, 1e-4, step, i * half, half));
        }, "all threads"));
        var average = new TrainingConfig { Average = new ExponentialAverage() };
        using var averages = new WeightAverages(average, config.Task, network, flat.Weights, CPU);
        add(Figure.Milliseconds("the average of the weights", times,
            () => averages.Update(flat.Weights, ++step, threads), "all threads"));
        add(Figure.Milliseconds("waking the threads and waiting for them", times, () => threads.Run(_ => { })));
        return load.Cores;
    }
}
