using static TorchSharp.torch;
using Mezzotint.Networks;
var net = new UNet(new UNetConfig(), 42);
Console.WriteLine(ModuleTree.Print(net));
Console.Error.WriteLine(net.parameters().Sum(p => p.numel()));
foreach (var (n,p) in net.named_parameters().Take(5)) Console.Error.WriteLine(n + " " + p.requires_grad);
var y = net.call(randn(2,1,28,28), rand(2), zeros(2,1,dtype:ScalarType.Int64));
Console.Error.WriteLine(string.Join(",", y.shape)+ " "+ y.std().item<float>());
