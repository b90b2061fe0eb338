using Mezzotint.Evaluation;

namespace Mezzotint.Tests.Evaluation;

public class DiversityTests
{
    [Fact]
    public void One_image_counts_once_however_often_it_is_there()
    {
        var one = TestPoints.Standard(1, 6, 1);
        Assert.Equal(1, Diversity.VendiScore(one.Take(new int[50]), 1), 1e-9);
        // Five that have nothing in common, four times each
        var five = TestPoints.Map(TestPoints.Standard(5, 6, 1), (x, _) => 20 * x);
        Assert.Equal(5, Diversity.VendiScore(five, 1), 1e-9);
        Assert.Equal(5, Diversity.VendiScore(five.Take([.. Enumerable.Range(0, 20).Select(i => i % 5)]), 1), 1e-9);
    }

    [Fact]
    public void It_grows_with_the_spread_and_ignores_the_order_and_a_shift()
    {
        var points = TestPoints.Standard(80, 6, 1);
        double score = Diversity.VendiScore(points, 4);
        Assert.True(score > Diversity.VendiScore(TestPoints.Map(points, (x, _) => 0.5 * x), 4));
        Assert.Equal(score, Diversity.VendiScore(points.Take([.. Enumerable.Range(0, 80).Reverse()]), 4), 1e-9);
        Assert.Equal(score, Diversity.VendiScore(TestPoints.Map(points, (x, _) => x + 3), 4), 1e-9);
    }

    [Fact]
    public void Of_very_many_those_count_that_lie_evenly_over_all_so_that_no_label_is_left_out()
    {
        var four = TestPoints.Map(TestPoints.Standard(4, 6, 1), (x, _) => 20 * x);
        var inOrder = four.Take([.. Enumerable.Range(0, 4 * Diversity.MostImages).Select(i => i / Diversity.MostImages)]);
        Assert.Equal(4, Diversity.VendiScore(inOrder, 1), 1e-9);
        var few = TestPoints.Standard(Diversity.MostImages, 3, 1);
        Assert.Equal(
            Diversity.VendiScore(few, 2),
            Diversity.VendiScore(few.Take([.. Enumerable.Range(0, 2 * Diversity.MostImages).Select(i => i / 2)]), 2), 1e-9);
    }
}
