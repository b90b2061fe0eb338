using System.Buffers.Binary;
using CsCheck;
using Mezzotint.Runtime;

namespace Mezzotint.Tests.Runtime;

public class ElfVersionNeedsTests
{
    private const string Shim = "libLibTorchSharp.so";
    private const string Version = "GLIBCXX_3.4.32";

    /// <summary>Offsets of the made-up library below: a header, two version needs with three entries, their names, three section
    /// headers.</summary>
    private const int Needs = 64, Names = 160, Sections = 256, FirstFlags = Needs + 16 + 4;

    [Fact]
    public void Exactly_the_entry_of_that_name_is_marked()
    {
        byte[] library = Library(), before = [.. library];
        Assert.Equal(1, ElfVersionNeeds.MarkWeak(library, "LIB_1.2"));
        Assert.Equal([FirstFlags], Changes(before, library));
        Assert.Equal(2, library[FirstFlags]);

        Assert.Equal(1, ElfVersionNeeds.MarkWeak(library, "LIB_1.2")); // once more changes nothing
        Assert.Equal([FirstFlags], Changes(before, library));
    }

    [Theory]
    [InlineData("LIB_1.2.3", 1)]
    [InlineData("OTHER_9", 1)]
    [InlineData("LIB_1", 0)]
    [InlineData("LIB_1.2.3.4", 0)]
    [InlineData("liblib.so", 0)]
    public void A_name_that_only_begins_alike_is_another(string version, int count)
    {
        byte[] library = Library(), before = [.. library];
        Assert.Equal(count, ElfVersionNeeds.MarkWeak(library, version));
        Assert.Equal(count, Changes(before, library).Count);
    }

    [Fact]
    public void Flags_that_are_set_already_stay()
    {
        byte[] library = Library();
        library[FirstFlags] = 0x05;
        library[FirstFlags + 1] = 0x80;
        ElfVersionNeeds.MarkWeak(library, "LIB_1.2");
        Assert.Equal((0x07, 0x80), (library[FirstFlags], library[FirstFlags + 1]));
    }

    [Theory]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 0x7f, (byte)'E', (byte)'L', (byte)'F' })]
    public void What_is_no_library_is_refused(byte[] bytes) =>
        Assert.Contains(
            "not a 64-bit little-endian ELF file",
            Assert.Throws<MezzotintException>(() => ElfVersionNeeds.MarkWeak(bytes, Version)).Message, StringComparison.Ordinal);

    [Fact]
    public void Counts_and_offsets_that_would_go_round_for_ever_are_refused()
    {
        byte[] library = Library();
        BinaryPrimitives.WriteInt32LittleEndian(library.AsSpan(Sections + 64 + 0x2C), int.MaxValue); // so many needs
        BinaryPrimitives.WriteInt32LittleEndian(library.AsSpan(Needs + 12), 0);                      // each the same as the last
        BinaryPrimitives.WriteUInt16LittleEndian(library.AsSpan(Needs + 2), ushort.MaxValue);        // of so many entries
        BinaryPrimitives.WriteInt32LittleEndian(library.AsSpan(Needs + 16 + 12), 0);                 // each the same as the last
        Refused(library);

        library = Library();
        BinaryPrimitives.WriteInt32LittleEndian(library.AsSpan(Needs + 12), -64); // backwards
        Refused(library);
    }

    [Fact]
    public void A_name_that_ends_with_the_file_is_no_match_but_no_error_in_the_reader()
    {
        byte[] library = [.. Library(), .. "LIB_1.2"u8];
        BinaryPrimitives.WriteInt32LittleEndian(library.AsSpan(Needs + 16 + 8), library.Length - 7 - Names);
        Refused(library);
    }

    [Fact]
    public void Sections_that_lie_beyond_64_bits_are_refused()
    {
        byte[] library = Library();
        BinaryPrimitives.WriteUInt64LittleEndian(library.AsSpan(0x28), ulong.MaxValue);
        Refused(library);

        library = Library();
        BinaryPrimitives.WriteInt32LittleEndian(library.AsSpan(Sections + 64 + 0x28), -1); // the section of the names
        Refused(library);
    }

    [Fact]
    public void Random_bytes_behind_the_magic_are_a_count_or_a_clear_error() => Gen.Byte.Array[0, 300].Sample(bytes =>
    {
        byte[] library = [0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, .. bytes];
        CountOrRefused(library);
    }, iter: 3000);

    [Fact]
    public void Mutations_of_a_small_library_are_a_count_or_a_clear_error()
    {
        var number = Gen.OneOf(Gen.Int, Gen.Int[-20, 400], Gen.OneOf(0, -1, int.MaxValue, int.MinValue));
        Gen.Select(Gen.Select(Gen.Int[0, Library().Length - 4], number).Array[1, 4], Gen.Int[0, 2 * Library().Length]).Sample(
            (mutations, length) =>
        {
            byte[] library = Library();
            foreach (var (at, value) in mutations)
                BinaryPrimitives.WriteInt32LittleEndian(library.AsSpan(at), value);
            CountOrRefused(library.AsSpan(0, Math.Min(length, library.Length)));
        }, iter: 20_000);
    }

    [Fact]
    public void The_real_shim_has_the_entry_once_and_one_byte_changes()
    {
        byte[] shim = RealShim(), before = [.. shim];
        Assert.Equal(1, ElfVersionNeeds.MarkWeak(shim, Version));
        int changed = Assert.Single(Changes(before, shim));
        Assert.Equal(before[changed] | 2, shim[changed]);
        Assert.Equal(0, ElfVersionNeeds.MarkWeak(shim, "GLIBCXX_99"));
    }

    [Fact]
    public void Mutations_of_the_real_shim_are_a_count_or_a_clear_error()
    {
        byte[] shim = RealShim();
        int sections = (int)BinaryPrimitives.ReadInt64LittleEndian(shim.AsSpan(0x28));
        byte[] marked = [.. shim];
        ElfVersionNeeds.MarkWeak(marked, Version);
        int entry = Changes(shim, marked)[0];
        // Where the reader looks: the header, the table of sections, and the needs around the entry.
        var place = Gen.OneOf(Gen.Int[0, 63], Gen.Int[sections, shim.Length - 8], Gen.Int[entry - 600, entry + 600]);
        Gen.Select(Gen.Select(place, Gen.Byte).Array[1, 8], Gen.OneOf(Gen.Const(shim.Length), Gen.Int[0, shim.Length])).Sample(
            (mutations, length) =>
        {
            byte[] mutated = [.. shim.AsSpan(0, length)];
            foreach (var (at, value) in mutations.Where(mutation => mutation.Item1 < length))
                mutated[at] = value;
            CountOrRefused(mutated);
        }, iter: 1000, threads: 1);
    }

    private static byte[] RealShim()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Libtorch.Folder is not null, "Only Linux has the shim that needs this.");
        return File.ReadAllBytes(Path.Combine(Libtorch.Folder!, Shim));
    }

    private static void Refused(byte[] library) =>
        Assert.Contains(
            "damaged", Assert.Throws<MezzotintException>(() => ElfVersionNeeds.MarkWeak(library, "LIB_1.2")).Message,
            StringComparison.Ordinal);

    private static void CountOrRefused(Span<byte> library)
    {
        try
        {
            Assert.True(ElfVersionNeeds.MarkWeak(library, Version) >= 0);
        }
        catch (MezzotintException)
        {
        }
    }

    private static List<int> Changes(byte[] before, byte[] after) =>
        [.. Enumerable.Range(0, before.Length).Where(i => before[i] != after[i])];

    /// <summary>liblib.so is needed in versions LIB_1.2 and LIB_1.2.3, libother.so in version OTHER_9.</summary>
    private static byte[] Library()
    {
        var bytes = new byte[Sections + 3 * 64];
        new byte[] { 0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1 }.CopyTo(bytes, 0);
        void Write64(int at, long value) => BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(at), value);
        void Write32(int at, int value) => BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at), value);
        void Write16(int at, short value) => BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(at), value);
        var names = new Dictionary<string, int>();
        int free = Names + 1;
        foreach (string name in new[] { "liblib.so", "LIB_1.2", "LIB_1.2.3", "libother.so", "OTHER_9" })
        {
            names[name] = free - Names;
            System.Text.Encoding.ASCII.GetBytes(name).CopyTo(bytes, free);
            free += name.Length + 1;
        }

        Write64(0x28, Sections);
        Write16(0x3A, 64);
        Write16(0x3C, 3);
        void Need(int at, string file, int next, params string[] versions)
        {
            Write16(at, 1);
            Write16(at + 2, (short)versions.Length);
            Write32(at + 4, names[file]);
            Write32(at + 8, 16);
            Write32(at + 12, next);
            for (int i = 0; i < versions.Length; i++)
            {
                Write32(at + 16 * (i + 1) + 8, names[versions[i]]);
                Write32(at + 16 * (i + 1) + 12, i < versions.Length - 1 ? 16 : 0);
            }
        }
        Need(Needs, "liblib.so", 48, "LIB_1.2", "LIB_1.2.3");
        Need(Needs + 48, "libother.so", 0, "OTHER_9");

        // Section 0 is empty, 1 holds the needs, 2 their names.
        Write32(Sections + 64 + 4, 0x6ffffffe);
        Write64(Sections + 64 + 0x18, Needs);
        Write32(Sections + 64 + 0x28, 2);
        Write32(Sections + 64 + 0x2C, 2);
        Write64(Sections + 128 + 0x18, Names);
        return bytes;
    }
}
