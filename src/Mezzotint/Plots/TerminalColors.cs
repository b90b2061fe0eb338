namespace Mezzotint.Plots;

/// <summary>What colours a terminal shows.</summary>
public enum TerminalColors
{
    /// <summary>None, or none that pictures could be drawn in.</summary>
    None,

    /// <summary>The 256 of xterm's palette.</summary>
    Palette,

    /// <summary>Red, green and blue of 8 bits each.</summary>
    TrueColor,
}
