using System.Buffers.Binary;
using System.Text;

namespace Mezzotint.Runtime;

/// <summary>
/// The version needs of a 64-bit little-endian ELF library (<c>.gnu.version_r</c>), and how to make one of them weak.
/// </summary>
/// <remarks>
/// A library lists, for each library it links to, the symbol versions it was built against. The loader refuses it where one is
/// missing, used or not, unless the entry carries VER_FLG_WEAK. Layout: Linux Standard Base Core 5.0, "Symbol Versioning",
/// Verneed (16 bytes: version, count, file, aux, next) and Vernaux (16 bytes: hash, flags, other, name, next).
/// </remarks>
internal static class ElfVersionNeeds
{
    private const uint SectionTypeVersionNeeds = 0x6ffffffe;
    private const ushort WeakFlag = 2;
    private const int EntrySize = 16;

    /// <summary>Marks every need of <paramref name="version"/> weak, in place.</summary>
    /// <returns>How many entries were changed; 0 when the library does not ask for that version.</returns>
    /// <exception cref="MezzotintException">The bytes are not a well-formed ELF library.</exception>
    public static int MarkWeak(Span<byte> elf, string version)
    {
        try
        {
            return Mark(elf, version);
        }
        catch (ArgumentOutOfRangeException cause) // every offset below is taken from the file, and any of them may lie
        {
            throw new MezzotintException(
                "The native library is damaged: an offset in its ELF tables lies outside the file. Restore the packages again.",
                cause);
        }
    }

    private static int Mark(Span<byte> elf, string version)
    {
        if (elf.Length < 64 || !elf.StartsWith("\u007fELF"u8) || elf[4] != 2 || elf[5] != 1)
            throw new MezzotintException(
                "The native library is not a 64-bit little-endian ELF file. Restore the packages again.");

        ulong sections = BinaryPrimitives.ReadUInt64LittleEndian(elf[0x28..]);
        int sectionSize = BinaryPrimitives.ReadUInt16LittleEndian(elf[0x3A..]);
        int sectionCount = BinaryPrimitives.ReadUInt16LittleEndian(elf[0x3C..]);

        int marked = 0;
        int entriesLeft = elf.Length / EntrySize; // a file whose entries point in a circle would never end
        for (int i = 0; i < sectionCount; i++)
        {
            var header = Section(elf, sections, sectionSize, i);
            if (BinaryPrimitives.ReadUInt32LittleEndian(header[4..]) != SectionTypeVersionNeeds)
                continue;
            int needs = Offset(header[0x18..]);
            int needCount = BinaryPrimitives.ReadInt32LittleEndian(header[0x2C..]);
            int names =
                Offset(Section(elf, sections, sectionSize, BinaryPrimitives.ReadInt32LittleEndian(header[0x28..]))[0x18..]);
            marked += MarkIn(elf, needs, needCount, names, Encoding.ASCII.GetBytes(version), ref entriesLeft);
        }
        return marked;
    }

    private static int MarkIn(Span<byte> elf, int need, int needCount, int names, byte[] version, ref int entriesLeft)
    {
        int marked = 0;
        for (int i = 0; i < needCount; i++)
        {
            CountDown(ref entriesLeft);
            int auxCount = BinaryPrimitives.ReadUInt16LittleEndian(elf[(need + 2)..]);
            int aux = need + BinaryPrimitives.ReadInt32LittleEndian(elf[(need + 8)..]);
            for (int k = 0; k < auxCount; k++)
            {
                CountDown(ref entriesLeft);
                var name = elf[(names + BinaryPrimitives.ReadInt32LittleEndian(elf[(aux + 8)..]))..];
                if (name.StartsWith(version) && name.Slice(version.Length, 1)[0] == 0)
                {
                    var flags = elf[(aux + 4)..];
                    BinaryPrimitives.WriteUInt16LittleEndian(
                        flags, (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(flags) | WeakFlag));
                    marked++;
                }
                aux += BinaryPrimitives.ReadInt32LittleEndian(elf[(aux + 12)..]);
            }
            need += BinaryPrimitives.ReadInt32LittleEndian(elf[(need + 12)..]);
        }
        return marked;
    }

    private static void CountDown(ref int entriesLeft)
    {
        if (entriesLeft-- == 0)
            throw new MezzotintException(
                "The native library is damaged: it lists more version needs than it has room for. Restore the packages again.");
    }

    private static Span<byte> Section(Span<byte> elf, ulong table, int size, int index) =>
        elf.Slice((int)Math.Min(table + (ulong)size * (uint)index, int.MaxValue), 64);

    private static int Offset(ReadOnlySpan<byte> field) =>
        (int)Math.Min(BinaryPrimitives.ReadUInt64LittleEndian(field), int.MaxValue);
}
