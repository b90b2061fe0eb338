Console.WriteLine(Mezzotint.Runtime.Libtorch.Load());
M();
static void M() => Console.WriteLine(TorchSharp.torch.randn(2,2).sum().item<float>() + TorchSharp.torch.__version__);
