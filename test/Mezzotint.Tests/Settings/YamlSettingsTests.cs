using System.Text;
using Mezzotint.Settings;

namespace Mezzotint.Tests.Settings;

public class YamlSettingsTests
{
    [Fact]
    public void Tables_lists_and_values_are_what_they_say()
    {
        var root = Parse("""
            # a comment
            model:
              base_learning_rate: 1.0e-04
              target: ldm.models.LatentDiffusion
              params:
                timesteps: 1000   # how many
                use_ema: False
                name: "a: b"
                nothing:
                sizes: [ 4, 2, 1 ]
                empty: []
                mult:
                - 1
                - 2
            """);
        var model = (SettingsTable)root.Entries["model"].Value;
        var parameters = (SettingsTable)model.Entries["params"].Value;
        Assert.Equal(1e-4, model.Entries["base_learning_rate"].Value);
        Assert.Equal("ldm.models.LatentDiffusion", model.Entries["target"].Value);
        Assert.Equal((1000L, false, "a: b"), (parameters.Entries["timesteps"].Value, parameters.Entries["use_ema"].Value,
            parameters.Entries["name"].Value));
        Assert.IsType<UnusedKind>(parameters.Entries["nothing"].Value);
        Assert.Equal([4L, 2L, 1L], ((List<Setting>)parameters.Entries["sizes"].Value).Select(item => item.Value));
        Assert.Empty((List<Setting>)parameters.Entries["empty"].Value);
        Assert.Equal([1L, 2L], ((List<Setting>)parameters.Entries["mult"].Value).Select(item => item.Value));
        Assert.Equal("c.yaml, line 6", parameters.Entries["timesteps"].Place.ToString());
    }

    [Theory]
    [InlineData("a: &anchor 1", "line 1")]
    [InlineData("a: !!python/object:os.system x", "line 1")]
    [InlineData("a: 1\na: 2", "is there twice")]
    [InlineData("a:\n  b: 1\na:\n  b: 2", "is there twice")]
    [InlineData("a: |\n  text", "line 1")]
    [InlineData("a: 1\n    b: 2", "line 2")]
    [InlineData("a: [1, 2", "line 1")]
    [InlineData("- a\n- b", "line 1")]
    [InlineData("just text", "line 1")]
    [InlineData("\ta: 1", "begins with a tab")]
    [InlineData("a:\n - b: 1\n   c: 2", "line 3")]
    public void What_is_not_read_is_named_with_its_line(string yaml, string says)
    {
        string message = Assert.Throws<MezzotintException>(() => Parse(yaml)).Message;
        Assert.Contains(says, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void Tables_that_lie_too_deep_are_refused()
    {
        string yaml = string.Concat(Enumerable.Range(0, 5000).Select(i => new string(' ', i) + "a:\n"));
        Assert.Contains("deep within each other", Assert.Throws<MezzotintException>(() => Parse(yaml)).Message,
            StringComparison.Ordinal);
    }

    private static SettingsTable Parse(string yaml) => YamlSettings.Parse(Encoding.UTF8.GetBytes(yaml), "c.yaml");
}
