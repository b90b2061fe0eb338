using static TorchSharp.torch;

namespace Mezzotint.Networks;

/// <summary>F(x, t, labels), as <see cref="DenoisingNetwork.forward"/>, by whatever computes it.</summary>
internal delegate Tensor NetworkCall(Tensor x, Tensor t, Tensor labels);
