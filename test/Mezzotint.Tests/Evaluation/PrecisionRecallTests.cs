using Mezzotint.Evaluation;
using Mezzotint.Runtime;

namespace Mezzotint.Tests.Evaluation;

public sealed class PrecisionRecallTests : IDisposable
{
    private readonly WorkerThreads _threads = new(2);

    public void Dispose() => _threads.Dispose();

    [Fact]
    public void A_set_covers_itself_and_nothing_far_away()
    {
        var points = TestPoints.Standard(300, 5, 1);
        Assert.Equal(new PrecisionRecall(1, 1), PrecisionRecall.Of(points, points, _threads));
        Assert.Equal(new PrecisionRecall(0, 0), PrecisionRecall.Of(points, TestPoints.Map(points, (x, _) => x + 100), _threads));
    }

    [Fact]
    public void What_is_left_out_costs_recall_and_what_is_made_up_costs_precision()
    {
        // Two heaps, of which one set knows the first alone.
        var both = new Points(
            [.. TestPoints.Standard(200, 4, 1).Values, .. TestPoints.Standard(200, 4, 2, shift: 50).Values], 400, 4);
        var one = TestPoints.Standard(400, 4, 3);
        var leftOut = PrecisionRecall.Of(both, one, _threads);
        Assert.InRange(leftOut.Precision, 0.7, 1);
        Assert.InRange(leftOut.Recall, 0.3, 0.5);
        Assert.Equal(
            (leftOut.Recall, leftOut.Precision),
            (PrecisionRecall.Of(one, both, _threads).Precision, PrecisionRecall.Of(one, both, _threads).Recall));
    }

    [Fact]
    public void A_single_image_again_and_again_covers_nothing_but_itself()
    {
        var real = TestPoints.Standard(100, 4, 1);
        var repeated = real.Take([.. Enumerable.Repeat(7, 100)]);
        Assert.Equal(new PrecisionRecall(1, 0.01), PrecisionRecall.Of(real, repeated, _threads));
    }

    [Fact]
    public void Too_few_points_are_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            PrecisionRecall.Of(TestPoints.Standard(3, 2, 1), TestPoints.Standard(9, 2, 1), _threads));
}
