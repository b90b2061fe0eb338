namespace Mezzotint.Engine;

/// <summary>What an engine is given and gives the gradient of, beside that of its parameters.</summary>
[Flags]
internal enum GivenGradients
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The image.</summary>
    Image = 1,

    /// <summary>The tokens of the context.</summary>
    Context = 2,
}
