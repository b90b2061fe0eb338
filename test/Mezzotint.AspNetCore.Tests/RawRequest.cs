using System.Net.Sockets;
using System.Text;

namespace Mezzotint.AspNetCore.Tests;

/// <summary>A request whose path is sent as it stands: the usual client resolves dots and escapes before anybody could be tricked
/// by them.</summary>
internal static class RawRequest
{
    public static async Task<(int Status, string Body)> GetAsync(SmallStudio studio, string target)
    {
        var address = studio.Client.BaseAddress!;
        using var client = new TcpClient();
        await client.ConnectAsync(address.Host, address.Port);
        await using var stream = client.GetStream();
        await stream.WriteAsync(
            Encoding.Latin1.GetBytes($"GET {target} HTTP/1.1\r\nHost: {address.Authority}\r\nConnection: close\r\n\r\n"));
        using var reader = new StreamReader(stream, Encoding.Latin1);
        string answer = await reader.ReadToEndAsync();
        return (
            int.Parse(answer.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture), answer.Split("\r\n\r\n", 2)[1]);
    }
}
