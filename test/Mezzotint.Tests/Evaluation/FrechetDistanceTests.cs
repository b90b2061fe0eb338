using CsCheck;
using Mezzotint.Evaluation;

namespace Mezzotint.Tests.Evaluation;

public class FrechetDistanceTests
{
    [Fact]
    public void Of_a_set_to_itself_it_is_0_also_where_there_are_fewer_points_than_coordinates()
    {
        foreach (int count in new[] { 2, 5, 40, 500 })
            Assert.Equal(0, FrechetDistance.Between(TestPoints.Standard(count, 30, 1), TestPoints.Standard(count, 30, 1)), 1e-6);
    }

    [Fact]
    public void Of_independent_coordinates_it_is_the_sum_of_squared_differences_of_means_and_deviations() =>
        Gen.Select(Gen.Double[0, 3].Array[4], Gen.Double[0, 3].Array[4], Gen.Double[-2, 2].Array[4], Gen.Double[-2, 2].Array[4])
            .Sample((s1, s2, m1, m2) =>
        {
            double expected =
                Enumerable.Range(0, 4).Sum(i => (m1[i] - m2[i]) * (m1[i] - m2[i]) + (s1[i] - s2[i]) * (s1[i] - s2[i]));
            Assert.Equal(expected, FrechetDistance.Between(Independent(m1, s1), Independent(m2, s2)), 1e-10);
        }, iter: 200);

    [Fact]
    public void A_shift_adds_its_square_and_a_stretch_the_square_of_what_it_adds_to_the_deviation()
    {
        var points = TestPoints.Normal(300, [1, 2, 0.1], 3);
        var moments = Moments.Of(points);
        Assert.Equal(3 * 0.7 * 0.7, FrechetDistance.Between(points, TestPoints.Map(points, (x, _) => x + 0.7)), 1e-9);
        double variance = moments.Covariance[0] + moments.Covariance[4] + moments.Covariance[8];
        Assert.Equal(
            0.25 * variance,
            FrechetDistance.Between(points, TestPoints.Map(points, (x, i) => moments.Mean[i] + 1.5 * (x - moments.Mean[i]))),
            1e-9);
    }

    [Fact]
    public void It_grows_as_the_sets_get_smaller()
    {
        double At(int count) => FrechetDistance.Between(TestPoints.Standard(count, 20, 1), TestPoints.Standard(4000, 20, 2));
        Assert.True(At(50) > 2 * At(200) && At(200) > 2 * At(2000), $"{At(50)}, {At(200)}, {At(2000)}");
    }

    [Fact]
    public void A_coordinate_that_is_no_number_is_refused()
    {
        Assert.Throws<ArgumentException>(() => Moments.Of(new Points([1, double.NaN], 2, 1)));
        Assert.Throws<ArgumentException>(() =>
            FrechetDistance.Between(TestPoints.Standard(9, 2, 1), TestPoints.Standard(9, 3, 1)));
    }

    private static Moments Independent(double[] mean, double[] deviation)
    {
        var covariance = new double[16];
        for (int i = 0; i < 4; i++)
            covariance[5 * i] = deviation[i] * deviation[i];
        return new Moments(mean, covariance);
    }
}
