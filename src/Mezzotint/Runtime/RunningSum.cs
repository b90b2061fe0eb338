namespace Mezzotint.Runtime;

/// <summary>
/// A sum over processes that is under way (<see cref="Exchange.BeginSum"/>): what is final of it travels while the rest is still
/// computed, from the end of the vectors to their beginning, which is the order in which a backward pass makes gradients.
/// </summary>
/// <remarks>One thread makes all calls. Nothing else of the exchange is called before <see cref="Complete"/>.</remarks>
public abstract class RunningSum
{
    /// <summary>Sends on what can be sent, and waits for nothing.</summary>
    /// <param name="final">The numbers from this one to the end are final in all vectors of this process.</param>
    public abstract void Advance(long final);

    /// <summary>Waits for the rest, all of which is final now. Then the first vector has the sum, and the others are 0.</summary>
    public abstract void Complete();
}
