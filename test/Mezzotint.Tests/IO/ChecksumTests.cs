using System.Text;
using Mezzotint.IO;

namespace Mezzotint.Tests.IO;

public class ChecksumTests
{
    // RFC 3720, appendix B.4, read as little-endian numbers.
    [Fact]
    public void Crc32C_of_the_vectors_of_RFC_3720()
    {
        Assert.Equal(0x8A9136AAu, Checksum.Crc32C(new byte[32]));
        Assert.Equal(0x62A8AB43u, Checksum.Crc32C([.. Enumerable.Repeat((byte)0xFF, 32)]));
        Assert.Equal(0x46DD794Eu, Checksum.Crc32C([.. Enumerable.Range(0, 32).Select(value => (byte)value)]));
        Assert.Equal(0x113FDB5Cu, Checksum.Crc32C([.. Enumerable.Range(0, 32).Select(value => (byte)(31 - value))]));
        byte[] readCommand =
        [
            0x01, 0xC0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0,
            0, 0, 0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0,
        ];
        Assert.Equal(0xD9963A56u, Checksum.Crc32C(readCommand));
    }

    // The check values that catalogues of these codes give for the nine digits; 0xAE426082 ends every PNG file.
    [Fact]
    public void Both_have_their_check_values()
    {
        byte[] digits = Encoding.ASCII.GetBytes("123456789");
        Assert.Equal(0xCBF43926u, Checksum.Crc32(digits));
        Assert.Equal(0xE3069283u, Checksum.Crc32C(digits));
        Assert.Equal(0xAE426082u, Checksum.Crc32("IEND"u8));
        Assert.Equal(0u, Checksum.Crc32([]));
    }

    [Fact]
    public void Crc32_goes_on_where_it_stopped()
    {
        Assert.Equal(Checksum.Crc32("123456789"u8), Checksum.Crc32("6789"u8, Checksum.Crc32("12345"u8)));
    }
}
