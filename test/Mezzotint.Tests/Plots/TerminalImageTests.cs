using CsCheck;
using Mezzotint.Formats;
using Mezzotint.Plots;

namespace Mezzotint.Tests.Plots;

public class TerminalImageTests
{
    [Fact]
    public void Colour_is_named_where_it_changes_and_reset_at_the_end_of_a_line()
    {
        var image = new ImageBatch(1, 1, 2, 3, [0, 0, 255, 9, 9, 9]);
        Assert.Equal("\e[38;2;0;0;0m\e[48;2;9;9;9m▀▀\e[38;2;255;255;255m▀\e[0m\n", TerminalImage.Render(image, 80, color: true));
    }

    [Fact]
    public void Red_green_and_blue_keep_their_places_and_an_odd_last_row_has_no_lower_half()
    {
        var image = new ImageBatch(1, 3, 1, 1, [1, 2, 3]);
        Assert.Equal("\e[38;2;1;2;3m▀\e[0m\n", TerminalImage.Render(image, 80, color: true));
    }

    [Fact]
    public void Without_colour_brightness_is_density()
    {
        byte[] ramp = [0, 26, 52, 77, 103, 128, 154, 179, 205, 255];
        Assert.Equal(" .:-=+*#%@\n", TerminalImage.Render(new ImageBatch(1, 1, 2, 10, [.. ramp, .. ramp]), 80, color: false));
        Assert.Equal("+\n#\n", TerminalImage.Render(new ImageBatch(1, 1, 3, 1, [255, 1, 200]), 80, color: false));
    }

    [Fact]
    public void Wide_images_shrink_by_a_whole_factor_to_box_means()
    {
        // 4 x 5 with at most 3 columns: factor 2, the last column averages one column alone.
        var image = new ImageBatch(1, 1, 4, 5, [0, 2, 10, 10, 7, 4, 6, 10, 10, 9, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0]);
        Assert.Equal(
            "\e[38;2;3;3;3m\e[48;2;0;0;0m▀\e[38;2;10;10;10m\e[48;2;1;1;1m▀\e[38;2;8;8;8m\e[48;2;0;0;0m▀\e[0m\n",
            TerminalImage.Render(image, 3, color: true));
    }

    [Fact]
    public void Every_line_fits_and_every_second_row_has_one()
    {
        (from channels in Gen.Bool.Select(color => color ? 3 : 1)
         from height in Gen.Int[1, 20]
         from width in Gen.Int[1, 40]
         from columns in Gen.Int[1, 50]
         from color in Gen.Bool
         from pixels in Gen.Byte.Array[channels * height * width]
         select (new ImageBatch(1, channels, height, width, pixels), columns, color)).Sample((image, columns, color) =>
        {
            int factor = (image.Width + columns - 1) / columns;
            string[] lines = TerminalImage.Render(image, columns, color).Split('\n');
            Assert.Equal("", lines[^1]);
            Assert.Equal(((image.Height + factor - 1) / factor + 1) / 2, lines.Length - 1);
            Assert.All(
                lines[..^1],
                line =>
                    Assert.Equal(
                        (image.Width + factor - 1) / factor,
                        line.Count(letter => color ? letter == '▀' : " .:-=+*#%@".Contains(letter, StringComparison.Ordinal))));
            if (!color) Assert.All(lines, line => Assert.DoesNotContain('\e', line));
        }, iter: 1000);
    }

    [Fact]
    public void The_palette_has_the_nearest_colour()
    {
        // Black, white, two greys, red, and a blue between two levels of the cube.
        var image = new ImageBatch(1, 3, 1, 6, [0, 255, 128, 8, 255, 10, 0, 255, 128, 8, 0, 20, 0, 255, 128, 8, 0, 200]);
        Assert.Equal(
            "\e[38;5;16m▀\e[38;5;231m▀\e[38;5;244m▀\e[38;5;232m▀\e[38;5;196m▀\e[38;5;20m▀\e[0m\n",
            TerminalImage.Render(image, 80, TerminalColors.Palette));
    }

    [Fact]
    public void More_than_one_image_is_refused()
    {
        Assert.Throws<ArgumentException>(
            "image", () => TerminalImage.Render(new ImageBatch(2, 1, 1, 1, [0, 0]), 80, color: false));
        Assert.Throws<ArgumentOutOfRangeException>(
            "maxColumns", () => TerminalImage.Render(new ImageBatch(1, 1, 1, 1, [0]), 0, color: false));
    }
}
