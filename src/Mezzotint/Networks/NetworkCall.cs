using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>F(x, t, condition), as <see cref="DenoisingNetwork.forward"/>, by whatever computes it.</summary>
internal delegate Tensor NetworkCall(Tensor x, Tensor t, Condition condition);
