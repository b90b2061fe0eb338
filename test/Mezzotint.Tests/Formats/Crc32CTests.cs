using Mezzotint.Formats;

namespace Mezzotint.Tests.Formats;

public class Crc32CTests
{
    // RFC 3720, appendix B.4, read as little-endian numbers.
    [Fact]
    public void Agrees_with_the_vectors_of_RFC_3720()
    {
        Assert.Equal(0x8A9136AAu, Crc32C.Of(new byte[32]));
        Assert.Equal(0x62A8AB43u, Crc32C.Of([.. Enumerable.Repeat((byte)0xFF, 32)]));
        Assert.Equal(0x46DD794Eu, Crc32C.Of([.. Enumerable.Range(0, 32).Select(value => (byte)value)]));
        Assert.Equal(0x113FDB5Cu, Crc32C.Of([.. Enumerable.Range(0, 32).Select(value => (byte)(31 - value))]));
        byte[] readCommand =
        [
            0x01, 0xC0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0,
            0, 0, 0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0,
        ];
        Assert.Equal(0xD9963A56u, Crc32C.Of(readCommand));
    }

    // The check value that catalogues of these codes give for the nine digits.
    [Fact]
    public void Has_its_check_value() => Assert.Equal(0xE3069283u, Crc32C.Of("123456789"u8));
}
