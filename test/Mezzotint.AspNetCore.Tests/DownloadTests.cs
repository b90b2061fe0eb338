using System.Net;
using Mezzotint.Formats;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>A served model as a file: the same as the library writes, where the server gives it away.</summary>
public class DownloadTests
{
    [Theory]
    [InlineData("model.onnx")]
    [InlineData("model.safetensors")]
    public async Task The_file_is_what_the_pipeline_writes_and_leaves_nothing_behind(string file)
    {
        await using var studio = await SmallStudio.StartAsync(new() { AllowDownloads = true });
        string own = Path.GetTempFileName();
        if (file == "model.onnx")
            studio.Pipeline.WriteOnnx(own);
        else
            studio.Pipeline.WriteSafetensors(own);
        using var response = await studio.Client.GetAsync(new Uri($"/api/models/small/{file}", UriKind.Relative));
        byte[] sent = await response.Content.ReadAsByteArrayAsync();
        Assert.Equal(await File.ReadAllBytesAsync(own), sent);
        Assert.Equal("small" + Path.GetExtension(file), response.Content.Headers.ContentDisposition!.FileName!.Trim('"'));
        Assert.Equal(sent.Length, response.Content.Headers.ContentLength);
        if (file == "model.safetensors")
        {
            await File.WriteAllBytesAsync(own, sent);
            Assert.Contains("class_names", SafetensorsFile.Read(own).Metadata["mezzotint"], StringComparison.Ordinal);
        }
        File.Delete(own);
    }

    [Theory]
    [InlineData("small/model.bin", 404, "file_not_found")]
    [InlineData("large/model.onnx", 404, "model_not_found")]
    public async Task What_there_is_not_is_named(string path, int status, string code)
    {
        await using var studio = await SmallStudio.StartAsync(new() { AllowDownloads = true });
        using var response = await studio.Client.GetAsync(new Uri($"/api/models/{path}", UriKind.Relative));
        Assert.Equal((status, code), await SmallStudio.ErrorAsync(response) is var error ? (error.Status, error.Code!) : default);
    }

    [Fact]
    public async Task An_application_gives_nothing_away_unless_it_says_so()
    {
        await using var studio = await SmallStudio.StartAsync();
        using var response = await studio.Client.GetAsync(new Uri("/api/models/small/model.onnx", UriKind.Relative));
        var error = await SmallStudio.ErrorAsync(response);
        Assert.Equal((403, "downloads_off"), (error.Status, error.Code));
        string models = await studio.Client.GetStringAsync(new Uri("/v1/models", UriKind.Relative));
        Assert.Contains("\"downloads\":false", models, StringComparison.Ordinal);
    }
}
