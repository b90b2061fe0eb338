using System.Reflection;
using System.Reflection.Emit;

namespace Mezzotint.Tests;

/// <summary>
/// Finds in compiled code which rooms use which: a room is the first part of a namespace after the assembly's own. The projects
/// of the tests share this file.
/// </summary>
internal static class Rooms
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly;

    private static readonly Dictionary<short, OpCode> OpCodesByValue = typeof(OpCodes).GetFields()
        .Select(field => field.GetValue(null)).OfType<OpCode>().ToDictionary(code => code.Value);

    /// <summary>Asserts that each room uses only rooms before it.</summary>
    /// <param name="assembly">The code; its name is the namespace above the rooms.</param>
    /// <param name="order">The rooms, from the ground. What lies in no room comes before all.</param>
    public static void Check(Assembly assembly, IReadOnlyList<string> order)
    {
        var found = new SortedDictionary<string, SortedSet<string>>(StringComparer.Ordinal);
        var seen = new HashSet<string>();
        foreach (var type in assembly.GetTypes())
        {
            if (Room(assembly, type) is not { } room)
                continue;
            seen.Add(room);
            foreach (var other in Used(type).SelectMany(Parts).Where(other => other.Assembly == assembly))
                if (Room(assembly, other) is { } otherRoom && Rank(order, otherRoom) > Rank(order, room))
                {
                    string arrow = $"{room} -> {otherRoom}";
                    if (!found.TryGetValue(arrow, out var types))
                        found[arrow] = types = [];
                    types.Add($"{Outermost(type).Name} uses {Outermost(other).Name}");
                }
        }
        Assert.Equal(order.Order(StringComparer.Ordinal), seen.Where(room => room.Length > 0).Order(StringComparer.Ordinal));
        Assert.True(found.Count == 0, string.Join('\n', found.Select(arrow => $"{arrow.Key}: {string.Join(", ", arrow.Value)}")));
    }

    /// <summary>Asserts that the namespace of each file is its folder.</summary>
    /// <param name="source">The folder of a project, which has the name of its namespace.</param>
    public static void CheckNamespaces(string source)
    {
        string name = Path.GetFileName(source);
        foreach (string file in Directory.EnumerateFiles(source, "*.cs", SearchOption.AllDirectories))
        {
            string? declared =
                File.ReadLines(file).FirstOrDefault(line => line.StartsWith("namespace ", StringComparison.Ordinal));
            if (declared is null)
                continue; // top-level statements, attributes of the assembly
            string folder = Path.GetRelativePath(source, Path.GetDirectoryName(file)!);
            string expected = folder == "." ? name : $"{name}.{folder.Replace(Path.DirectorySeparatorChar, '.')}";
            Assert.True(declared == $"namespace {expected};", $"{file} declares '{declared}', not {expected}");
        }
    }

    private static int Rank(IReadOnlyList<string> order, string room)
    {
        if (room.Length == 0)
            return -1;
        int rank = order.ToList().IndexOf(room);
        Assert.True(rank >= 0, $"The order says nothing of the room {room}");
        return rank;
    }

    /// <summary>"" for the root; null for what the compiler adds under other namespaces.</summary>
    private static string? Room(Assembly assembly, Type type)
    {
        string root = assembly.GetName().Name!, name = Outermost(type).Namespace ?? "";
        return name == root
            ? "" : name.StartsWith(root + ".", StringComparison.Ordinal) ? name[(root.Length + 1)..].Split('.')[0] : null;
    }

    private static Type Outermost(Type type)
    {
        while (type.DeclaringType is { } outer)
            type = outer;
        return type;
    }

    /// <summary>The types that a type is made of.</summary>
    private static IEnumerable<Type> Parts(Type type)
    {
        if (type.HasElementType)
            return Parts(type.GetElementType()!);
        if (type.IsGenericParameter)
            return [];
        return type.IsConstructedGenericType ? [type, .. type.GetGenericArguments().SelectMany(Parts)] : [type];
    }

    private static IEnumerable<Type> Used(Type type)
    {
        IEnumerable<Type?> used =
        [
            type.BaseType, .. type.GetInterfaces(), .. OfAttributes(type), .. Constraints(type.GetGenericArguments()),
            .. type.GetFields(Declared).SelectMany(field => OfAttributes(field).Append(field.FieldType)),
            .. type.GetProperties(Declared).SelectMany(OfAttributes),
            .. type.GetMethods(Declared).SelectMany(OfMethod), .. type.GetConstructors(Declared).SelectMany(OfMethod),
        ];
        return used.OfType<Type>();
    }

    private static IEnumerable<Type> OfAttributes(MemberInfo member) =>
        member.GetCustomAttributesData().SelectMany(attribute => attribute.ConstructorArguments
            .Select(argument => argument.Value as Type).OfType<Type>().Append(attribute.AttributeType));

    private static IEnumerable<Type> Constraints(Type[] arguments) =>
        arguments.Where(argument => argument.IsGenericParameter)
            .SelectMany(argument => argument.GetGenericParameterConstraints());

    private static IEnumerable<Type> OfMethod(MethodBase method)
    {
        Type[] own = method.IsGenericMethod ? method.GetGenericArguments() : [];
        IEnumerable<Type> signature =
        [
            .. OfAttributes(method), .. Constraints(own), .. method.GetParameters().Select(parameter => parameter.ParameterType),
            .. method is MethodInfo { ReturnType: var result } ? [result] : Type.EmptyTypes,
        ];
        return method.GetMethodBody() is not { } body ? signature :
            [
                .. signature, .. body.LocalVariables.Select(local => local.LocalType),
                .. OfCode(method, body.GetILAsByteArray()!, own),
            ];
    }

    private static IEnumerable<Type> OfCode(MethodBase method, byte[] code, Type[] own)
    {
        Type[] outer = method.DeclaringType!.IsGenericType ? method.DeclaringType.GetGenericArguments() : [];
        for (int i = 0; i < code.Length;)
        {
            short value = code[i++];
            if (value == 0xFE)
                value = (short)(0xFE00 | code[i++]);
            var kind = OpCodesByValue[value].OperandType;
            if (kind is OperandType.InlineMethod or OperandType.InlineField or OperandType.InlineType or OperandType.InlineTok)
            {
                var member = method.Module.ResolveMember(BitConverter.ToInt32(code, i), outer, own)!;
                foreach (var type in OfMember(member))
                    yield return type;
            }
            i += kind switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + 4 * BitConverter.ToInt32(code, i),
                _ => 4,
            };
        }
    }

    private static IEnumerable<Type> OfMember(MemberInfo member) => member switch
    {
        Type type => [type],
        FieldInfo field => [field.DeclaringType!, field.FieldType],
        MethodInfo { IsGenericMethod: true } made => [made.DeclaringType!, made.ReturnType, .. made.GetGenericArguments()],
        MethodInfo called => [called.DeclaringType!, called.ReturnType],
        _ => [member.DeclaringType!],
    };
}
