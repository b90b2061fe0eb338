using CsCheck;
using Mezzotint.Formats;

namespace Mezzotint.Tests.Formats;

public class PictureSizeTests
{
    [Fact]
    public void A_grid_is_as_large_as_was_told()
    {
        var side = Gen.Int[1, 9];
        Gen.Select(Gen.Int[1, 20], side, side, Gen.Int[1, 25], Gen.Int[0, 4]).Sample(
            (count, height, width, columns, padding) =>
            {
                int? across = columns > 22 ? null : columns;
                var grid = new ImageBatch(count, 1, height, width, new byte[count * height * width]).Grid(across, padding);
                Assert.Equal(
                    new PictureSize(grid.Height, grid.Width),
                    PictureSize.OfGrid(count, height, width, across, padding: padding));
            }, iter: 2000);
    }

    [Theory]
    [InlineData(1, 23170, 23170, 1, true)]
    [InlineData(1, 23171, 23171, 1, false)]
    [InlineData(1, 1, int.MaxValue, int.MaxValue, false)]
    [InlineData(1000, 28, 28, 256, false)]
    [InlineData(1000, 28, 28, 16, true)]
    [InlineData(100_000, int.MaxValue, int.MaxValue, int.MaxValue, false)]
    public void It_fits_where_it_takes_less_than_2_GiB(int count, int height, int width, int scale, bool fits) =>
        Assert.Equal(fits, PictureSize.OfGrid(count, height, width, scale: scale).Fits);
}
