using Mezzotint.Networks;
using Microsoft.Extensions.Logging;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Networks;

public class CenterCropTests
{
    [Theory]
    [InlineData(7, 4)]
    [InlineData(8, 4)]
    [InlineData(9, 4)]
    [InlineData(9, 8)]
    [InlineData(5, 5)]
    public void Crops_are_those_of_the_reference(int source, int target)
    {
        var golden = new SeedFixture("process_and_crop");
        using var scope = NewDisposeScope();
        var cropped = CenterCrop.To(golden[$"crop.{source}_to_{target}.src"], empty(1, 1, target, target));
        TensorAssert.Same(golden[$"crop.{source}_to_{target}.out"], cropped);
    }

    [Fact]
    public void Height_and_width_are_cropped_each_by_its_own_difference()
    {
        using var scope = NewDisposeScope();
        var source = arange(5 * 8).reshape(1, 1, 5, 8);
        var cropped = CenterCrop.To(source, empty(2, 3, 5, 3));
        TensorAssert.Same(source.narrow(3, 2, 3), cropped);
    }

    [Fact]
    public void Equal_sizes_are_a_warning_and_no_crop()
    {
        using var scope = NewDisposeScope();
        var log = new ListLogger();
        var source = rand(1, 2, 6, 4);
        TensorAssert.Same(source, CenterCrop.To(source, empty(1, 1, 6, 4), log));
        Assert.Equal((LogLevel.Warning, "Nothing to crop: the skip is 6 x 4 already."), Assert.Single(log.Lines));
    }

    [Fact]
    public void A_crop_that_cuts_something_gives_no_warning()
    {
        using var scope = NewDisposeScope();
        var log = new ListLogger();
        CenterCrop.To(rand(1, 2, 6, 5), empty(1, 1, 6, 4), log);
        Assert.Empty(log.Lines);
    }

    [Theory]
    [InlineData(3, 4)]
    [InlineData(4, 3)]
    public void A_skip_smaller_than_the_target_is_an_error_with_both_sizes(int height, int width)
    {
        using var scope = NewDisposeScope();
        var error =
            Assert.Throws<ArgumentException>("source", () => CenterCrop.To(zeros(1, 1, height, width), zeros(1, 1, 4, 4)));
        Assert.Contains($"{height} x {width} to 4 x 4", error.Message, StringComparison.Ordinal);
    }

    private sealed class ListLogger : ILogger
    {
        public List<(LogLevel, string)> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Add((logLevel, formatter(state, exception)));
    }
}
