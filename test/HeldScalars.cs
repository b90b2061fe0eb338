using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace Mezzotint.Tests;

/// <summary>
/// Finds in compiled code what gives TorchSharp a Scalar that nobody holds: such a number can be freed by the garbage collector
/// while libtorch reads it. The projects of the tests share this file.
/// </summary>
internal static class HeldScalars
{
    /// <summary>Asserts that there is none.</summary>
    /// <param name="assembly">The file.</param>
    /// <param name="makesScalars">Whether it must make some, held ones.</param>
    public static void Check(string assembly, bool makesScalars = false)
    {
        using var file = new PEReader(File.OpenRead(assembly));
        var metadata = file.GetMetadataReader();
        var banned = new List<int>();
        var toScalar = new List<int>();
        foreach (var handle in metadata.MemberReferences)
        {
            var member = metadata.GetMemberReference(handle);
            if (member.Parent.Kind != HandleKind.TypeReference || member.GetKind() != MemberReferenceKind.Method)
                continue;
            string type = metadata.GetString(metadata.GetTypeReference((TypeReferenceHandle)member.Parent).Name),
                name = metadata.GetString(member.Name);
            string[] parameters = [.. member.DecodeMethodSignature(new TypeNames(), null).ParameterTypes];
            bool oneTensor = parameters is ["Tensor"];
            if (type == "Tensor" && (name is "op_Addition" or "square"
                || (name is "op_Multiply" or "op_Division" or "op_Subtraction" or "op_Modulus"
                    && !parameters.All(parameter => parameter is "Tensor" or "Scalar"))
                || (name is "add" or "add_" && (oneTensor || parameters is ["Scalar"]))
                || (name is "addcmul_" or "addcdiv_" or "addcmul" or "addcdiv" && parameters.Length == 2)))
                banned.Add(MetadataTokens.GetToken(handle));
            if (type == "Scalar" && name == "op_Implicit")
                toScalar.Add(MetadataTokens.GetToken(handle));
        }
        if (makesScalars)
            Assert.NotEmpty(toScalar); // else the search finds nothing at all

        var found = new List<string>();
        foreach (var handle in metadata.MethodDefinitions)
        {
            var method = metadata.GetMethodDefinition(handle);
            if (method.RelativeVirtualAddress == 0)
                continue;
            byte[] code = file.GetMethodBody(method.RelativeVirtualAddress).GetILBytes()!;
            for (int i = 0; i + 5 < code.Length; i++)
            {
                if (code[i] is not ((byte)ILOpCode.Call or (byte)ILOpCode.Callvirt))
                    continue;
                int token = BitConverter.ToInt32(code, i + 1);
                if (banned.Contains(token)
                    || (toScalar.Contains(token) && !IsStore(code[i + 5], code[Math.Min(i + 6, code.Length - 1)])))
                {
                    string type = metadata.GetString(metadata.GetTypeDefinition(method.GetDeclaringType()).Name);
                    found.Add($"{type}.{metadata.GetString(method.Name)}");
                }
            }
        }
        Assert.True(
            found.Count == 0,
            $"{Path.GetFileName(assembly)}: these use an operator that makes a Scalar which nothing holds, or make one without a "
            + $"using or a static field: {string.Join(", ", found.Distinct())}. Use LinearCombination.Sum.");
    }

    private static bool IsStore(byte first, byte second) =>
        (ILOpCode)first is ILOpCode.Stloc_0 or ILOpCode.Stloc_1 or ILOpCode.Stloc_2 or ILOpCode.Stloc_3
            or ILOpCode.Stloc_s or ILOpCode.Stfld or ILOpCode.Stsfld
        || (ILOpCode)((first << 8) | second) is ILOpCode.Stloc;

    /// <summary>Names types as far as the test asks for them.</summary>
    private sealed class TypeNames : ISignatureTypeProvider<string, object?>
    {
        public string GetTypeFromReference(MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind) =>
            reader.GetString(reader.GetTypeReference(handle).Name);
        public string GetTypeFromDefinition(MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind) =>
            reader.GetString(reader.GetTypeDefinition(handle).Name);
        public string GetPrimitiveType(PrimitiveTypeCode typeCode) => typeCode.ToString();
        public string GetGenericInstantiation(
            string genericType, System.Collections.Immutable.ImmutableArray<string> typeArguments) => genericType;
        public string GetArrayType(string elementType, ArrayShape shape) => elementType + "[,]";
        public string GetByReferenceType(string elementType) => elementType + "&";
        public string GetFunctionPointerType(MethodSignature<string> signature) => "*";
        public string GetGenericMethodParameter(object? genericContext, int index) => "T";
        public string GetGenericTypeParameter(object? genericContext, int index) => "T";
        public string GetModifiedType(string modifier, string unmodifiedType, bool isRequired) => unmodifiedType;
        public string GetPinnedType(string elementType) => elementType;
        public string GetPointerType(string elementType) => elementType + "*";
        public string GetSZArrayType(string elementType) => elementType + "[]";
        public string GetTypeFromSpecification(
            MetadataReader reader, object? genericContext, TypeSpecificationHandle handle, byte rawTypeKind) => "?";
    }
}
