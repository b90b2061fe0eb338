using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using Mezzotint.Serving;
using Mezzotint.Tests.Models;
using Mezzotint.Tests.Sampling;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Serving;

public class PictureInversionTests
{
    private const int Height = 8, Width = 10;

    [Fact]
    public void A_picture_comes_back_as_its_own_class_and_not_as_another()
    {
        using var model = Model();
        using var threads = new WorkerThreads(2);
        var redrawn = new PictureInversion(model).Redraw(Picture(1), 1, [0, 1, 0], threads);
        AssertNear(Picture(1).Pixels, redrawn.Images.Image(1).ToArray());
        Assert.InRange(redrawn.RoundTripError!.Value, 1e-9, 1e-3);
        Assert.NotEqual(redrawn.Images.Image(0).ToArray(), redrawn.Images.Image(1).ToArray());
        Assert.Equal(redrawn.Images.Image(0).ToArray(), redrawn.Images.Image(2).ToArray());
        Assert.Null(new PictureInversion(model).Redraw(Picture(1), 1, [0], threads).RoundTripError);
    }

    [Fact]
    public void Prompts_ask_for_the_same_as_the_labels_that_they_name()
    {
        using var model = Model();
        using var threads = new WorkerThreads(2);
        var inversion = new PictureInversion(model) { Inversion = new() { Levels = Inversion.LevelsOf(model.Info.Process, 10) } };
        string[] names = [.. model.Info.ClassNames];
        Assert.Equal(
            inversion.Redraw(Picture(1), 1, [0, 1, 0], threads).Images.Pixels,
            inversion.Redraw(Picture(1), names[1], [names[0], names[1], names[0]], threads).Images.Pixels);
        Assert.Equal(
            inversion.Between(Picture(1), 1, Picture(2), 0, 3, threads).Images.Pixels,
            inversion.Between(Picture(1), names[1], Picture(2), names[0], 3, threads).Images.Pixels);
        Assert.NotNull(inversion.Redraw(Picture(1), names[1], [names[1]], threads).RoundTripError);
    }

    [Fact]
    public void A_walk_between_pictures_begins_with_the_one_and_ends_with_the_other()
    {
        using var model = Model();
        using var threads = new WorkerThreads(2);
        var between = new PictureInversion(model).Between(Picture(1), 1, Picture(2), 0, 5, threads);
        AssertNear(Picture(1).Pixels, between.Images.Image(0).ToArray());
        AssertNear(Picture(2).Pixels, between.Images.Image(4).ToArray());
        Assert.NotEqual(between.Images.Image(1).ToArray(), between.Images.Image(2).ToArray());
        Assert.InRange(between.RoundTripError!.Value, 1e-9, 1e-3);
    }

    [Fact]
    public void Threads_do_not_change_the_images_and_nothing_is_left_behind()
    {
        using var model = Model();
        ImageBatch Between(int count)
        {
            using var threads = new WorkerThreads(count);
            var inversion = new Inversion { Levels = Inversion.LevelsOf(model.Info.Process, 10) };
            return (new PictureInversion(model) { Inversion = inversion })
                .Between(Picture(1), 1, Picture(2), 0, 5, threads).Images;
        }
        var one = Between(1);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long before = Tensor.TotalCount;
        AssertNear(one.Pixels, Between(3).Pixels);
        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        using var model = Model();
        using var threads = new WorkerThreads(1);
        var inversion = new PictureInversion(model);
        void Refused(Action request, string why) =>
            Assert.Contains(why, Assert.ThrowsAny<ArgumentException>(request).Message, StringComparison.Ordinal);
        Refused(() => inversion.Redraw(new ImageBatch(1, 1, 4, 4, new byte[16]), 0, [0], threads), "1 x 1 x 4 x 4");
        Refused(() => inversion.Redraw(Picture(1), 2, [0], threads), "Label 2");
        Refused(() => inversion.Redraw(Picture(1), 0, [0, -1], threads), "Label -1");
        Refused(() => inversion.Redraw(Picture(1), 0, [], threads), "At least one class");
        Refused(() => inversion.Between(Picture(1), 0, Picture(2), 3, 4, threads), "Label 3");
        Refused(() => inversion.Between(Picture(1), 0, Picture(2), 0, 1, threads), "at least 2");
        Assert.Throws<OperationCanceledException>(() =>
            inversion.Redraw(Picture(1), 0, [0], threads, cancellation: new CancellationToken(true)));
    }

    [Fact]
    public void The_great_circle_keeps_the_length_of_noise()
    {
        using var scope = NewDisposeScope();
        var (a, b) = (SolverInputs.Start(1, 1, 400, seed: 1), SolverInputs.Start(1, 1, 400, seed: 2));
        TensorAssert.Close(a, GreatCircle.Between(a, b, 0), 1e-12);
        TensorAssert.Close(b, GreatCircle.Between(a, b, 1), 1e-12);
        TensorAssert.Close(a, GreatCircle.Between(a, a, 0.3), 1e-12);
        double Length(double w) => GreatCircle.Between(a, b, w).norm().item<double>();
        Assert.All(
            [0.25, 0.5, 0.75],
            w => Assert.InRange(Length(w), Math.Min(Length(0), Length(1)) * 0.999, Math.Max(Length(0), Length(1)) * 1.001));
    }

    private static LoadedModel Model() =>
        new(SmallNetwork.Build(), SmallNetwork.Info with { Pixels = new PixelScaling { Mean = 0.5, Scale = 0.5 } });

    private static ImageBatch Picture(int seed)
    {
        var stream = new RandomStream(seed);
        return new ImageBatch(
            1, 1, Height, Width, [.. Enumerable.Range(0, Height * Width).Select(_ => (byte)(256 * stream.NextDouble()))]);
    }

    private static void AssertNear(byte[] expected, byte[] actual) =>
        Assert.All(expected.Zip(actual), pair => Assert.InRange(pair.First - pair.Second, -1, 1)); // rounding
}
