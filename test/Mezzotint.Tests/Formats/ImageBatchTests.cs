using CsCheck;
using Mezzotint.Formats;

namespace Mezzotint.Tests.Formats;

public class ImageBatchTests
{
    private static readonly Gen<ImageBatch> _batches =
        from count in Gen.Int[1, 12]
        from channels in Gen.Bool.Select(color => color ? 3 : 1)
        from height in Gen.Int[1, 5]
        from width in Gen.Int[1, 5]
        from pixels in Gen.Byte.Array[count * channels * height * width]
        select new ImageBatch(count, channels, height, width, pixels);

    [Fact]
    public void Grid_holds_every_image_where_it_belongs_and_background_elsewhere()
    {
        (from batch in _batches
         from columns in Gen.Int[1, 15].Nullable()
         from padding in Gen.Int[0, 3]
         from background in Gen.Byte
         select (batch, columns, padding, background)).Sample((batch, columns, padding, background) =>
        {
            if (batch.Count == 1) return;
            ImageBatch grid = batch.Grid(columns, padding, background);
            int across = Math.Min(columns ?? (int)Math.Ceiling(Math.Sqrt(batch.Count)), batch.Count);
            Assert.Equal(across * (batch.Width + padding) + padding, grid.Width);
            Assert.Equal((batch.Count + across - 1) / across * (batch.Height + padding) + padding, grid.Height);
            for (int channel = 0; channel < grid.Channels; channel++)
                for (int y = 0; y < grid.Height; y++)
                    for (int x = 0; x < grid.Width; x++)
                    {
                        (int row, int top) = Math.DivRem(y - padding, batch.Height + padding);
                        (int column, int left) = Math.DivRem(x - padding, batch.Width + padding);
                        int index = row * across + column;
                        bool inside =
                            y >= padding && x >= padding && top < batch.Height && left < batch.Width && index < batch.Count;
                        byte expected = inside
                            ? batch.Image(index)[(channel * batch.Height + top) * batch.Width + left] : background;
                        Assert.Equal(expected, grid.Pixels[(channel * grid.Height + y) * grid.Width + x]);
                    }
        }, iter: 500);
    }

    [Fact]
    public void Grid_of_ten_is_four_wide_by_default()
    {
        ImageBatch grid = new ImageBatch(10, 1, 28, 28, new byte[10 * 28 * 28]).Grid();
        // the sizes that make_grid(..., nrow=4) of torchvision gives
        Assert.Equal((3 * 30 + 2, 4 * 30 + 2), (grid.Height, grid.Width));
    }

    [Fact]
    public void Grid_of_one_is_the_image()
    {
        var image = new ImageBatch(1, 1, 2, 2, [1, 2, 3, 4]);
        Assert.Same(image, image.Grid());
    }

    [Fact]
    public void Slice_copies_whole_images()
    {
        var batch = new ImageBatch(3, 1, 1, 2, [1, 2, 3, 4, 5, 6]);
        Assert.Equal([3, 4, 5, 6], batch.Slice(1, 2).Pixels);
        Assert.Equal([5, 6], batch.Slice(2).Pixels);
        Assert.Equal([3, 4], batch.Image(1).ToArray());
    }

    [Fact]
    public void Arguments_out_of_range_are_named()
    {
        Assert.Throws<ArgumentOutOfRangeException>("count", () => new ImageBatch(0, 1, 1, 1, []));
        Assert.Throws<ArgumentOutOfRangeException>("channels", () => new ImageBatch(1, 2, 1, 1, new byte[2]));
        Assert.Throws<ArgumentException>("pixels", () => new ImageBatch(1, 1, 2, 2, new byte[3]));
        Assert.Throws<ArgumentException>(
            "pixels", () => new ImageBatch(int.MaxValue, 3, int.MaxValue, int.MaxValue, new byte[3]));
        var batch = new ImageBatch(2, 1, 1, 1, new byte[2]);
        Assert.Throws<ArgumentOutOfRangeException>("index", () => batch.Image(2).Length);
        Assert.Throws<ArgumentOutOfRangeException>("count", () => batch.Slice(1, 2));
        Assert.Throws<ArgumentOutOfRangeException>("columns", () => batch.Grid(0));
        Assert.Throws<ArgumentException>("padding", () => batch.Grid(padding: int.MaxValue));
    }
}
