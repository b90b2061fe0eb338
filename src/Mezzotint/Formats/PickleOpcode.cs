namespace Mezzotint.Formats;

/// <summary>
/// The opcodes of Python's pickle that a state dict and what may lie beside it need; every other one is refused.
/// </summary>
/// <remarks>Source: the module <c>pickletools</c> of Python's library, protocols 0 to 5.</remarks>
internal enum PickleOpcode : byte
{
    Mark = 0x28,
    EmptyTuple = 0x29,
    Stop = 0x2E,
    BinBytes = 0x42,
    ShortBinBytes = 0x43,
    BinFloat = 0x47,
    BinInt = 0x4A,
    BinInt1 = 0x4B,
    BinInt2 = 0x4D,
    None = 0x4E,
    BinPersistentId = 0x51,
    Reduce = 0x52,
    BinUnicode = 0x58,
    EmptyList = 0x5D,
    Append = 0x61,
    Build = 0x62,
    Global = 0x63,
    Appends = 0x65,
    BinGet = 0x68,
    LongBinGet = 0x6A,
    BinPut = 0x71,
    LongBinPut = 0x72,
    SetItem = 0x73,
    Tuple = 0x74,
    SetItems = 0x75,
    EmptyDict = 0x7D,
    Protocol = 0x80,
    NewObject = 0x81,
    Tuple1 = 0x85,
    Tuple2 = 0x86,
    Tuple3 = 0x87,
    NewTrue = 0x88,
    NewFalse = 0x89,
    Long1 = 0x8A,
    ShortBinUnicode = 0x8C,
    BinUnicode8 = 0x8D,
    StackGlobal = 0x93,
    Memoize = 0x94,
    Frame = 0x95,
}

/// <summary>What pickle calls its opcodes, for refusing one by name.</summary>
internal static class PickleOpcodeNames
{
    // Those that PickleOpcode does not have.
    private static readonly Dictionary<byte, string> Refused = new()
    {
        [0x30] = "POP", [0x31] = "POP_MARK", [0x32] = "DUP", [0x46] = "FLOAT",
        [0x49] = "INT", [0x4C] = "LONG", [0x50] = "PERSID", [0x53] = "STRING", [0x54] = "BINSTRING", [0x55] = "SHORT_BINSTRING",
        [0x56] = "UNICODE", [0x64] = "DICT", [0x67] = "GET", [0x69] = "INST", [0x6C] = "LIST", [0x6F] = "OBJ", [0x70] = "PUT",
        [0x82] = "EXT1", [0x83] = "EXT2", [0x84] = "EXT4", [0x8B] = "LONG4", [0x8E] = "BINBYTES8",
        [0x8F] = "EMPTY_SET", [0x90] = "ADDITEMS", [0x91] = "FROZENSET", [0x92] = "NEWOBJ_EX", [0x96] = "BYTEARRAY8",
        [0x97] = "NEXT_BUFFER", [0x98] = "READONLY_BUFFER",
    };

    /// <summary>For instance <c>0x69 (INST)</c>; <c>0xFF (no opcode of pickle)</c> where there is none.</summary>
    public static string Describe(byte opcode) => $"0x{opcode:X2} ({Refused.GetValueOrDefault(opcode, "no opcode of pickle")})";
}
