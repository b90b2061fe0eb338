using System.Text;
using Mezzotint.Models;
using Mezzotint.Tests.Formats;

namespace Mezzotint.Tests.Models;

public class ModelDescriptionTests
{
    private static readonly string Good = Encoding.UTF8.GetString(ModelDescription.Write(SmallNetwork.Info));

    [Fact]
    public void What_is_written_is_read_back_exactly()
    {
        foreach (var info in new[] { SmallNetwork.Info, SmallNetwork.Nameless })
        {
            byte[] json = ModelDescription.Write(info);
            var read = ModelDescription.Parse(json, "config.json");
            Assert.Equal(info.ClassNames, read.ClassNames);
            Assert.Equal(info, read with { ClassNames = info.ClassNames });
            Assert.Equal(json, ModelDescription.Write(read));
        }
    }

    [Fact]
    public void The_file_is_the_documented_one() =>
        Assert.Equal(
            """
            {
              "format": "mezzotint-model",
              "version": 1,
              "name": "x",
              "network": {
                "kind": "unet",
                "corpus_length": 2,
                "unconditional": false,
                "in_channels": 1,
                "out_channels": 1,
                "num_res_blocks": 1,
                "model_channels": 32,
                "channel_multipliers": [
                  1
                ],
                "attention_levels": [],
                "transformer": {
                  "context_dim": 4,
                  "num_heads": 1,
                  "num_layers": 1
                }
              },
              "process": {
                "kind": "ve",
                "sigma": 25,
                "minimum_time": 0.001
              },
              "parameterisation": {
                "kind": "score"
              },
              "loss": {
                "kind": "seed"
              },
              "times": {
                "kind": "uniform",
                "stratified": false
              },
              "pixels": {
                "mean": 0,
                "scale": 1,
                "dequantise": false
              },
              "sampling": {
                "sampler": "euler-maruyama",
                "levels": "uniform",
                "steps": 500
              },
              "image": {
                "height": 2,
                "width": 2
              },
              "class_names": [
                "a",
                "b"
              ],
              "training": {
                "steps": 0,
                "seconds": 0
              }
            }

            """.ReplaceLineEndings("\n"),
            Encoding.UTF8.GetString(ModelDescription.Write(SmallNetwork.Nameless)));

    [Theory]
    [InlineData(
        "\"mezzotint-model\"", "\"other\"",
        "c.json, line 2: 'format' is the text 'other'; this program reads the text 'mezzotint-model' alone.")]
    [InlineData(
        "\"version\": 1", "\"version\": 2",
        "c.json, line 3: 'version' is the whole number 2; this program reads the whole number 1 alone.")]
    [InlineData(
        "\"version\": 1", "\"version\": 1.0",
        "c.json, line 3: 'version' is the number 1; this program reads the whole number 1 alone.")]
    [InlineData("\"format\"", "\"fromat\"", "c.json: the key 'format' is missing; is it the description of a model?")]
    [InlineData("\"unet\"", "\"dit\"",
        "c.json, line 6: 'network.kind' is the text 'dit'; there are unet, residual-unet, unet-2d-condition.")]
    [InlineData("\"kind\": \"ve\",", "", "c.json, line 23: the key 'process.kind' is missing")]
    [InlineData(
        "\"kind\": \"ve\"", "\"kind\": null",
        "c.json, line 24: 'process.kind' is null; it must be one of ve, vp, sub-vp, edm, flow.")]
    [InlineData(
        "\"num_heads\"", "\"num_head\"",
        "c.json, line 19: unknown key 'network.transformer.num_head': did you mean 'num_heads'?")]
    [InlineData("\"num_heads\": 1,", "", "c.json, line 17: the key 'network.transformer.num_heads' is missing.")]
    [InlineData("\"image\": {", "\"images\": {", "c.json, line 48: unknown table 'images': did you mean 'image'?")]
    [InlineData("\"height\": 8", "\"height\": 9", "c.json, line 49: image.height = 9: must be a multiple of 2 up to 4096")]
    [InlineData(
        "\"width\": 10", "\"width\": 100000000", "c.json, line 50: image.width = 100000000: must be a multiple of 2 up to 4096")]
    [InlineData(
        "\"corpus_length\": 2", "\"corpus_length\": 0",
        "c.json, line 7: network.corpus_length = 0: must be between 1 and 100000.")]
    [InlineData(
        "\"corpus_length\": 2", "\"corpus_length\": 3",
        "c.json, line 52: class_names = 2 names: must be as many as network.corpus_length (3).")]
    [InlineData(
        "\"zero\"", "\"\\u001b[2J\"",
        "c.json, line 52: class_names = '\\u001B[2J': must be for each class a line of 1 to 255 characters.")]
    [InlineData("\"zero\"", "0", "c.json, line 53: 'class_names[0]' is the whole number 0; it must be a text in quotes.")]
    [InlineData(
        "\"sigma\": 12.5", "\"sigma\": 1e999",
        "c.json, line 25: 'process.sigma' is the number Infinity; it must be a finite number.")]
    [InlineData("\"sigma\": 12.5", "\"sigma\": 1", "c.json, line 25: process.sigma = 1: must be more than 1.")]
    [InlineData("\"seed\": 4294967295", "\"seed\": -1", "c.json, line 63: training.seed = -1: must be between 0 and 4294967295.")]
    [InlineData("\"epochs\": 2.5", "\"epochs\": null", "c.json, line 59: 'training.epochs' is null; it must be a number.")]
    [InlineData(
        "\"epochs\": 2.5", "\"epochs\": 2.5, \"epochs\": 3",
        "c.json, line 59: the key 'training.epochs' is there twice; the first is at c.json, line 59.")]
    [InlineData("\"steps\": 28140", "\"steps\": 28140,,", "c.json, line 58: not valid JSON: ")]
    [InlineData("\"small", "\"\\ud800small", "c.json: not valid JSON: a string is not valid Unicode.")]
    public void What_is_wrong_is_named_by_line_and_key(string good, string bad, string message)
    {
        Assert.Contains(good, Good, StringComparison.Ordinal);
        Assert.StartsWith(message, Refusal(Good.Replace(good, bad, StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("  \n")]
    [InlineData("[]")]
    [InlineData("1")]
    [InlineData("{}")]
    [InlineData("{\"a\":1}}")]
    [InlineData("{\"a\":1} // b")]
    [InlineData("{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[")]
    [InlineData("{\"network\":1,\"format\":\"mezzotint-model\",\"version\":1}")]
    public void What_is_no_description_is_refused(string json) => Refusal(json);

    [Fact]
    public void Damaged_files_are_read_or_refused_in_one_line()
    {
        byte[] good = Encoding.UTF8.GetBytes(Good);
        Damage.Check(good, bytes => ModelDescription.Parse(bytes, "damaged"), cases: 10_000);
        // The last byte is a line break.
        Damage.CheckTruncations(good[..^1], bytes => ModelDescription.Parse(bytes, "truncated"));
    }

    [Theory]
    [InlineData("[", "1,")]
    [InlineData("[", "\"\",")]
    [InlineData("", "{\"a\":")]
    [InlineData("{", "\"\":{},")]
    public void Files_of_one_thing_over_and_over_take_no_more_memory_than_they_justify(string start, string again)
    {
        string json = "{\"class_names\":" + start + string.Concat(Enumerable.Repeat(again, 200_000));
        Assert.False(Damage.MustSurvive(
            Encoding.UTF8.GetBytes(json), bytes => ModelDescription.Parse(bytes, "repeating"), allowance: 30_000_000));
    }

    [Fact]
    public void Tables_under_a_long_name_take_no_more_memory_than_the_file_justifies()
    {
        string tables = string.Join(',', Enumerable.Range(0, 20_000).Select(i => $"\"{i}\":{{\"a\":1}}"));
        string json = $"{{\"{new string('x', 400_000)}\":{{{tables}}}}}";
        Assert.False(Damage.MustSurvive(
            Encoding.UTF8.GetBytes(json), bytes => ModelDescription.Parse(bytes, "long"), allowance: 30_000_000));
    }

    private static string Refusal(string json) =>
        Assert.Throws<MezzotintException>(() => ModelDescription.Parse(Encoding.UTF8.GetBytes(json), "c.json")).Message;
}
